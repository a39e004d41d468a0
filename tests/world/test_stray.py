"""Light that is no pair, and how light travels, on whole benches; bounds are 5 sigma."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from simulated_devices.world import COMMON_PATH_PS, SLICE_PS, World, WorldParameters
from simulated_devices.world.slices import Times

IDEAL = {
    "efficiency": 1.0, "dark_rate_hz": 0.0, "dead_time_ns": 0.0, "jitter_fwhm_ps": 0.0,
    "delay_ps": 0,
}  # fmt: skip
PLANCK_J_S = 6.62607015e-34
LIGHT_M_S = 299_792_458.0


def build(seed: int = 0, pairs_hz: float = 1e5, **tables: Any) -> World:
    source = {"pairs_hz_per_mw": pairs_hz, "signal": "a", "idler": "b"} | tables.pop("source", {})
    pump = {"power_noise_relative": 0.0, "settling_time_s": 0.0} | tables.pop("pump", {})
    world = World(WorldParameters.model_validate({"source": source, "pump": pump, **tables}), seed)
    world.pump.target_mw, world.pump.emitting = 1.0, True
    return world


def clicks(world: World, slices: int) -> Mapping[str, Times]:
    steps = [world.step() for _ in range(slices)]
    return {n: np.concatenate([s.clicks[n] for s in steps]) for n in world.detectors}


def test_an_attenuated_laser_fires_as_its_power_says() -> None:
    world = build(
        pairs_hz=0.0,
        lights={"probe": {"to": "filter", "wavelength_nm": 810.0, "power_mw": 1e-9}},
        optics={"filter": {"kind": "attenuator", "to": "a", "loss_db": 0.0}},
        detectors={"a": IDEAL | {"efficiency": 0.7}, "b": IDEAL},
    )
    world.optics["filter"].change(attenuation_db=30.0)
    photons_hz = 1e-12 / (PLANCK_J_S * LIGHT_M_S / 810e-9)
    assert world.stray_hz()["a"] == pytest.approx(photons_hz * 1e-3 * 0.7, rel=1e-9)
    world.lights["probe"].is_on = False
    assert world.stray_hz() == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize("seed", [1, 2])
def test_stray_light_clicks_at_its_rate(seed: int) -> None:
    world = build(
        seed,
        pairs_hz=0.0,
        lights={"lamp": {"to": "a", "power_mw": 1e-10}},
        detectors={"a": IDEAL, "b": IDEAL},
    )
    expected = world.stray_hz()["a"] * 0.5
    found = clicks(world, 50)["a"].size
    assert abs(found - expected) < 5 * math.sqrt(expected)


def test_polarized_light_follows_malus() -> None:
    world = build(
        pairs_hz=0.0,
        source={"signal": "arm", "idler": "b"},
        lights={"laser": {"to": "arm", "polarization_deg": 20.0, "power_mw": 1e-9}},
        arms={
            "arm": {
                "outputs": {"plus": "a", "minus": "c"},
                "loss_db": 0.0, "extinction_ratio": math.inf, "analyzer_angle_deg": 50.0,
                "minus_loss_db": 3.0,
            }
        },
        detectors={"a": IDEAL, "b": IDEAL, "c": IDEAL},
    )  # fmt: skip
    rates = world.stray_hz()
    ratio = math.sin(math.radians(30.0)) ** 2 / math.cos(math.radians(30.0)) ** 2
    assert rates["c"] / rates["a"] == pytest.approx(ratio * 10**-0.3)
    world.lights["laser"].change(polarization_deg=None)
    rates = world.stray_hz()
    assert rates["c"] / rates["a"] == pytest.approx(10**-0.3)


def coexistence(direction: str, **source: Any) -> World:
    """A quantum channel of 100 GHz behind a fibre that carries classical light too."""
    return build(
        pairs_hz=0.0,
        source={
            "signal": "fibre", "idler": "b",
            "spectrum": {"phase_matching": "type0", "bandwidth_nm": 60.0},
            **source,
        },
        pump={"wavelength_nm": 775.0},
        optics={
            "fibre": {
                "kind": "fibre", "to": "wdm", "length_km": 20.0, "attenuation_db_km": 0.2,
                "connectors_db": 0.0, "classical_power_mw": 1.0, "raman_per_km_nm": 2e-9,
                "classical_wavelength_nm": 1530.0, "classical_direction": direction,
                "classical_attenuation_db_km": 0.2,
            },
            "wdm": {
                "kind": "wdm", "isolation_db": 300.0,
                "channels": [
                    {"to": "a", "itu": 34, "width_ghz": 100.0, "shape": "gaussian", "loss_db": 0.0}
                ],
            },
        },
        detectors={"a": IDEAL, "b": IDEAL},
    )  # fmt: skip


@pytest.mark.parametrize("direction", ["co", "counter"])
def test_raman_light_passes_the_filter_at_its_published_rate(direction: str) -> None:
    loss = 0.2 * math.log(10.0) / 10.0
    if direction == "co":
        length_km = 20.0 * math.exp(-loss * 20.0)
    else:
        length_km = (1.0 - math.exp(-2.0 * loss * 20.0)) / (2.0 * loss)
    frequency_hz = 193.4e12
    wavelength_nm = LIGHT_M_S / frequency_hz * 1e9
    # The integral of a Gaussian passband of this full width, 2^(-(2x/w)^2), in nm.
    width_nm = 0.1e12 / frequency_hz * wavelength_nm
    passed_nm = width_nm / 2.0 * math.sqrt(math.pi / math.log(2.0))
    watt = 1e-3 * 2e-9 * length_km * passed_nm
    expected_hz = watt / (PLANCK_J_S * frequency_hz)
    assert coexistence(direction).stray_hz()["a"] == pytest.approx(expected_hz, rel=2e-3)


def test_raman_light_is_counted_once_where_both_photons_share_the_fibre() -> None:
    alone = coexistence("co").stray_hz()["a"]
    # The same fibre, reached by the idler photons too.
    assert coexistence("co", idler="fibre").stray_hz()["a"] == pytest.approx(alone, rel=1e-6)


def lags(world: World, slices: int, reach_ps: int) -> Times:
    """Return b less a for each click of a with exactly one of b within reach."""
    found = clicks(world, slices)
    a, b = found["a"], found["b"]
    low, high = np.searchsorted(b, a - reach_ps), np.searchsorted(b, a + reach_ps)
    alone = high - low == 1
    result: Times = b[low[alone]] - a[alone]
    return result


def fibred(**fibre: Any) -> World:
    table = {
        "kind": "fibre", "to": "b", "length_km": 10.0, "attenuation_db_km": 0.0,
        "connectors_db": 0.0, "wavelength_nm": 1550.0, "dispersion_ps_nm_km": 0.0,
    }  # fmt: skip
    return build(
        pairs_hz=2e3,
        source={
            "signal": "a", "idler": "long",
            "spectrum": {"shape": "gaussian", "bandwidth_nm": 1.0},
        },
        pump={"wavelength_nm": 775.0},
        optics={"long": table | fibre},
        detectors={"a": IDEAL, "b": IDEAL},
    )  # fmt: skip


def test_light_takes_its_time_through_a_fibre() -> None:
    found = lags(fibred(), 50, 60_000_000)
    # 10 km at 4.896721 us/km; by far most lags are of pairs.
    assert np.median(found) == pytest.approx(48_967_210, abs=2)


@pytest.mark.parametrize("compensated", [False, True])
def test_dispersion_spreads_the_lag_and_can_be_cancelled_far_away(*, compensated: bool) -> None:
    world = build(
        pairs_hz=2e3,
        source={
            "signal": "near", "idler": "far",
            "spectrum": {"shape": "gaussian", "bandwidth_nm": 1.0},
        },
        pump={"wavelength_nm": 775.0},
        optics={
            name: {
                "kind": "fibre", "to": to, "length_km": 10.0, "attenuation_db_km": 0.0,
                "connectors_db": 0.0, "dispersion_ps_nm_km": dispersion,
            }
            for name, to, dispersion in (
                ("near", "a", -17.0 if compensated else 0.0), ("far", "b", 17.0)
            )
        },
        detectors={"a": IDEAL, "b": IDEAL},
    )  # fmt: skip
    near_zero = lags(world, 200, 60_000_000)
    spread = near_zero[np.abs(near_zero) < 1_000]
    if compensated:
        # J. D. Franson, Phys. Rev. A 45, 3126 (1992): equal and opposite dispersion cancels.
        assert spread.std() < 1.0
    else:
        sigma_ps = 17.0 * 10.0 * 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
        error = 5 * sigma_ps / math.sqrt(2 * spread.size)
        assert spread.std() == pytest.approx(sigma_ps, abs=error)


def test_a_receding_satellite_stretches_time() -> None:
    world = build(
        pairs_hz=2e3,
        source={"signal": "a", "idler": "downlink"},
        optics={
            "downlink": {
                "kind": "free_space", "to": "b",
                "profile": [
                    {"time_s": 0.0, "loss_db": 0.0, "distance_km": 1000.0},
                    {"time_s": 1.0, "loss_db": 0.0, "distance_km": 1007.0},
                ],
            }
        },
        detectors={"a": IDEAL, "b": IDEAL},
    )  # fmt: skip
    found = clicks(world, 60)
    a, b = found["a"], found["b"]
    # Where its partner of b must be: sent at t, seen at t + (1000 + 7 t)/c; a's click shows the
    # time of sending and the world's common path.
    sent = a - COMMON_PATH_PS
    seen = a + np.rint((1e6 + 7e3 * sent * 1e-12) / LIGHT_M_S * 1e12).astype(np.int64)
    seen = seen[seen < b[-1]]
    nearest = np.minimum(
        np.abs(seen - b[np.searchsorted(b, seen).clip(max=b.size - 1)]),
        np.abs(seen - b[(np.searchsorted(b, seen) - 1).clip(min=0)]),
    )
    assert seen.size > 900
    assert np.max(nearest) <= 2


def test_clicks_of_a_long_and_changing_way_stay_inside_their_slices() -> None:
    world = fibred(length_km=248.0, dispersion_ps_nm_km=17.0, day_amplitude_k=5.0)
    for _ in range(20):
        step = world.step()
        for times in step.clicks.values():
            assert np.all(np.diff(times) >= 0)
            assert times.size == 0 or (times[0] >= step.start_ps and times[-1] < step.stop_ps)
    assert world.time_ps == 20 * SLICE_PS
