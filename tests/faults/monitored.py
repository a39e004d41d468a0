"""What tests of the monitor share: its values and alarms, and time that passes for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from labctl.lab import Lab, Monitor

INTERVAL_S = 0.1
#: Is never set: waiting for it leaves the computer to the others.
PAUSE = threading.Event()


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        PAUSE.wait(0.005)


def value(monitor: Monitor, path: str) -> dict[str, Any]:
    instrument, _, setting = path.partition(".")
    return monitor.values()[instrument][setting]


def alarms(monitor: Monitor) -> dict[str, dict[str, Any]]:
    return {entry["key"]: entry for entry in monitor.alarms.snapshot()}


def is_active(monitor: Monitor, key: str) -> bool:
    return bool(alarms(monitor).get(key, {}).get("is_active"))


def looked(monitor: Monitor, path: str, times: int = 3) -> None:
    """Wait until a value was read so many times from now on."""
    for _ in range(times):
        former = value(monitor, path)["utc_ns"]
        wait_for(lambda former=former: value(monitor, path)["utc_ns"] != former)  # type: ignore[misc]


def light_up(lab: Lab, monitor: Monitor) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.clock.wait(0.5)
    wait_for(lambda: value(monitor, "pump.emission")["value"] is True)
    looked(monitor, "pump.emission")


def pass_time(
    lab: Lab, condition: Callable[[], object], step_s: float = 0.1, *, pause_s: float = INTERVAL_S
) -> float:
    """Let bench time pass, with a look of the monitor each time, until the condition holds.

    Returns how much passed.
    """
    deadline_s, passed_s = time.monotonic() + 20.0, 0.0
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        lab.clock.wait(step_s)
        passed_s += step_s
        PAUSE.wait(pause_s)
    return passed_s
