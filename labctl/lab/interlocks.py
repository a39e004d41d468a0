"""Interlock rules: judged by the monitor, carried out with confirmation, never undone.

A rule is violated while its condition holds, and also while anything it looks at is stale or
cannot be read: a rule that cannot see must assume the worst. Count rates are there while their
tagger streams; without a stream nothing is measured: a rule that hangs on them waits, and one
that has fired stays so.

Once violated for `for_s` a rule fires: an alarm, which a run records, and its actions. It fires
again only after it was not violated. An action that could not be confirmed is tried until it is.

Software is no safety function: these rules mirror the interlocks of the laboratory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from labctl.bus import Bus, Level, Message
from labctl.errors import InterlockError, LimitError
from labctl.lab.actions import KIND_OF_VERB, Action, ActionTaker, Deed, parse_action
from labctl.lab.alarms import AlarmBook
from labctl.lab.condition_text import parse_condition
from labctl.lab.conditions import Condition, Quantity, holds, quantities
from labctl.lab.config import InterlockConfig
from labctl.lab.values import MonitoredValue
from labctl.units import format_quantity, unit_of

__all__ = ["Interlocks", "Look", "Rule", "Verdict"]

#: What is known of a quantity; None for a rate that is not measured now.
Look: TypeAlias = Callable[[Quantity], MonitoredValue | None]

#: An action that takes longer is told to be unconfirmed; it goes on all the same.
_CONFIRMED_WITHIN_S = 5.0
_RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[interlocks.NAME]`."""

    name: str
    text: str
    condition: Condition
    for_s: float
    actions: tuple[Action, ...]

    @classmethod
    def of(cls, name: str, config: InterlockConfig) -> Rule:
        """Return the rule that a sound configuration describes."""
        actions = tuple(parse_action(text) for text in config.then)
        return cls(name, config.when, parse_condition(config.when), config.for_s, actions)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule is violated, and by what.

    Attributes:
        is_violated: the condition holds, or something it looks at cannot be seen.
        reason: the values, or what is missing.
    """

    is_violated: bool
    reason: str


@dataclass(slots=True)
class _Watched:
    """Where one rule is."""

    rule: Rule
    verdict: Verdict = Verdict(False, "")
    since_s: float | None = None
    since_utc: float = 0.0
    has_fired: bool = False
    fired: int = 0
    deeds: dict[Action, Deed] = field(default_factory=dict)
    confirmed: list[Action] = field(default_factory=list)


class Interlocks:
    """Judges all rules; owned by the monitor's thread, `status` and `refuse_emission` by any."""

    def __init__(
        self, rules: Mapping[str, InterlockConfig], taker: ActionTaker, alarms: AlarmBook, bus: Bus
    ) -> None:
        self._watched = [_Watched(Rule.of(name, config)) for name, config in rules.items()]
        self._taker = taker
        self._alarms = alarms
        self._bus = bus

    def judge(self, look: Look, now_s: float) -> None:
        """Judge every rule by the present values and act; `now_s` is bench time."""
        for watched in self._watched:
            verdict = _judged(watched.rule, look)
            if verdict is not None or not watched.has_fired:
                watched.verdict = verdict or Verdict(False, "its rates are not measured now")
            if not watched.verdict.is_violated:
                self._rest(watched)
            elif not watched.has_fired:
                self._wait_or_fire(watched, now_s)
            self._follow(watched)

    def refuse_emission(self, instrument: str) -> None:
        """Refuse that a laser is switched on while a rule keeps it off.

        Raises:
            InterlockError: a rule that switches this laser off is violated, or has not yet been
                confirmed to have done so.
        """
        self._refuse(instrument, f"emission of {instrument}", {Action("off", instrument)})

    def refuse_raising(self, instrument: str) -> None:
        """Refuse that what was lowered at an instrument comes back while a rule keeps it down.

        Raises:
            InterlockError: a rule that acts on the instrument is violated, or has not yet been
                confirmed to have acted.
        """
        actions = {Action(verb, instrument) for verb in KIND_OF_VERB}
        self._refuse(instrument, f"bringing {instrument} back", actions)

    def _refuse(self, instrument: str, what: str, actions: set[Action]) -> None:
        for watched in self._watched:
            verdict, rule = watched.verdict, watched.rule
            concerned = (actions | {Action("all safe")}).intersection(rule.actions)
            if concerned and (verdict.is_violated or concerned.intersection(list(watched.deeds))):
                raise InterlockError(
                    f"{what} is refused: the rule [interlocks.{rule.name}] "
                    f"keeps it off: {verdict.reason or 'its actions are not confirmed yet'}",
                    device=instrument,
                    hint="Remove the cause; the rule then lets go by itself.",
                )

    def status(self) -> list[dict[str, Any]]:
        """Return where every rule is, as JSON takes it."""
        return [
            {
                "name": w.rule.name,
                "when": w.rule.text,
                "then": [str(action) for action in w.rule.actions],
                "state": _word(w),
                "reason": w.verdict.reason,
                "fired": w.fired,
                "since_utc": w.since_utc,
                "unconfirmed": [str(action) for action in list(w.deeds)],
            }
            for w in self._watched
        ]

    def join(self, timeout_s: float) -> list[str]:
        """Wait for the actions under way and return those that have not ended."""
        deadline_s = time.monotonic() + timeout_s
        deeds = [deed for watched in self._watched for deed in list(watched.deeds.values())]
        return [
            str(deed.action)
            for deed in deeds
            if not deed.join(max(0.0, deadline_s - time.monotonic()))
        ]

    def _wait_or_fire(self, watched: _Watched, now_s: float) -> None:
        if watched.since_s is None:
            watched.since_s, watched.since_utc = now_s, time.time()
        if now_s - watched.since_s < watched.rule.for_s:
            return
        rule = watched.rule
        watched.confirmed = []
        told = f"{watched.verdict.reason}: {', '.join(map(str, rule.actions))}"
        self._alarms.raise_alarm(_key(rule), "alarm", f"interlock {rule.name}", told)
        # The run is told first, so that it does not take the dark for a failure of the laser.
        for action in sorted(rule.actions, key=lambda action: bool(action.instrument)):
            # One that is still under way from the former time is not begun twice.
            if action not in watched.deeds:
                watched.deeds[action] = self._taker.begin(action, f"interlock {rule.name}: {told}")
        # Last, so that who sees that it has fired sees what is not confirmed yet, too.
        watched.fired += 1
        watched.has_fired = True

    def _rest(self, watched: _Watched) -> None:
        watched.since_s = None
        if watched.has_fired:
            watched.has_fired = False
            self._alarms.clear(_key(watched.rule))

    def _follow(self, watched: _Watched) -> None:
        """Look how the actions of a firing are getting on, and try again what failed."""
        if not watched.deeds:
            return
        now_s = time.monotonic()
        failures = []
        for action, deed in list(watched.deeds.items()):
            late = now_s - deed.begun_s
            if deed.has_ended and not deed.failure:
                watched.confirmed.append(action)
                del watched.deeds[action]
            elif deed.has_ended:
                failures.append(f"{action}: {deed.failure}")
                if late > _RETRY_AFTER_S:
                    again = f"interlock {watched.rule.name}: {action} is tried again"
                    watched.deeds[action] = self._taker.begin(action, again)
            elif late > _CONFIRMED_WITHIN_S:
                failures.append(f"{action}: no answer for {late:.0f} s")
        self._tell(watched, failures)

    def _tell(self, watched: _Watched, failures: list[str]) -> None:
        rule = watched.rule
        key = f"{_key(rule)}.unconfirmed"
        if failures:
            told = f"NOT CONFIRMED: {'; '.join(failures)}"
            self._alarms.raise_alarm(key, "alarm", f"interlock {rule.name}", told)
        elif not watched.deeds:
            told = f"confirmed: {', '.join(map(str, watched.confirmed))}"
            self._bus.publish(Message(f"interlock {rule.name}", told, Level.WARNING))
            self._alarms.clear(key)


def _key(rule: Rule) -> str:
    return f"interlocks.{rule.name}"


def _word(watched: _Watched) -> str:
    if not watched.verdict.is_violated:
        return "quiet"
    return "violated" if watched.has_fired else "waiting"


def _judged(rule: Rule, look: Look) -> Verdict | None:
    """Return the verdict, or None where it takes a rate that is not measured now."""
    looked = {quantity: look(quantity) for quantity in quantities(rule.condition)}
    seen = {quantity: value for quantity, value in looked.items() if value is not None}
    missing = {quantity: value for quantity, value in seen.items() if value.state != "fresh"}
    if missing:
        return Verdict(True, "; ".join(f"{q} {_what_is_missing(v)}" for q, v in missing.items()))
    values = {quantity: value.value for quantity, value in seen.items()}
    listed = ", ".join(f"{q} = {_told(q, value)}" for q, value in values.items())
    try:
        held = holds(rule.condition, values)
    except LimitError as error:
        return Verdict(True, f"the rule cannot be judged: {error}")
    return None if held is None else Verdict(held, f"{rule.text} ({listed})")


def _what_is_missing(value: MonitoredValue) -> str:
    if value.state == "error":
        return f"cannot be read ({value.error})"
    return "is stale" if value.utc_ns else "is not known"


def _told(quantity: Quantity, value: Any) -> str:
    return format_quantity(getattr(value, "value", value), unit_of(quantity.name))
