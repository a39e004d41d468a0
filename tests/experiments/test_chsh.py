from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError
from labctl.runs import LabSession, RunOutcome
from simulated_devices.world import World, expected_total_coincidences_hz

OpenBench = Callable[..., Any]

SETTINGS = {"ab": (0.0, 22.5), "ab'": (0.0, 67.5), "a'b'": (45.0, 67.5), "a'b": (45.0, 22.5)}
WINDOW_PS, RESOLUTION_PS = 6000, 2000


def run_chsh(lab: LabSession, folder: Path, **parameters: Any) -> RunOutcome:
    return lab.run("chsh", folder=folder, **parameters)


def true_correlation(world: World, alice_deg: float, bob_deg: float) -> float:
    """Return E as the world's own rates give it, accidentals included."""
    world.arms["alice"].analyzer_angle_deg = alice_deg
    world.arms["bob"].analyzer_angle_deg = bob_deg
    rate = {
        (a, b): expected_total_coincidences_hz(
            world, f"alice_{a}", f"bob_{b}", WINDOW_PS, RESOLUTION_PS
        )
        for a in "hv"
        for b in "hv"
    }
    same, different = rate["h", "h"] + rate["v", "v"], rate["h", "v"] + rate["v", "h"]
    return (same - different) / (same + different)


def true_s(lab: LabSession) -> float:
    """Return S of the world with its pump at the set power."""
    world: World = lab.simulation.world
    lab.set("pump.emission", value=True, arm=True)
    e = {name: true_correlation(world, *angles) for name, angles in SETTINGS.items()}
    lab.set("pump.emission", value=False)
    return e["ab"] - e["ab'"] + e["a'b"] + e["a'b'"]


@pytest.mark.slow
def test_s_of_three_seeds_agrees_with_the_worlds_own_truth(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    for seed in range(3):
        with open_bench(seed=seed) as lab:
            s = run_chsh(lab, tmp_path, dwell_s=0.3, delays="known").result.s
            assert abs(s.value - true_s(lab)) < 5 * s.sigma


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_s_over_twenty_seeds_agrees_with_the_worlds_own_truth(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    pulls = []
    for seed in range(20):
        with open_bench(seed=seed) as lab:
            s = run_chsh(lab, tmp_path, dwell_s=0.3, delays="known").result.s
            pulls.append((s.value - true_s(lab)) / s.sigma)
    assert np.all(np.abs(pulls) < 5)
    assert abs(np.mean(pulls)) < 0.7
    assert 0.4 < np.var(pulls, ddof=1) < 1.8


def test_the_default_bench_violates_the_bell_inequality_as_expected(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(seed=1) as lab:
        run = run_chsh(lab, tmp_path)
    s, corrected = run.result.s, run.result.s_corrected
    # 2·sqrt(2)·0.95·(1 - 60/25 000): visibility of the state, and accidentals in all pairs.
    assert abs(s.value - 2 * math.sqrt(2) * 0.95 * (1 - 0.0024)) < 5 * s.sigma
    assert s.sigma < 0.02
    assert corrected.value > s.value
    assert run.result.delays_from == "found at the beginning of this run"
    assert run.warnings == ()


def test_a_state_of_low_visibility_does_not_violate_it(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench({"visibility = 0.95": "visibility = 0.70"}) as lab:
        s = run_chsh(lab, tmp_path, dwell_s=3.0).result.s
    assert abs(s.value - 2 * math.sqrt(2) * 0.70 * (1 - 0.0024)) < 5 * s.sigma
    assert s.value + 3 * s.sigma < 2


@pytest.mark.slow
def test_a_detuned_plate_lowers_s_by_the_cosine_of_four_times_its_error(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    detuned = {'arm = "bob"\n': 'arm = "bob"\nzero_offset_deg = 5.0\n'}
    with open_bench(detuned) as lab:
        s = run_chsh(lab, tmp_path).result.s
    # E = V·cos 2(a - b); a plate off by 5 degrees turns b by 10, and S by cos 20 degrees.
    expected = 2 * math.sqrt(2) * 0.95 * math.cos(math.radians(20)) * (1 - 0.0024)
    assert abs(s.value - expected) < 5 * s.sigma


def test_swapped_channels_turn_the_sign_of_s(open_bench: OpenBench, tmp_path: Path) -> None:
    swapped = {
        '[detectors.bob_h]\ntagger = "tagger"\nchannel = 3': (
            '[detectors.bob_h]\ntagger = "tagger"\nchannel = 4'
        ),
        '[detectors.bob_v]\ntagger = "tagger"\nchannel = 4': (
            '[detectors.bob_v]\ntagger = "tagger"\nchannel = 3'
        ),
        # The cables are swapped in the laboratory only, not in the world behind the analyzer.
        'outputs = { plus = "bob_h", minus = "bob_v" }': (
            'outputs = { plus = "bob_v", minus = "bob_h" }'
        ),
    }
    with open_bench(swapped) as lab:
        s = run_chsh(lab, tmp_path).result.s
    assert abs(s.value + 2 * math.sqrt(2) * 0.95 * (1 - 0.0024)) < 5 * s.sigma


#: Takes 40 % of the efficiency off both minus detectors.
WEAK_MINUS_OUTPUTS = {
    "[simulation.detectors.alice_v]\nefficiency = 0.80": (
        "[simulation.detectors.alice_v]\nefficiency = 0.48"
    ),
    "[simulation.detectors.bob_v]\nefficiency = 0.80": (
        "[simulation.detectors.bob_v]\nefficiency = 0.48"
    ),
}


def imbalanced_correlation(e: float, ratio: float) -> float:
    """Return E that two-output analyzers show when both minus outputs are weaker by `ratio`."""
    same, different = (1 + e) / 2, (1 - e) / 2
    plus_plus, minus_minus = same / 2, same / 2 * ratio**2
    mixed = different * ratio
    return (plus_plus + minus_minus - mixed) / (plus_plus + minus_minus + mixed)


def test_unequal_efficiencies_bias_four_settings_as_physics_says(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(WEAK_MINUS_OUTPUTS) as lab:
        result = run_chsh(lab, tmp_path).result
    e = 0.95 / math.sqrt(2)
    for name, sign in {"ab": 1, "ab'": -1, "a'b'": 1, "a'b": 1}.items():
        seen = result.correlations_corrected[name]
        assert abs(seen.value - imbalanced_correlation(sign * e, 0.6)) < 5 * seen.sigma


@pytest.mark.slow
def test_sixteen_settings_average_unequal_efficiencies_out(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(WEAK_MINUS_OUTPUTS) as lab:
        result = run_chsh(lab, tmp_path, settings=16, dwell_s=0.25).result
    assert len(result.settings) == 16
    s = result.s_corrected
    assert abs(s.value - 2 * math.sqrt(2) * 0.95) < 5 * s.sigma


@pytest.mark.slow
def test_sixteen_settings_serve_analyzers_with_one_output(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    one_output = {
        'detectors = ["alice_h", "alice_v"]\nrotator': 'detectors = ["alice_h"]\nrotator',
        'detectors = ["bob_h", "bob_v"]\nrotator': 'detectors = ["bob_h"]\nrotator',
    }
    with open_bench(one_output) as lab:
        s = run_chsh(lab, tmp_path, settings=16, dwell_s=0.25).result.s
    assert abs(s.value - 2 * math.sqrt(2) * 0.95 * (1 - 0.0024)) < 5 * s.sigma


@pytest.mark.slow
def test_s_grows_as_the_window_shrinks_because_fewer_accidentals_are_in_it(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    bright = {"power_mw = 5.0": "power_mw = 20.0"}
    with open_bench(bright) as lab:
        by_window = run_chsh(lab, tmp_path).result.by_window
    assert list(by_window) == [2000, 6000, 10_000, 14_000, 18_000]
    raw = {width: s for width, (s, _) in by_window.items()}
    assert raw[2000].value > raw[18_000].value


def test_a_station_without_plate_is_refused_before_anything_moves(
    open_bench: OpenBench, tmp_path: Path
) -> None:

    without = {'rotator = "bob_hwp"\nrotator_zero_deg = 0.0\n': ""}
    with open_bench(without) as lab, pytest.raises(ConfigError, match="needs two stations"):
        run_chsh(lab, tmp_path)
