"""The packaged benches load, answer and count through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labctl
from labctl.cli.main import run_command
from labctl.lab import bench_path, benches, load_bench
from labctl.runs.watching import LiveCounts

BENCHES = ("bbm92", "fibre-248km", "g2", "hom", "network-4-user")


def test_the_packaged_benches_are_listed() -> None:
    assert set(BENCHES) | {"default"} == set(benches())


@pytest.mark.parametrize("name", BENCHES)
def test_every_instrument_of_a_bench_answers(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_command(["check", "--simulated", "--bench", name]) == 0
    told = capfd.readouterr().out
    for instrument in load_bench(bench_path(name)).config.instruments:
        assert instrument in told


@pytest.mark.parametrize("name", ["g2", "hom", "network-4-user"])
def test_a_bench_with_one_tagger_counts_by_itself(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counting = ["run", "counting", "--simulated", "--bench", name, "--arm", "--speed", "0"]
    assert run_command([*counting, "-p", "dwell_s=0.2", "--out", str(tmp_path), "--json"]) == 0
    result = json.loads(capfd.readouterr().out)["result"]
    assert all(rate["value"] > 100.0 for rate in result["singles_hz"].values())
    assert sum(pair["coincidences_hz"]["value"] for pair in result["pairs"]) > 0.0


def test_the_taggers_of_two_sites_both_see_their_detectors() -> None:
    with labctl.open_lab(bench_path("bbm92"), simulated=True, seed=1, speed=0) as lab:
        lab.set("pump.emission", True, arm=True)
        with LiveCounts(lab.bench) as live:
            live.next(0.3)
            rates = live.next(0.5)
    found = [rates[f"{name}_hz"] for name in lab.loaded.config.detectors]
    assert len(found) == 8
    assert all(rate > 100.0 for rate in found)
