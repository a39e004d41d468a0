"""The closed forms behind optics; bounds are 5 sigma."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError
from simulated_devices.world import (
    World,
    WorldParameters,
    expected_coincidences_hz,
    expected_singles_hz,
)

CALM = {"walk_rad_per_sqrt_hour": 0.0, "dispersion_ps_nm_km": 0.0}


def build(seed: int = 0, **source: Any) -> World:
    """A kilometre of fibre to Bob, a lamp on him, and a crystal that is a little too warm."""
    parameters = WorldParameters.model_validate(
        {
            "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0},
            "source": {
                "signal": "alice", "idler": "fibre", "pairs_hz_per_mw": 1e6,
                "spectrum": {"phase_matching": "type0", "crystal_degc": 41.0},
                **source,
            },
            "optics": {"fibre": {"kind": "fibre", "to": "bob", "length_km": 1.0, **CALM}},
            "arms": {
                "alice": {"outputs": {"plus": "a"}}, "bob": {"outputs": {"plus": "b"}},
            },
            "lights": {"lamp": {"to": "bob", "power_mw": 2e-11}},
            "detectors": {"a": {}, "b": {}},
        }
    )  # fmt: skip
    world = World(parameters, seed)
    world.pump.target_mw, world.pump.emitting = 1.0, True
    world.step()
    return world


@pytest.mark.parametrize("seed", [1, 2])
def test_rates_behind_a_fibre_are_those_of_the_closed_forms(seed: int) -> None:
    world = build(seed)
    slices = 200
    steps = [world.step() for _ in range(slices)]
    a, b = (np.concatenate([s.clicks[name] for s in steps]) for name in ("a", "b"))
    for name, clicks in (("a", a), ("b", b)):
        expected = expected_singles_hz(world, name) * slices * 0.01
        assert abs(clicks.size - expected) < 5 * math.sqrt(expected)
    # 1 km at 4.896721 us, on top of equal arms and cables.
    lag_ps, window_ps = 4_896_721, 2_000
    first = np.searchsorted(b, a + lag_ps - window_ps // 2)
    last = np.searchsorted(b, a + lag_ps + window_ps // 2, side="right")
    expected_hz = expected_coincidences_hz(world, "a", "b", window_ps, delay_difference_ps=lag_ps)
    accidentals_hz = (
        expected_singles_hz(world, "a") * expected_singles_hz(world, "b") * window_ps * 1e-12
    )
    expected = (expected_hz + accidentals_hz) * slices * 0.01
    assert expected_hz > 1000.0
    assert abs(int(np.sum(last - first)) - expected) < 5 * math.sqrt(expected)


def test_bunched_light_has_no_closed_form_here() -> None:
    world = build(statistics={"photon_number": "thermal"})
    with pytest.raises(ConfigError, match="no closed form for the dead time of pulsed"):
        expected_singles_hz(world, "a")


def test_a_dispersed_peak_has_no_closed_form_here() -> None:
    world = build()
    world.optics["fibre"].change(dispersion_ps_nm_km=17.0)
    world.step()
    with pytest.raises(ConfigError, match="dispersed peak"):
        expected_coincidences_hz(world, "a", "b", 1000)
