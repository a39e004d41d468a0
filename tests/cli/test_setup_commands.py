from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import labctl as package
from labctl.lab import bench_path, benches

Labctl = Callable[..., Any]
COMMANDS = (
    "init", "list", "check", "get", "set", "watch", "status", "safe", "run", "show", "count",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_its_json(command: str, labctl: Labctl) -> None:
    told = labctl(command, "--help")

    assert told.code == 0
    assert f"Usage: labctl {command} " in told.out
    assert "--json" in told.out


@pytest.mark.parametrize("command", ["check", "get", "set", "watch", "safe", "run"])
def test_every_command_that_opens_the_lab_can_be_simulated(command: str, labctl: Labctl) -> None:
    assert "--simulated" in labctl(command, "--help").out


def test_the_version_is_told(labctl: Labctl) -> None:
    assert labctl("--version").out == f"labctl {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explode",), "explode"),
        ((), "Usage:"),
        (("get",), "path"),
        (("get", "a", "b"), "b"),
        (("run", "counting", "--sped", "1"), "--sped"),
        (("run", "counting", "--speed", "fast"), "'--speed'"),
        (("run", "counting", "--speed", "-1"), "greater than or equal to 0"),
        (("run", "counting", "--seed", "-1"), "'--seed'"),
        (("run", "counting", "--progress", "xml"), "xml"),
        (("count", "file", "--window-full-ps", "2.5"), "'--window-full-ps'"),
        (("list", "rooms"), "rooms"),
        (("watch", "--interval", "0"), "0"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_names_what_is_wrong(
    arguments: tuple[str, ...], said: str, labctl: Labctl
) -> None:
    told = labctl(*arguments)

    assert told.code == 2
    assert said in told.out + told.err
    assert "bug of labctl" not in told.err
    assert "Traceback" not in told.err


def test_init_writes_the_commented_default_bench(labctl: Labctl, here: Path) -> None:
    told = labctl("init")

    assert told.code == 0
    assert "wrote instruments.toml" in told.out
    text = (here / "instruments.toml").read_text(encoding="utf-8")
    assert text == bench_path("default").read_text(encoding="utf-8")
    assert tomllib.loads(text)["version"] == 1
    assert text.count("#") > 20


def test_init_refuses_to_overwrite_unless_told_to(labctl: Labctl, here: Path) -> None:
    mine = here / "instruments.toml"
    mine.write_text("mine")

    refused = labctl("init")
    assert refused.code == 2
    assert "instruments.toml exists" in refused.err
    assert "--force" in refused.err
    assert mine.read_text() == "mine"

    told = labctl("init", "--force", "--json")
    assert told.json == {"written": "instruments.toml"}
    assert mine.read_text() != "mine"


def test_init_into_a_folder_that_is_not_there_is_refused(labctl: Labctl) -> None:
    told = labctl("init", "absent/instruments.toml")

    assert told.code == 2
    assert "cannot be written" in told.err


def test_everything_is_listed(labctl: Labctl) -> None:
    told = labctl("list")

    assert told.code == 0
    for word in ("instruments", "pump", "cobolt_06", "experiments", "counting", "default"):
        assert word in told.out


def test_everything_is_listed_as_json(labctl: Labctl) -> None:
    listed = labctl("list", "--json").json

    assert set(listed) == {"instruments", "experiments", "drivers", "benches"}
    assert {row["name"] for row in listed["benches"]} == set(benches())
    drivers = {row["name"]: row for row in listed["drivers"]}
    assert drivers["cobolt_06"] == {
        "name": "cobolt_06",
        "kinds": ["laser"],
        "simulated": True,
        "package": "quantum-labctl",
    }
    instruments = {row["name"]: row for row in listed["instruments"]}
    assert instruments["tagger"]["address"] == "serial:///dev/ttyACM0"
    experiments = {row["name"]: row for row in listed["experiments"]}
    assert "dwell_s=1.0" in experiments["counting"]["parameters"]


@pytest.mark.parametrize("kind", ["instruments", "experiments", "drivers", "benches"])
def test_one_kind_is_listed_by_itself(kind: str, labctl: Labctl) -> None:
    assert list(labctl("list", kind, "--json").json) == [kind]
    assert labctl("list", kind).code == 0


def test_the_configuration_here_goes_before_the_packaged_one(
    labctl: Labctl, here: Path, bench: Path
) -> None:
    assert len(labctl("list", "instruments", "--json").json["instruments"]) > 2

    (here / "instruments.toml").write_text(bench.read_text())

    assert len(labctl("list", "instruments", "--json").json["instruments"]) == 2


def test_a_bench_and_a_configuration_exclude_each_other(labctl: Labctl, bench: Path) -> None:
    told = labctl("check", "--simulated", "--bench", "default", "--config", bench)

    assert told.code == 2
    assert "--config and --bench exclude each other" in told.err


def test_an_unknown_bench_is_refused_with_the_nearest_name(labctl: Labctl) -> None:
    told = labctl("check", "--simulated", "--bench", "defalt")

    assert told.code == 2
    assert 'did you mean "default"?' in told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "instruments"),
        ("check", "--simulated"),
        ("get", "pump.power_mw", "--simulated"),
        ("set", "pump.power_mw", "1", "--simulated"),
        ("watch", "--simulated"),
        ("safe", "--simulated"),
        ("run", "counting", "--simulated"),
    ],
)
def test_a_mistake_in_the_configuration_ends_every_command_with_2(
    arguments: tuple[str, ...], labctl: Labctl, here: Path
) -> None:
    (here / "instruments.toml").write_text("version = 1\n[instruments.pump]\ndriver = 'cobold'\n")

    told = labctl(*arguments)

    assert told.code == 2
    assert "instruments.toml: [instruments.pump] address: this key is required" in told.err
