"""The dialogues are valid for pyvisa-sim as it is published, with its static replies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import yaml
from pyvisa.resources import MessageBasedResource

import simulated_devices

FILES = sorted((Path(simulated_devices.__file__).parent / "yaml").glob("*.yaml"))
COBOLT = next(path for path in FILES if path.stem == "cobolt_06")


def open_stock(path: Path) -> Iterator[MessageBasedResource]:
    definition = yaml.safe_load(path.read_text())
    manager = pyvisa.ResourceManager(f"{path}@sim")
    for name, resource in definition["resources"].items():
        device = definition["devices"][resource["device"]]
        (end,) = device["eom"].values()
        opened = manager.open_resource(name, read_termination=end["r"], write_termination=end["q"])
        assert isinstance(opened, MessageBasedResource)
        yield opened
        opened.close()
    manager.close()


@pytest.fixture
def cobolt() -> Iterator[MessageBasedResource]:
    yield from open_stock(COBOLT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stock_pyvisa_sim_loads_the_file_and_gives_its_fixed_replies(path: Path) -> None:
    (device,) = yaml.safe_load(path.read_text())["devices"].values()
    dialogues: list[dict[str, Any]] = device.get("dialogues", [])
    for resource in open_stock(path):
        for dialogue in dialogues:
            if "r" in dialogue:
                assert resource.query(dialogue["q"]) == dialogue["r"]
            else:
                resource.write(dialogue["q"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_stock_pyvisa_sim_answers_every_property_with_its_default(path: Path) -> None:
    (device,) = yaml.safe_load(path.read_text())["devices"].values()
    types = {"int": int, "float": float, "str": str}
    for resource in open_stock(path):
        for definition in device.get("properties", {}).values():
            if "getter" in definition:
                convert = types[definition.get("specs", {}).get("type", "str")]
                expected = definition["getter"]["r"].format(convert(definition["default"]))
                assert resource.query(definition["getter"]["q"]) == expected


@pytest.mark.parametrize(
    ("query", "reply"),
    [
        ("gsn?", "26417"),
        ("l?", "0"),
        ("p?", "0.001000"),
        ("ilk?", "0"),
        ("@cobasks?", "1"),
        ("gom?", "0"),
        ("f?", "0"),
        ("p 0.060000", "OK"),
        ("p 0.5", "Syntax error: value out of range"),
        ("slmp? 3", "Syntax error: illegal command"),
    ],
)
def test_stock_pyvisa_sim_answers_like_a_laser_that_is_off(
    cobolt: MessageBasedResource, query: str, reply: str
) -> None:
    assert cobolt.query(query) == reply


def test_stock_pyvisa_sim_keeps_the_set_power(cobolt: MessageBasedResource) -> None:
    cobolt.query("p 0.012000")
    assert cobolt.query("p?") == "0.012000"
