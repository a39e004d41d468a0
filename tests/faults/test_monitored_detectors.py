"""Row 9 as the monitor sees it: latched, dead, saturated, too bright in the dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labctl.lab import Monitor, bench_path
from labctl.runs import LabSession
from tests.faults.monitored import (
    INTERVAL_S,
    alarms,
    is_active,
    light_up,
    looked,
    pass_time,
    value,
    wait_for,
)

#: While detectors are armed again the monitor looks so often for the next step.
REARM_PAUSE_S = 0.03


def test_a_latched_detector_is_told_and_comes_back(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        lab.simulation.fault("snspd", "latch", channel=2)
        wait_for(lambda: is_active(monitor, "snspd.latched"))
        assert "channel 2 of snspd is latched" in alarms(monitor)["snspd.latched"]["text"]
        pass_time(lab, lambda: not is_active(monitor, "snspd.latched"), pause_s=REARM_PAUSE_S)
        snspd: Any = lab.devices["snspd"]
        assert snspd.latched_channels() == ()
        assert snspd.bias_ua == (10.0,) * 4


def test_a_detector_that_latches_again_and_again_is_left_without_bias(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        for _ in range(3):
            lab.simulation.fault("snspd", "latch", channel=2)
            wait_for(lambda: is_active(monitor, "snspd.latched"))
            pass_time(lab, lambda: not is_active(monitor, "snspd.latched"), pause_s=REARM_PAUSE_S)
        lab.simulation.fault("snspd", "latch", channel=2)
        wait_for(lambda: "again and again" in alarms(monitor)["snspd.latched"]["text"])
        assert lab.get("snspd.bias_ua") == (0.0,) * 4
        looked(monitor, "snspd.bias_ua")
        assert is_active(monitor, "snspd.latched"), "without bias it only looks as if it were well"
        assert lab.get("snspd.bias_ua") == (0.0,) * 4
        # The hot spot is gone once there was no bias for a moment.
        lab.clock.wait(0.5)
        lab.set("snspd.bias_ua", (10.0,) * 4)
        wait_for(lambda: not is_active(monitor, "snspd.latched"))


def test_where_it_is_not_wanted_a_latched_detector_is_only_told(tmp_path: Path) -> None:
    with watched(tmp_path, "[monitor]\nrearm_latched = false\n") as (lab, monitor):
        lab.simulation.fault("snspd", "latch", channel=2)
        wait_for(lambda: is_active(monitor, "snspd.latched"))
        looked(monitor, "snspd.bias_ua")
        assert lab.devices["snspd"].latched_channels() == (2,)  # type: ignore[attr-defined]


class watched:  # noqa: N801  used like a function
    """The default bench with more text, stepped and watched."""

    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "instruments.toml"
        path.write_text(bench_path("default").read_text(encoding="utf-8") + text, encoding="utf-8")
        self.lab = LabSession(path, simulated=True, seed=1, speed=0)
        self.monitor = Monitor(self.lab, interval_s=INTERVAL_S)

    def __enter__(self) -> tuple[LabSession, Monitor]:
        self.monitor.start()
        return self.lab, self.monitor

    def __exit__(self, *_: object) -> None:
        self.monitor.close()
        self.lab.close()


LIMITS = "".join(
    f"[monitor.rates.{name}]\nmin_hz = 1\nmax_hz = 2e4\ndark_max_hz = 400\n"
    for name in ("alice_h", "alice_v", "bob_h", "bob_v")
)


@pytest.mark.parametrize(
    ("fault", "arguments", "key", "told"),
    [
        # 100 dark counts per second each; the limits allow 1 to 400 of them.
        ("dead", {"channel": 3}, "bob_h.rate", "bob_h counts 0 /s, less than min_hz = 1"),
        ("darks", {"channel": 1}, "alice_h.rate", "more than dark_max_hz = 400 while every laser"),
        ("latch", {"channel": 2}, "alice_v.rate", "alice_v counts 0 /s, less than min_hz = 1"),
    ],
)
def test_a_rate_outside_its_limits_is_an_alarm(
    fault: str, arguments: dict[str, int], key: str, told: str, tmp_path: Path
) -> None:
    with watched(tmp_path, f"{LIMITS}[monitor]\nrearm_latched = false\n") as (lab, monitor):
        wait_for(lambda: value(monitor, "pump.emission")["state"] == "fresh")
        lab.bench.pumps["tagger"].start()
        pass_time(lab, lambda: len(monitor.rates_hz()) == 4, 1.0)
        lab.simulation.fault("snspd", fault, **arguments)
        pass_time(lab, lambda: is_active(monitor, key), 1.0)
        assert told in alarms(monitor)[key]["text"]
        assert alarms(monitor)[key]["severity"] == "alarm"
        lab.bench.pumps["tagger"].stop()


def test_saturation_is_an_alarm(tmp_path: Path) -> None:
    with watched(tmp_path, LIMITS) as (lab, monitor):
        light_up(lab, monitor)
        lab.bench.pumps["tagger"].start()
        # 5 mW make 0.4 M pairs/s, of which an eighth reaches each detector: 50 000 per second.
        pass_time(lab, lambda: is_active(monitor, "alice_h.rate"))
        assert "more than max_hz = 20000: too much light" in alarms(monitor)["alice_h.rate"]["text"]
        lab.bench.pumps["tagger"].stop()
        lab.make_safe()


def test_a_dead_channel_among_living_ones_is_an_alarm_without_any_limits(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        lab.bench.pumps["tagger"].start()
        pass_time(lab, lambda: len(monitor.rates_hz()) == 4, 0.5)
        lab.simulation.fault("snspd", "dead", channel=3)
        pass_time(lab, lambda: is_active(monitor, "bob_h.dead"), 1.0)
        assert alarms(monitor)["bob_h.dead"]["severity"] == "alarm"
        lab.simulation.fault("snspd", "dead", channel=3, is_dead=False)
        pass_time(lab, lambda: not is_active(monitor, "bob_h.dead"), 0.5)
        lab.bench.pumps["tagger"].stop()
