"""Every estimate of `counting` against what the simulated world knows about itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labctl.analysis import Estimate
from labctl.experiments.pair_counts import CountingResult
from labctl.lab import bench_path
from labctl.runs import LabSession, open_lab
from simulated_devices.world import (
    expected_accidentals_hz,
    expected_singles_hz,
    expected_total_coincidences_hz,
)

SEEDS = range(20)
WINDOW_FULL_PS = 6000
RESOLUTION_PS = 2000
DETECTORS = ("alice_h", "alice_v", "bob_h", "bob_v")
PAIRS = [(a, b) for a in DETECTORS[:2] for b in DETECTORS[2:]]
KINDS = (
    "singles_hz",
    "coincidences_hz",
    "accidentals_hz",
    "accidentals_delayed_hz",
    "car",
    "heralding_a",
    "heralding_b",
)


def truth_of(lab: LabSession) -> dict[tuple[str, str], float]:
    """Return the true value of every estimate, while the pump emits at its settled power."""
    world = lab.simulation.world
    lab.set("pump.emission", value=True, arm=True)
    singles = {name: expected_singles_hz(world, name) for name in DETECTORS}
    truth = {(name, "singles_hz"): rate for name, rate in singles.items()}
    for a, b in PAIRS:
        total = expected_total_coincidences_hz(world, a, b, WINDOW_FULL_PS, RESOLUTION_PS)
        accidental = expected_accidentals_hz(world, a, b, WINDOW_FULL_PS, RESOLUTION_PS)
        values = {
            "coincidences_hz": total,
            "accidentals_hz": accidental,
            "accidentals_delayed_hz": accidental,
            "car": (total - accidental) / accidental,
            "heralding_a": (total - accidental) / singles[b],
            "heralding_b": (total - accidental) / singles[a],
        }
        truth |= {(f"{a}-{b}", kind): value for kind, value in values.items()}
    lab.set("pump.emission", value=False)
    return truth


def estimates_of(result: CountingResult) -> Iterator[tuple[tuple[str, str], Estimate]]:
    for name, rate in result.singles_hz.items():
        yield (name, "singles_hz"), rate
    for pair in result.pairs:
        for kind, estimate in pair.estimates().items():
            yield (pair.name, kind), estimate


def pulls(folder: Path) -> dict[str, list[float]]:
    """Return (estimate - truth)/sigma of all detectors and pairs of twenty runs, by kind."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for seed in SEEDS:
        with open_lab(bench_path("default"), simulated=True, seed=seed, speed=0) as lab:
            truth = truth_of(lab)
            result = lab.run("counting", folder=folder, dwell_s=1.0).result
        for key, estimate in estimates_of(result):
            found[key[1]].append((estimate.value - truth[key]) / estimate.sigma)
    return found


@pytest.mark.slow
def test_every_estimate_lies_within_its_uncertainty_of_the_truth(tmp_path: Path) -> None:
    for kind, values in pulls(tmp_path).items():
        assert len(values) == len(SEEDS) * 4, "four detectors, four pairs"
        told = f"{kind}: mean {np.mean(values):.2f}, variance {np.var(values, ddof=1):.2f}"
        print(told)  # noqa: T201  the figures of the acceptance
        assert np.abs(values).max() < 5.0, told
        assert abs(np.mean(values)) < 0.7, told
        assert 0.4 < np.var(values, ddof=1) < 1.8, told


def test_without_the_pump_only_dark_counts_remain(tmp_path: Path) -> None:
    with open_lab(bench_path("default"), simulated=True, seed=5, speed=0) as lab:
        result = lab.run("counting", folder=tmp_path, arm=False, dwell_s=2.0).result
        darks_hz = {name: expected_singles_hz(lab.simulation.world, name) for name in DETECTORS}

    for name, rate in result.singles_hz.items():
        assert darks_hz[name] == pytest.approx(100.0, rel=1e-3), "as instruments.toml says"
        assert abs(rate.value - darks_hz[name]) < 5 * rate.sigma
    for pair in result.pairs:
        # 100/s in each detector make 6e-5 accidental pairs per second.
        assert pair.coincidences_hz.value == 0
        assert pair.accidentals_hz.value == pytest.approx(100 * 100 * 6e-9, rel=0.5)


@pytest.mark.parametrize("power_mw", [1.0, 20.0])
def test_every_estimate_follows_the_power_of_the_pump(power_mw: float, tmp_path: Path) -> None:
    with open_lab(bench_path("default"), simulated=True, seed=3, speed=0) as lab:
        lab.set("pump.power_mw", power_mw)
        truth = truth_of(lab)
        result = lab.run("counting", folder=tmp_path, dwell_s=0.5).result

    for key, estimate in estimates_of(result):
        assert abs(estimate.value - truth[key]) < 5 * estimate.sigma, key
