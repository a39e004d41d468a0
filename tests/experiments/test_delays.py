from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import ConfigError, RunError

OpenBench = Callable[..., Any]

#: Cables of different length behind the detectors; 10 000 ps is the world's default.
CABLES = {
    "[simulation.detectors.alice_v]": "[simulation.detectors.alice_v]\ndelay_ps = 13_700",
    "[simulation.detectors.bob_h]": "[simulation.detectors.bob_h]\ndelay_ps = 35_250",
    "[simulation.detectors.bob_v]": "[simulation.detectors.bob_v]\ndelay_ps = 4_400",
}
TRUE_DELAYS_PS = {"alice_h": 0, "alice_v": 3_700, "bob_h": 25_250, "bob_v": -5_600}


def test_delays_of_cables_are_found_within_their_uncertainty(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(CABLES, seed=5) as lab:
        result = lab.run("delays", folder=tmp_path).result
    assert result.reference == "alice_h"
    for name, true_ps in TRUE_DELAYS_PS.items():
        assert abs(result.delays_ps[name] - true_ps) <= 5 * max(result.sigmas_ps[name], 0.5)
        # Tens of picoseconds from steps of 2000: the centroid of many counts.
        assert result.sigmas_ps[name] < 30


def test_applied_delays_are_used_and_named_by_later_runs(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(CABLES, seed=5) as lab:
        run = lab.run("delays", folder=tmp_path)
        path = lab.apply_calibration("delays", run)
    assert json.loads(path.read_text())["run"] == run.uid
    with open_bench(CABLES, seed=6) as lab:
        assert lab.bench.detectors["bob_h"].delay_ps == run.result.delays_ps["bob_h"]
        counted = lab.run("counting", folder=tmp_path)
        chsh = lab.run("chsh", folder=tmp_path, dwell_s=0.2)
    same = {pair.name: pair.coincidences_hz.value for pair in counted.result.pairs}
    assert same["alice_h-bob_h"] > 11_000
    assert chsh.result.delays_from.startswith(f"delays of run {run.uid}")


def test_chsh_finds_delays_by_itself_where_nothing_is_calibrated(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    with open_bench(CABLES, seed=7) as lab:
        result = lab.run("chsh", folder=tmp_path, dwell_s=0.3).result
    assert result.s.value - 5 * result.s.sigma > 2
    assert abs(result.delays_ps["bob_h"] - TRUE_DELAYS_PS["bob_h"]) < 150


def test_delays_without_light_fail_with_advice(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench() as lab, pytest.raises(RunError, match="Is there light"):
        lab.run("delays", folder=tmp_path, arm=False)


def test_what_measures_no_delays_cannot_be_applied(open_bench: OpenBench, tmp_path: Path) -> None:
    with open_bench() as lab:
        run = lab.run("counting", folder=tmp_path, dwell_s=0.1)
        with pytest.raises(ConfigError, match="measures no delays"):
            lab.apply_calibration("counting", run)
