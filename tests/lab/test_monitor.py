"""The monitor on the simulated default bench: what it reads, tells, counts, and leaves alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.bus import Alarm
from labctl.errors import InterlockError
from labctl.lab import AlarmBook, Lab, Monitor
from labctl.lab.stream_watch import StreamWatch

INTERVAL_S = 0.1
DARK_RATE_HZ = 100.0
#: Is never set: waiting for it leaves the computer to the others.
PAUSE = threading.Event()


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        PAUSE.wait(0.005)


def keys(monitor: Monitor, *, active: bool = True) -> list[str]:
    return [e["key"] for e in monitor.alarms.snapshot() if e["is_active"] or not active]


def is_fresh(monitor: Monitor, instrument: str) -> bool:
    states = {value["state"] for value in monitor.values()[instrument].values()}
    return states == {"fresh"}


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(simulated=True, speed=0) as opened:
        yield opened


@pytest.fixture
def monitor(lab: Lab) -> Iterator[Monitor]:
    with Monitor(lab, interval_s=INTERVAL_S) as started:
        wait_for(lambda: all(is_fresh(started, name) for name in lab.devices))
        yield started


def test_every_value_of_every_instrument_is_there_as_json_takes_it(
    lab: Lab, monitor: Monitor
) -> None:
    values = json.loads(json.dumps(monitor.values()))
    assert {name: set(found) for name, found in values.items()} == {
        name: set(device.parameters) for name, device in lab.devices.items()
    }
    assert values["pump"]["power_mw"]["value"] == 5.0
    assert values["pump"]["fault"]["value"] == "none"
    assert values["snspd"]["bias_ua"]["value"] == [10.0] * 4
    age_s = (time.time_ns() - values["pump"]["power_mw"]["utc_ns"]) * 1e-9
    assert 0.0 <= age_s < 1.0
    assert keys(monitor, active=False) == [], "a sound bench has no alarm"


def test_a_value_changed_at_the_instrument_is_seen(lab: Lab, monitor: Monitor) -> None:
    lab.simulation.instruments["pump"].power_w = 0.002
    wait_for(lambda: monitor.values()["pump"]["power_mw"]["value"] == 2.0)


def test_only_what_changed_is_told(lab: Lab) -> None:
    told: list[Any] = []
    with Monitor(lab, interval_s=INTERVAL_S, on_values=told.append) as monitor:
        wait_for(lambda: all(is_fresh(monitor, name) for name in lab.devices))
        wait_for(lambda: any("pump" in changed for changed in told))
        lab.simulation.instruments["pump"].power_w = 0.002
        wait_for(lambda: any("power_mw" in changed.get("pump", {}) for changed in told[1:]))
        changes = [changed["pump"] for changed in told[1:] if "pump" in changed]
        later = [change for change in changes if set(change) == {"power_mw"}]
        assert [change["power_mw"]["value"] for change in later] == [2.0]


def test_what_was_set_is_read_and_told_even_where_the_reading_is_the_same(lab: Lab) -> None:
    told: list[Any] = []

    def tellings() -> list[Any]:
        return [c["pump"]["power_mw"] for c in told if "power_mw" in c.get("pump", {})]

    with Monitor(lab, interval_s=INTERVAL_S, on_values=told.append):
        wait_for(lambda: [entry["state"] for entry in tellings()][-1:] == ["fresh"])
        before = len(tellings())
        lab.set("pump.power_mw", 5.0)
        wait_for(lambda: len(tellings()) > before)
        assert (tellings()[-1]["value"], tellings()[-1]["state"]) == (5.0, "fresh")


def test_values_grow_old_when_nobody_reads_them(lab: Lab) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: is_fresh(monitor, "pump"))
    wait_for(lambda: monitor.values()["pump"]["power_mw"]["state"] == "stale")
    assert monitor.values()["pump"]["power_mw"]["value"] == 5.0


def test_a_tagger_is_not_asked_while_it_streams_and_again_afterwards(
    lab: Lab, monitor: Monitor
) -> None:
    pump = lab.bench.pumps["tagger"]
    pump.start()
    wait_for(lambda: monitor.values()["tagger"]["threshold_v"]["state"] == "stale")
    lab.clock.wait(1.0)
    assert keys(monitor, active=False) == []
    pump.stop()
    wait_for(lambda: is_fresh(monitor, "tagger"))


def test_a_tagger_that_answers_while_it_streams_is_asked(edited: Callable[..., Path]) -> None:
    path = edited(
        ('driver = "s15_tdc1"', 'driver = "swabian_timetagger"'),
        ('"serial:///dev/ttyACM0"', '"library://swabian/1"'),
        ("set = { threshold_v = -0.5 }", ""),
    )
    with Lab(path, simulated=True, speed=0) as lab, Monitor(lab, interval_s=INTERVAL_S) as monitor:
        lab.bench.pumps["tagger"].start()
        wait_for(lambda: is_fresh(monitor, "tagger"))
        lab.simulation.fault("tagger", "overflow")
        lab.clock.wait(0.2)
        wait_for(lambda: monitor.values()["tagger"]["overflows"]["value"] == 1)
        lab.bench.pumps["tagger"].stop()


def test_rates_are_counted_where_nobody_else_does(lab: Lab) -> None:
    pump, duration_s = lab.bench.pumps["tagger"], 4.0
    channels = {d.name: d.channel for d in lab.bench.detectors.values()}
    watch = StreamWatch(pump, channels, AlarmBook(lab.bus), lab.clock, counts=True)
    pump.start()
    lab.clock.wait(duration_s)
    watch.look()
    rates = watch.rates(None, stale_s=3.0)
    pump.stop()
    watch.close()
    assert set(rates) == set(lab.bench.detectors)
    # Poisson counts in the dark: five standard deviations.
    sigma_hz = (DARK_RATE_HZ / duration_s) ** 0.5
    assert all(abs(rate.value - DARK_RATE_HZ) < 5 * sigma_hz for rate in rates.values())
    assert watch.rates(None, stale_s=3.0) == {}, "without a stream nothing is measured"


def test_rates_are_there_while_the_tagger_streams(lab: Lab, monitor: Monitor) -> None:
    assert monitor.rates_hz() == {}
    lab.bench.pumps["tagger"].start()
    lab.clock.wait(0.5)
    wait_for(lambda: set(monitor.rates_hz()) == set(lab.bench.detectors))
    lab.bench.pumps["tagger"].stop()
    wait_for(lambda: monitor.rates_hz() == {})


def test_rates_that_are_given_are_taken_while_the_tagger_streams(lab: Lab) -> None:
    given = {"alice_h": 1234.0}
    with Monitor(lab, interval_s=INTERVAL_S, rates_hz=lambda: given) as monitor:
        lab.bench.pumps["tagger"].start()
        wait_for(lambda: monitor.rates_hz() == given)
        lab.bench.pumps["tagger"].stop()
        wait_for(lambda: monitor.rates_hz() == {})


def test_rates_that_cannot_be_had_do_not_pass_for_fresh(lab: Lab) -> None:
    answers: list[dict[str, float]] = [{"alice_h": 10.0}] * 3

    def rates_hz() -> dict[str, float]:
        return answers.pop()

    with Monitor(lab, interval_s=INTERVAL_S, rates_hz=rates_hz) as monitor:
        lab.bench.pumps["tagger"].start()
        wait_for(lambda: not answers)
        wait_for(lambda: monitor.rates_hz() == {})
        wait_for(lambda: "monitor" in [e["source"] for e in monitor.alarms.snapshot()])
        lab.bench.pumps["tagger"].stop()


def test_alarms_that_others_publish_are_in_the_book(lab: Lab, monitor: Monitor) -> None:
    lab.bus.publish(Alarm("disk", "the disk is nearly full"))
    wait_for(monitor.alarms.snapshot)
    (entry,) = monitor.alarms.snapshot()
    assert (entry["source"], entry["text"]) == ("disk", "the disk is nearly full")


def test_what_listens_and_fails_is_an_alarm_and_ends_nothing(lab: Lab) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("oops")

    with Monitor(lab, interval_s=INTERVAL_S, on_values=fail) as monitor:
        wait_for(monitor.alarms.snapshot)
        (entry,) = monitor.alarms.snapshot()
        assert entry["text"] == "the monitor failed: ZeroDivisionError('oops')"
        lab.simulation.instruments["pump"].power_w = 0.002
        wait_for(lambda: monitor.values()["pump"]["power_mw"]["value"] == 2.0)


def test_closing_ends_every_thread_and_twice_is_allowed(lab: Lab) -> None:
    monitor = Monitor(lab, interval_s=INTERVAL_S)
    monitor.start()
    wait_for(lambda: is_fresh(monitor, "snspd"))
    monitor.close()
    monitor.close()
    assert not [t.name for t in threading.enumerate() if t.name.startswith("monitor")]


def test_a_monitor_that_was_never_started_can_be_closed(lab: Lab) -> None:
    Monitor(lab).close()


def test_looking_draws_no_link_away_from_a_move(lab: Lab, monitor: Monitor) -> None:
    mount = lab.bench.rotators["alice_hwp"]
    mount.start_move(20.0)
    angles: list[float] = []
    while mount.is_moving:
        lab.clock.wait(0.2)
        wait_for(
            lambda: (
                monitor.values()["alice_hwp"]["angle_deg"]["value"]
                == pytest.approx(mount.angle_deg)
            )
        )
        angles.append(monitor.values()["alice_hwp"]["angle_deg"]["value"])
    assert angles[-1] == pytest.approx(20.0, abs=1e-3)
    assert len({round(angle, 2) for angle in angles}) > 3, "it was seen on its way"


def test_a_rule_of_the_configuration_is_applied_and_told(edited: Callable[..., Path]) -> None:
    rule = '[interlocks.bright]\nwhen = "pump.power_mw > 6"\nthen = ["pump off"]\n'
    path = edited(("[data]", f"{rule}[data]"))
    with Lab(path, simulated=True, speed=0) as lab, Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: monitor.rules()[0]["reason"])
        lab.set("pump.emission", value=True, arm=True)
        monitor.refuse_emission("pump")
        lab.set("pump.power_mw", 7.0)
        wait_for(lambda: monitor.rules()[0]["state"] == "violated")
        wait_for(lambda: not monitor.rules()[0]["unconfirmed"])
        assert lab.get("pump.emission") is False
        with pytest.raises(InterlockError, match="bright"):
            monitor.refuse_emission("pump")
        assert keys(monitor) == ["interlocks.bright"]
        lab.set("pump.power_mw", 5.0)
        wait_for(lambda: monitor.rules()[0]["state"] == "quiet")
        assert lab.get("pump.emission") is False
