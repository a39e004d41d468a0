"""The packaged benches load, answer and count through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.cli.main import run_command
from labctl.lab import bench_path, benches, load_bench

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
    assert run_command([*counting, "-p", "dwell_s=0.2", "--out", str(tmp_path)]) == 0
    assert "coincidences" in capfd.readouterr().out
