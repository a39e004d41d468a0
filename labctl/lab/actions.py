"""What an interlock rule can do: words of a configuration, and the deeds they stand for.

Every action makes the bench darker or quieter; none can switch anything on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.device import Device
from labctl.errors import ConfigError, InstrumentError, LabError, LinkError, nearest
from labctl.lab.safety import SafetyReport, make_one_safe

__all__ = ["KIND_OF_VERB", "Action", "ActionTaker", "Deed", "parse_action"]

#: What is done to an instrument -> the kind that it must be of.
KIND_OF_VERB: Mapping[str, str] = {
    "off": "laser",
    "close": "shutter",
    "max": "attenuator",
    "down": "detector",
}
_WITHOUT_INSTRUMENT = ("pause run", "abort run", "all safe")
#: An attenuator has arrived when it reads back this close to where it was sent.
_ATTENUATION_TOLERANCE_DB = 0.1


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a rule; `instrument` is empty where it concerns the run or everything."""

    verb: str
    instrument: str = ""

    def __str__(self) -> str:
        return f"{self.instrument} {self.verb}" if self.instrument else self.verb


def parse_action(text: str) -> Action:
    """Return the action that `text` names; whether the instrument exists is not looked at.

    Raises:
        ConfigError: it names none.
    """
    words = text.split()
    phrase = " ".join(words)
    if phrase in _WITHOUT_INSTRUMENT:
        return Action(phrase)
    if len(words) == 2 and words[1] in KIND_OF_VERB:  # noqa: PLR2004  instrument and verb
        return Action(words[1], words[0])
    guess = nearest(phrase, _WITHOUT_INSTRUMENT)
    if len(words) == 2:  # noqa: PLR2004  as above
        guess = guess or nearest(words[1], KIND_OF_VERB)
    forms = ", ".join(
        [*(f'"NAME {verb}"' for verb in KIND_OF_VERB), *map(repr, _WITHOUT_INSTRUMENT)]
    )
    raise ConfigError(f'"{text}" is no action{guess}; actions are: {forms}'.replace("'", '"'))


class Deed:
    """One action being carried out, in a thread of its own: a dead instrument holds up nobody.

    Attributes:
        action: what is done.
        begun_s: when, by time.monotonic().
        failure: why it could not be confirmed; empty where it was, or is still under way.
    """

    def __init__(
        self, action: Action, work: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        self.action = action
        self.begun_s = time.monotonic()
        self.failure = ""
        self._work = work
        self._on_end = on_end
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"monitor: {action}", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """True once it was confirmed, or failed."""
        return self._has_ended.is_set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end and return whether it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except LabError as error:
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001  a driver's bug is a failure like any other
            self.failure = f"the driver failed: {error!r}"
        self._has_ended.set()
        self._on_end()


class ActionTaker:
    """Begins deeds; used by the thread that judges the rules."""

    def __init__(
        self,
        devices: Mapping[str, Device],
        make_safe: Callable[[], SafetyReport],
        *,
        pause_run: Callable[[str], None] | None,
        abort_run: Callable[[str], None] | None,
        on_end: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._make_safe = make_safe
        self._pause_run = pause_run
        self._abort_run = abort_run
        self._on_end = on_end

    def begin(self, action: Action, reason: str) -> Deed:
        """Begin an action and return it under way; `reason` is told to the run it ends."""
        return Deed(action, lambda: self._take(action, reason), self._on_end)

    def _take(self, action: Action, reason: str) -> None:
        if action.verb == "pause run":
            _tell(self._pause_run, reason)
        elif action.verb == "abort run":
            _tell(self._abort_run, reason)
        elif action.verb == "all safe":
            # The run is told first, so that it does not light up what is being switched off.
            _tell(self._abort_run, reason)
            report = self._make_safe()
            if not report.is_safe:
                raise InstrumentError(str(report))
        else:
            _act_on(self._devices[action.instrument], action.verb)


def _tell(run: Callable[[str], None] | None, reason: str) -> None:
    """Tell the run; where nobody can start one there is nothing to tell."""
    if run is not None:
        run(reason)


def _act_on(device: Any, verb: str) -> None:
    """Carry out what a verb says and confirm it by read-back."""
    if verb == "max":
        _attenuate(device)
        return
    # What a kind's make_safe does is what the verb says, confirmed by the driver.
    make_one_safe(device)
    if (verb == "off" and device.emission) or (verb == "close" and device.is_open):
        raise InstrumentError(
            f"{device.name} was told to {'switch off' if verb == 'off' else 'close'} and did not",
            device=device.name,
        )


def _attenuate(device: Any) -> None:
    _, most_db = device.limits.get("attenuation_db") or type(device).attenuation_db.limits
    former_db = device.lowered.get("attenuation_db", device.last_set.get("attenuation_db"))
    # Even where it cannot be confirmed: nothing may bring the former loss back by itself.
    device.last_set["attenuation_db"] = most_db
    try:
        device.attenuation_db = most_db
    except LinkError:
        device.reconnect()
        device.attenuation_db = most_db
    finally:
        if former_db is not None:
            device.lowered["attenuation_db"] = former_db
    if abs(device.attenuation_db - most_db) > _ATTENUATION_TOLERANCE_DB:
        raise InstrumentError(
            f"{device.name} was sent to {most_db:g} dB and stands at {device.attenuation_db:g} dB",
            device=device.name,
        )
