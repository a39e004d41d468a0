"""Closed forms of single detectors, and what has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError
from simulated_devices.world import World, expected_coincidences_hz, expected_singles_hz

StartWorld = Callable[..., World]


def test_a_saturated_detector_reaches_the_golden_rate(start_world: StartWorld) -> None:
    world = start_world(pump_mw=0.0, detector={"dark_rate_hz": 5e6, "dead_time_ns": 100.0})
    assert expected_singles_hz(world, "bob_v") == pytest.approx(3_333_333, abs=1)


def test_a_paralyzed_detector_reaches_the_golden_rate(start_world: StartWorld) -> None:
    detector = {"dark_rate_hz": 5e6, "dead_time_ns": 100.0, "dead_time_model": "paralyzable"}
    world = start_world(pump_mw=0.0, detector=detector)
    assert expected_singles_hz(world, "bob_v") == pytest.approx(3_032_653, abs=1)


@pytest.mark.parametrize(
    ("rate_hz", "dead_ns", "recovery_ns"), [(5e6, 20.0, 50.0), (1e3, 0.0, 1e6), (9e7, 10.0, 1e5)]
)
def test_a_recovering_detector_has_the_rate_of_the_renewal_integral(
    start_world: StartWorld, rate_hz: float, dead_ns: float, recovery_ns: float
) -> None:
    detector = {"dark_rate_hz": rate_hz, "dead_time_ns": dead_ns, "recovery_ns": recovery_ns}
    world = start_world(pump_mw=0.0, detector=detector)
    recovery_s = recovery_ns * 1e-9
    # The hazard integrates to n R at x = R, and to (x/R)^2 n R/2 before: enough of both.
    scale_s = 1 / rate_hz + math.sqrt(recovery_s / rate_hz)
    x = np.linspace(0.0, 40 * scale_s, 2_000_001)
    survival = np.exp(-rate_hz * (x + recovery_s * np.expm1(-x / recovery_s)))
    mean_s = dead_ns * 1e-9 + np.trapezoid(survival, x)
    assert expected_singles_hz(world, "bob_v") == pytest.approx(1 / mean_s, rel=1e-6)


def test_a_recovering_detector_in_the_dark_does_not_click(start_world: StartWorld) -> None:
    world = start_world(pump_mw=0.0, detector={"dark_rate_hz": 0.0, "recovery_ns": 10.0})
    assert expected_singles_hz(world, "bob_v") == 0.0


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ({"recovery_ns": 5.0}, "no closed form for coincidences with recovery_ns"),
        (
            {"dead_time_model": "paralyzable", "afterpulse_probability": 0.01},
            "afterpulses and a paralyzable dead time",
        ),
    ],
)
def test_what_has_no_closed_form_is_refused(
    start_world: StartWorld, detector: dict[str, Any], message: str
) -> None:
    world = start_world(detector=detector)
    with pytest.raises(ConfigError, match=message):
        expected_coincidences_hz(world, "alice_h", "bob_h", 6000)


def test_mixed_and_combined_models_are_refused(start_world: StartWorld) -> None:
    mixed = start_world(bob_detector={"dead_time_model": "paralyzable"})
    with pytest.raises(ConfigError, match="alice_h and bob_h: there is no closed form"):
        expected_coincidences_hz(mixed, "alice_h", "bob_h", 6000)
    both = start_world(detector={"recovery_ns": 5.0, "afterpulse_probability": 0.01})
    with pytest.raises(ConfigError, match="afterpulses and recovery_ns together"):
        expected_singles_hz(both, "alice_h")


def test_afterpulses_alone_cascade(start_world: StartWorld) -> None:
    detector = {"dark_rate_hz": 1e6, "dead_time_ns": 0.0, "afterpulse_probability": 0.2}
    world = start_world(pump_mw=0.0, detector=detector)
    assert expected_singles_hz(world, "bob_v") == pytest.approx(1e6 / 0.8)
