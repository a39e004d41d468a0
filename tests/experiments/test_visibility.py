from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

OpenBench = Callable[..., Any]

#: Visibility of the state, lowered by accidentals (0.24 % of the pairs) in raw counts.
RAW, CORRECTED = 0.95 * (1 - 0.0024), 0.95


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_visibilities_over_eight_seeds_agree_with_the_state(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    pulls: dict[str, list[float]] = {"HV": [], "DA": []}
    for seed in range(8):
        with open_bench(seed=seed) as lab:
            run = lab.run("visibility", folder=tmp_path, angles=4, dwell_s=0.2)
        for basis in run.result.bases:
            v = basis.visibility_corrected
            pulls[basis.basis].append((v.value - CORRECTED) / v.sigma)
    every = np.array([*pulls["HV"], *pulls["DA"]])
    assert np.all(np.abs(every) < 5)
    assert abs(every.mean()) < 0.7
    assert 0.4 < every.var(ddof=1) < 1.8


@pytest.mark.slow
def test_each_fringe_peaks_where_the_state_says(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench(seed=3) as lab:
        run = lab.run("visibility", folder=tmp_path, angles=8, dwell_s=0.3)
    for basis, fixed_deg in zip(run.result.bases, (0.0, 45.0), strict=True):
        # Phi+ sends both photons of a pair to the same linear polarization.
        same = basis.raw["alice_h-bob_h"].theta0_deg
        other = basis.raw["alice_h-bob_v"].theta0_deg
        assert abs((same.value - fixed_deg + 90) % 180 - 90) < 5 * same.sigma
        assert abs((other.value - fixed_deg) % 180 - 90) < 5 * other.sigma
        assert abs(basis.visibility.value - RAW) < 5 * basis.visibility.sigma
        assert basis.visibility_corrected.value > basis.visibility.value


@pytest.mark.slow
def test_every_point_is_recorded_with_its_angle_and_counts(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench() as lab:
        run = lab.run("visibility", folder=tmp_path, angles=4, dwell_s=0.1)
    assert len(run.points) == 8
    assert [point["angle_deg"] for point in run.points[:4]] == [0.0, 45.0, 90.0, 135.0]
    result = run.result.to_dict()
    assert [basis["basis"] for basis in result["bases"]] == ["HV", "DA"]
    counts = result["bases"][0]["fringes"][0]["counts"]
    assert counts == [point["alice_h-bob_h"] for point in run.points[:4]]
