"""`open_lab()` asks the environment for what its caller does not say."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from labctl import open_lab
from labctl.errors import ConfigError, LinkError
from labctl.lab import bench_path

VARIABLES = ("LABCTL_CONFIG", "LABCTL_SIMULATED", "LABCTL_SEED", "LABCTL_SPEED")


@pytest.fixture(autouse=True)
def _nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, "LABCTL_DATA_FOLDER"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def my_bench(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    text = bench_path("default").read_text(encoding="utf-8")
    path.write_text(text.replace('name = "Bell bench"', 'name = "Mine"', 1), encoding="utf-8")
    return path


def test_a_script_that_says_nothing_opens_what_the_variables_describe(
    my_bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in zip(VARIABLES, (str(my_bench), "1", "7", "0"), strict=True):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LABCTL_DATA_FOLDER", str(tmp_path / "data"))
    with open_lab() as lab:
        assert lab.loaded.config.lab.name == "Mine"
        assert (lab.is_simulated, lab.seed, lab.speed) == (True, 7, 0.0)
        outcome = lab.run("counting", dwell_s=0.05)
    assert outcome.path is not None
    assert outcome.path.is_relative_to(tmp_path / "data")


def test_an_argument_wins_over_its_variable(
    my_bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in zip(VARIABLES, ("/nowhere.toml", "0", "7", "5"), strict=True):
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("LABCTL_DATA_FOLDER", "/nowhere")
    with open_lab(my_bench, simulated=True, seed=0, speed=0) as lab:
        assert lab.loaded.path == my_bench
        assert (lab.is_simulated, lab.seed, lab.speed) == (True, 0, 0)
        outcome = lab.run("counting", dwell_s=0.05, folder=tmp_path / "data")
    assert outcome.path is not None
    assert outcome.path.is_relative_to(tmp_path / "data")


def test_saying_that_it_is_real_wins_too(my_bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABCTL_SIMULATED", "1")
    with pytest.raises(LinkError, match="LABCTL_SIMULATED_ONLY=1"):
        open_lab(my_bench, simulated=False)


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")
    with open_lab(simulated=True) as lab:
        assert (lab.seed, lab.speed) == (0, 1.0)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LABCTL_SIMULATED", "yes", 'LABCTL_SIMULATED = "yes" is neither 0 nor 1'),
        ("LABCTL_SEED", "1.5", 'LABCTL_SEED = "1.5" is not a whole number'),
        ("LABCTL_SPEED", "fast", 'LABCTL_SPEED = "fast" is not a number'),
        ("LABCTL_CONFIG", "/nowhere.toml", "there is no configuration file /nowhere.toml"),
    ],
)
def test_a_variable_that_makes_no_sense_is_told_by_its_name(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABCTL_SIMULATED", "1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        open_lab()
    assert told in str(refused.value)


def test_outside_of_tests_the_log_says_that_a_variable_made_it_simulated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LABCTL_SIMULATED", "1")
    with open_lab():
        assert caplog.records == []
    monkeypatch.delenv("LABCTL_SIMULATED_ONLY")
    with open_lab():
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == ["every instrument is simulated because LABCTL_SIMULATED=1"]
