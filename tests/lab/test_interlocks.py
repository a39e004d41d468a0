"""Rules on a simulated bench: when they fire, what they do, and what they never do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labctl.bus import Alarm, Message, Subscription
from labctl.errors import InterlockError
from labctl.lab import AlarmBook, Lab
from labctl.lab.actions import ActionTaker
from labctl.lab.conditions import Quantity
from labctl.lab.config import InterlockConfig
from labctl.lab.interlocks import Interlocks
from labctl.lab.values import MonitoredValue

WARM = Quantity("snspd", "temperature_k")
RATE = Quantity("alice_h", "rate_hz")


class Judged:
    """Rules of a bench, judged by values that the test chooses, at times that it chooses."""

    def __init__(self, lab: Lab, **rules: InterlockConfig) -> None:
        self.lab = lab
        self.alarms = AlarmBook(lab.bus)
        self.told: list[tuple[str, str]] = []
        self.ended = threading.Event()
        taker = ActionTaker(
            lab.devices,
            lab.make_safe,
            pause_run=lambda reason: self.told.append(("pause", reason)),
            abort_run=lambda reason: self.told.append(("abort", reason)),
            on_end=self.ended.set,
        )
        self.rules = Interlocks(rules, taker, self.alarms, lab.bus)
        self.values: dict[Quantity, MonitoredValue | None] = {}
        self.now_s = 0.0

    def warm(self, value: Any) -> None:
        self.values[WARM] = MonitoredValue(value, 1, "fresh")

    def judge(self) -> dict[str, Any]:
        """Judge, wait until the actions that were begun have ended, and return the first rule."""
        self.rules.judge(self.values.__getitem__, self.now_s)
        assert self.rules.join(10.0) == []
        self.rules.judge(self.values.__getitem__, self.now_s)
        return self.rules.status()[0]

    def active(self) -> list[str]:
        return [str(entry["key"]) for entry in self.alarms.snapshot() if entry["is_active"]]


def rule(
    *then: str, when: str = "snspd.temperature_k > 3.5", for_s: float = 0.0
) -> InterlockConfig:
    return InterlockConfig(when=when, for_s=for_s, then=then)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(simulated=True, speed=0) as opened:
        yield opened


@pytest.fixture
def events(lab: Lab) -> Iterator[Subscription]:
    with lab.bus.subscribe() as subscription:
        yield subscription


@pytest.fixture
def lit(lab: Lab) -> Judged:
    """Return a rule that switches the pump off, which is on."""
    lab.set("pump.emission", value=True, arm=True)
    return Judged(lab, warm=rule("pump off"))


def test_a_rule_is_quiet_while_its_condition_does_not_hold(lit: Judged) -> None:
    lit.warm(3.5)
    assert lit.judge()["state"] == "quiet"
    assert lit.lab.get("pump.emission") is True
    assert lit.alarms.snapshot() == []


def test_firing_is_an_alarm_with_the_value_an_action_and_its_confirmation(
    lit: Judged, events: Subscription
) -> None:
    lit.warm(4.25)
    status = lit.judge()
    assert (status["state"], status["fired"], status["unconfirmed"]) == ("violated", 1, [])
    assert lit.lab.get("pump.emission") is False
    assert not lit.lab.simulation.world.pump.emitting
    told = [event for event in events.drain() if isinstance(event, (Alarm, Message))]
    assert [(event.source, event.text) for event in told] == [
        (
            "interlock warm",
            "snspd.temperature_k > 3.5 (snspd.temperature_k = 4.25 K): pump off",
        ),
        ("interlock warm", "confirmed: pump off"),
    ]
    assert lit.active() == ["interlocks.warm"]


def test_the_end_of_the_violation_switches_nothing_on_and_leaves_the_alarm_to_be_seen(
    lit: Judged,
) -> None:
    lit.warm(4.0)
    lit.judge()
    lit.warm(3.0)
    assert lit.judge()["state"] == "quiet"
    assert lit.lab.get("pump.emission") is False
    (entry,) = lit.alarms.snapshot()
    assert (entry["is_active"], entry["is_acknowledged"]) == (False, False)


def test_a_rule_fires_again_only_after_it_was_not_violated(lit: Judged) -> None:
    lit.warm(4.0)
    lit.judge()
    # By hand, against the rule: it has fired already.
    lit.lab.devices["pump"].emission = True  # type: ignore[attr-defined]  # a laser's
    lit.warm(5.0)
    assert lit.judge()["fired"] == 1
    assert lit.lab.get("pump.emission") is True
    lit.warm(3.0)
    lit.judge()
    lit.warm(4.0)
    assert lit.judge()["fired"] == 2
    assert lit.lab.get("pump.emission") is False
    (entry,) = lit.alarms.snapshot()
    assert entry["count"] == 2


def test_a_violation_must_last_in_one_piece(lab: Lab) -> None:
    judged = Judged(lab, warm=rule("abort run", for_s=10.0))
    for now_s, value, state in [
        (0.0, 4.0, "waiting"),
        (9.9, 4.0, "waiting"),
        (9.95, 3.0, "quiet"),
        (12.0, 4.0, "waiting"),
        (21.9, 4.0, "waiting"),
        (22.0, 4.0, "violated"),
    ]:
        judged.now_s = now_s
        judged.warm(value)
        assert judged.judge()["state"] == state, now_s
    assert len(judged.told) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (MonitoredValue(3.0, 1, "stale"), "snspd.temperature_k is stale"),
        (MonitoredValue(None, 1, "error", "no reply"), "cannot be read (no reply)"),
        (MonitoredValue(None, 0, "stale", "it has not been read"), "is not known"),
        (MonitoredValue(float("nan"), 1, "fresh"), "the rule cannot be judged"),
        (MonitoredValue("warm", 1, "fresh"), "the rule cannot be judged"),
    ],
)
def test_a_rule_that_cannot_see_assumes_the_worst(
    lit: Judged, value: MonitoredValue, reason: str
) -> None:
    lit.values[WARM] = value
    status = lit.judge()
    assert status["state"] == "violated"
    assert reason in status["reason"]
    assert lit.lab.get("pump.emission") is False


def test_a_rule_that_hangs_on_rates_waits_until_they_are_measured(lab: Lab) -> None:
    judged = Judged(lab, bright=rule("abort run", when="alice_h.rate_hz > 1e6"))
    judged.values[RATE] = None
    assert judged.judge()["state"] == "quiet"
    judged.values[RATE] = MonitoredValue(2e6, 1, "fresh")
    assert judged.judge()["state"] == "violated"
    judged.values[RATE] = None
    assert judged.judge()["state"] == "violated", "that nobody looks does not end a violation"
    judged.values[RATE] = MonitoredValue(10.0, 1, "fresh")
    assert judged.judge()["state"] == "quiet"


def test_emission_is_refused_while_a_rule_keeps_it_off(lit: Judged) -> None:
    lit.warm(3.0)
    lit.judge()
    lit.rules.refuse_emission("pump")
    lit.warm(4.0)
    lit.judge()
    with pytest.raises(InterlockError, match=r"\[interlocks.warm\] keeps it off: .*= 4 K"):
        lit.rules.refuse_emission("pump")
    lit.rules.refuse_emission("another_laser")
    lit.warm(3.0)
    lit.judge()
    lit.rules.refuse_emission("pump")


def test_what_could_not_be_confirmed_is_shouted_and_tried_until_it_is(
    lit: Judged, events: Subscription
) -> None:
    lit.lab.simulation.fault("pump", "unplug")
    lit.warm(4.0)
    status = lit.judge()
    assert status["unconfirmed"] == ["pump off"]
    assert lit.active() == ["interlocks.warm", "interlocks.warm.unconfirmed"]
    assert "NOT CONFIRMED: pump off: " in lit.alarms.snapshot()[1]["text"]
    assert lit.lab.simulation.world.pump.emitting
    lit.warm(3.0)
    lit.judge()
    with pytest.raises(InterlockError, match="keeps it off"):
        lit.rules.refuse_emission("pump")
    lit.lab.simulation.fault("pump", "plug")
    deadline_s = time.monotonic() + 10.0
    while lit.judge()["unconfirmed"]:
        assert time.monotonic() < deadline_s
    assert not lit.lab.simulation.world.pump.emitting
    assert lit.active() == []
    assert "confirmed: pump off" in [e.text for e in events.drain() if isinstance(e, Message)]


def test_the_run_is_told_why(lab: Lab) -> None:
    judged = Judged(lab, warm=rule("pause run"), hot=rule("abort run"))
    judged.warm(4.0)
    judged.judge()
    told = dict(judged.told)
    assert told["pause"].startswith("interlock warm: snspd.temperature_k > 3.5")
    assert told["abort"].startswith("interlock hot: snspd.temperature_k > 3.5")


def test_bias_down_takes_the_bias_off_every_detector(lab: Lab) -> None:
    judged = Judged(lab, warm=rule("snspd down"))
    judged.warm(4.0)
    assert judged.judge()["unconfirmed"] == []
    assert lab.get("snspd.bias_ua") == (0.0,) * 4


def test_all_safe_tells_the_run_first_and_makes_everything_safe(lit: Judged) -> None:
    judged = Judged(lit.lab, warm=rule("all safe"))
    judged.warm(4.0)
    assert judged.judge()["unconfirmed"] == []
    assert [kind for kind, _ in judged.told] == ["abort"]
    assert lit.lab.get("pump.emission") is False
    assert lit.lab.get("snspd.bias_ua") == (0.0,) * 4


def test_all_safe_that_is_not_confirmed_is_shouted(lit: Judged) -> None:
    judged = Judged(lit.lab, warm=rule("all safe"))
    lit.lab.simulation.fault("snspd", "hang")
    judged.warm(4.0)
    assert judged.judge()["unconfirmed"] == ["all safe"]
    assert "NOT CONFIRMED SAFE: snspd" in judged.alarms.snapshot()[1]["text"]
    lit.lab.simulation.fault("snspd", "hang", is_hung=False)


def test_an_instrument_that_hangs_does_not_keep_another_rule_from_acting(
    lit: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(lit.lab.devices["snspd"], "make_safe", lambda: let_go.wait(30.0))
    judged = Judged(lit.lab, first=rule("snspd down"), second=rule("pump off"))
    judged.warm(4.0)
    judged.rules.judge(judged.values.__getitem__, 0.0)
    wait_for(lambda: not lit.lab.simulation.world.pump.emitting)
    judged.rules.judge(judged.values.__getitem__, 0.0)
    assert judged.rules.status()[0]["unconfirmed"] == ["snspd down"]
    let_go.set()
    assert judged.judge()["unconfirmed"] == []


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
