"""Simulated counts against their closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError
from simulated_devices.world import (
    TaggerModel,
    World,
    expected_accidentals_hz,
    expected_coincidences_hz,
    expected_singles_hz,
    expected_total_coincidences_hz,
)
from simulated_devices.world.slices import PS_PER_S, SLICE_PS, Times

StartWorld = Callable[..., World]
Collect = Callable[[World, int], dict[str, Times]]

STEP_S = SLICE_PS / PS_PER_S
BRIGHT = {"arm": {"loss_db": 0.0}, "pump_mw": 25.0}


def count_pairs(a: Times, b: Times, window_full_ps: int, lag_ps: int = 0) -> int:
    """All pairs with |b - a - lag| <= half the window; both arrays are sorted."""
    half_ps = window_full_ps // 2
    first = np.searchsorted(b, a + (lag_ps - half_ps), side="left")
    last = np.searchsorted(b, a + (lag_ps + half_ps), side="right")
    return int(np.sum(last - first))


def sigmas(count: int, expected: float) -> float:
    return (count - expected) / math.sqrt(expected)


def test_the_default_bench_has_the_rates_of_its_description(start_world: StartWorld) -> None:
    world = start_world()
    names = list(world.detectors)
    singles = [expected_singles_hz(world, name) for name in names]
    assert singles == pytest.approx([50e3] * 4, rel=0.005)
    pairs = [(a, b) for a in ("alice_h", "alice_v") for b in ("bob_h", "bob_v")]
    coincidences = sum(expected_coincidences_hz(world, a, b, 6000, 2000) for a, b in pairs)
    accidentals = sum(expected_accidentals_hz(world, a, b, 6000, 2000) for a, b in pairs)
    assert coincidences == pytest.approx(25e3, rel=0.005)
    assert accidentals == pytest.approx(60.0, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("decay_ns", [50.0, 1000.0, 10_000.0])
def test_afterpulses_in_the_dead_time_of_others_are_lost(
    start_world: StartWorld, collect: Collect, seed: int, decay_ns: float
) -> None:
    world = start_world(
        seed=seed,
        pump_mw=0.0,
        detector={
            "dark_rate_hz": 2e6,
            "dead_time_ns": 200.0,
            "afterpulse_probability": 0.05,
            "afterpulse_decay_ns": decay_ns,
        },
    )
    for name, times in collect(world, 50).items():
        assert abs(sigmas(times.size, expected_singles_hz(world, name) * 50 * STEP_S)) < 5


def test_pulls_over_twenty_seeds_are_standard_normal(start_world: StartWorld) -> None:
    slices, tagger = 100, TaggerModel(2000, {"alice_h": 1, "bob_h": 2})
    pulls = []
    for seed in range(20):
        world = start_world(seed=seed)
        steps = [tagger.digitize(world.step()) for _ in range(slices)]
        times = np.concatenate([step[0] for step in steps])
        channels = np.concatenate([step[1] for step in steps])
        a, b = times[channels == 1], times[channels == 2]
        seconds = slices * STEP_S
        total = expected_total_coincidences_hz(world, "alice_h", "bob_h", 6000, 2000)
        pulls.append(
            (
                sigmas(a.size, expected_singles_hz(world, "alice_h") * seconds),
                sigmas(b.size, expected_singles_hz(world, "bob_h") * seconds),
                sigmas(count_pairs(a, b, 6000), total * seconds),
            )
        )
    for series in np.array(pulls).T:
        assert abs(series.mean()) < 0.7
        assert 0.4 < series.var(ddof=1) < 1.8


CASES: dict[str, dict[str, Any]] = {
    "bright": BRIGHT,
    "shared dead time": {
        "source": {"visibility": 1.0},
        "arm": {"loss_db": 0.0, "extinction_ratio": math.inf},
        "detector": {"efficiency": 1.0, "dark_rate_hz": 0.0, "dead_time_ns": 200.0},
        "pump_mw": 20.0,
    },
    "unequal dead times": BRIGHT
    | {"detector": {"dead_time_ns": 20.0}, "bob_detector": {"dead_time_ns": 150.0}},
    "afterpulses": BRIGHT
    | {"detector": {"afterpulse_probability": 0.03, "afterpulse_decay_ns": 100.0}},
    "long-lived traps": BRIGHT
    | {"detector": {"afterpulse_probability": 0.03, "afterpulse_decay_ns": 5000.0}},
    "paralyzable": BRIGHT | {"detector": {"dead_time_model": "paralyzable", "dead_time_ns": 60.0}},
    "paralyzable, unequal": BRIGHT
    | {
        "detector": {"dead_time_model": "paralyzable", "dead_time_ns": 20.0},
        "bob_detector": {"dead_time_model": "paralyzable", "dead_time_ns": 150.0},
    },
    "diffusion tails": BRIGHT
    | {
        "detector": {
            "jitter_fwhm_ps": 350.0,
            "jitter_tail_fraction": 0.3,
            "jitter_tail_ps": 1500.0,
            "dead_time_ns": 300.0,
        },
        "bob_detector": {
            "jitter_fwhm_ps": 60.0,
            "jitter_tail_fraction": 0.1,
            "jitter_tail_ps": 600.0,
            "dead_time_ns": 300.0,
        },
    },
    "wide jitter": BRIGHT | {"detector": {"jitter_fwhm_ps": 4000.0, "dead_time_ns": 300.0}},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_bright_light_agrees_with_the_closed_forms(
    start_world: StartWorld, collect: Collect, case: str, seed: int
) -> None:
    slices = 150
    world = start_world(seed=seed + 10, **CASES[case])
    clicks = collect(world, slices)
    seconds = slices * STEP_S
    for name, times in clicks.items():
        # Dead time narrows and afterpulses widen the distribution, by less than 10 % here.
        assert abs(sigmas(times.size, expected_singles_hz(world, name) * seconds)) < 5
    for window_full_ps in (2001, 6001, 15_001):
        count = count_pairs(clicks["alice_h"], clicks["bob_h"], window_full_ps)
        rate = expected_total_coincidences_hz(world, "alice_h", "bob_h", window_full_ps)
        assert abs(sigmas(count, rate * seconds)) < 5


@pytest.mark.parametrize("resolution_ps", [1, 81, 2000])
@pytest.mark.parametrize("bob_delay_ps", [0, 1300, 5000])
def test_a_coarse_tagger_captures_what_its_bins_allow(
    start_world: StartWorld, resolution_ps: int, bob_delay_ps: int
) -> None:
    slices = 60
    # The cables alone: 3 ns longer on Bob's side, and corrected by the counter.
    world = start_world(seed=3, bob_detector={"delay_ps": 13_000}, **BRIGHT)
    world.arms["bob"].change(delay_ps=world.arms["alice"].parameters.delay_ps + bob_delay_ps)
    tagger = TaggerModel(resolution_ps, {"alice_h": 0, "bob_h": 1}, clock_offset_ps=12_345)
    world.step()
    steps = [tagger.digitize(world.step()) for _ in range(slices)]
    times = np.concatenate([step[0] for step in steps])
    channels = np.concatenate([step[1] for step in steps])
    a, b = times[channels == 0], times[channels == 1]
    for window_full_ps in (3000, 6000):
        expected = (
            expected_total_coincidences_hz(
                world, "alice_h", "bob_h", window_full_ps, resolution_ps, delay_difference_ps=3000
            )
            * slices
            * STEP_S
        )
        count = count_pairs(a, b, window_full_ps, 3000)
        assert abs(count - expected) < 5 * math.sqrt(expected)


def test_far_from_the_peak_accidentals_are_the_product_of_the_rates(
    start_world: StartWorld, collect: Collect
) -> None:
    slices = 200
    world = start_world(seed=6, **BRIGHT)
    clicks = collect(world, slices)
    far_ps = 50_000_000
    count = count_pairs(clicks["alice_h"], clicks["bob_h"], 20_001, far_ps)
    rate = expected_accidentals_hz(world, "alice_h", "bob_h", 20_001, delay_difference_ps=far_ps)
    assert abs(sigmas(count, rate * slices * STEP_S)) < 5
    assert expected_coincidences_hz(
        world, "alice_h", "bob_h", 20_001, delay_difference_ps=far_ps
    ) == pytest.approx(0.0, abs=1e-6)


def test_dead_time_thins_the_accidentals_under_the_peak(
    start_world: StartWorld, collect: Collect
) -> None:
    slices = 200
    world = start_world(seed=8, **(CASES["shared dead time"]))
    clicks = collect(world, slices)
    window = ("alice_h", "bob_h", 60_001)
    count = count_pairs(clicks["alice_h"], clicks["bob_h"], 60_001)
    total = expected_total_coincidences_hz(world, *window) * slices * STEP_S
    naive_hz = expected_coincidences_hz(world, *window) + expected_accidentals_hz(world, *window)
    assert abs(sigmas(count, total)) < 5
    assert sigmas(count, naive_hz * slices * STEP_S) < -20


def test_detectors_of_one_station_share_no_pairs(start_world: StartWorld) -> None:
    world = start_world()
    assert expected_coincidences_hz(world, "alice_h", "alice_v", 6000) == 0.0


def test_mistaken_names_are_refused(start_world: StartWorld) -> None:
    world = start_world()
    with pytest.raises(ConfigError, match=r'"alice_hh".*did you mean "alice_h"'):
        expected_singles_hz(world, "alice_hh")
    with pytest.raises(ConfigError, match=r'"alice_hh".*did you mean "alice_h"'):
        expected_coincidences_hz(world, "alice_hh", "bob_h", 6000)
    with pytest.raises(ValueError, match="same detector, bob_h"):
        expected_coincidences_hz(world, "bob_h", "bob_h", 6000)


@pytest.mark.parametrize("visibility", [0.95, 0.70])
@pytest.mark.parametrize("seed", range(3))
def test_simulated_counts_show_the_chsh_value_of_their_state(
    start_world: StartWorld, collect: Collect, visibility: float, seed: int
) -> None:
    slices, window_full_ps = 100, 6001
    world = start_world(
        seed=seed,
        source={"visibility": visibility},
        arm={"extinction_ratio": math.inf},
        detector={"dead_time_ns": 0.0},
    )
    s = variance = 0.0
    for sign, a_deg, b_deg in ((1, 0, 22.5), (-1, 0, 67.5), (1, 45, 22.5), (1, 45, 67.5)):
        world.arms["alice"].analyzer_angle_deg = a_deg
        world.arms["bob"].analyzer_angle_deg = b_deg
        world.step()
        clicks = collect(world, slices)
        numbers = {}
        for a in "hv":
            for b in "hv":
                names = (f"alice_{a}", f"bob_{b}")
                accidentals_hz = expected_accidentals_hz(world, *names, window_full_ps)
                counted = count_pairs(clicks[names[0]], clicks[names[1]], window_full_ps)
                numbers[a + b] = counted - accidentals_hz * slices * STEP_S
        total = sum(numbers.values())
        correlation = (numbers["hh"] + numbers["vv"] - numbers["hv"] - numbers["vh"]) / total
        s += sign * correlation
        variance += (1 - correlation**2) / total
    assert abs(s - 2 * math.sqrt(2) * visibility) < 5 * math.sqrt(variance)
    assert (s > 2) is (visibility > 1 / math.sqrt(2))
