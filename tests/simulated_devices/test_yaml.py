"""The dialogues are valid for pyvisa-sim as it is published, with its static replies.

Where ours says more than pyvisa-sim can, both are stated here on the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
import yaml
from pyvisa.resources import MessageBasedResource

import simulated_devices
from simulated_devices.dialogue import DialogueDevice

FILES = sorted((Path(simulated_devices.__file__).parent / "yaml").glob("*.yaml"))
COBOLT = next(path for path in FILES if path.stem == "cobolt_06")
METER = next(path for path in FILES if path.stem == "thorlabs_pm100d")


class Anything:
    """A model that has every attribute and knows every command, and does nothing."""

    wavelength_nm = 635.0

    def __getattr__(self, name: str) -> Any:
        return lambda: None


def ask_ours(path: Path, *lines: str) -> list[str]:
    """Return what our dialogue sends, a message an item, when it gets these lines."""
    sent: list[bytes] = []
    (device,) = yaml.safe_load(path.read_text())["devices"].values()
    (end,) = device["eom"].values()
    dialogue = DialogueDevice(path, Anything(), sent.append)
    for line in lines:
        dialogue.receive((line + end["q"]).encode())
    return [message.decode().removesuffix(end["r"]) for message in sent]


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_dialogue_gives_the_same_fixed_replies(path: Path) -> None:
    (device,) = yaml.safe_load(path.read_text())["devices"].values()
    fixed = {d["q"]: d["r"] for d in device.get("dialogues", []) if "r" in d}
    assert ask_ours(path, *fixed) == list(fixed.values())


def test_ours_tells_a_refused_value_from_an_unknown_command_and_stock_does_not() -> None:
    wrong, unknown, ask = "SENS:CORR:WAV 5000", "SENS:CORR:WAVE 500", "SYST:ERR?"
    undefined, out_of_range = '-113,"Undefined header"', '-222,"Data out of range"'
    none = '+0,"No error"'
    said = ask_ours(METER, wrong, unknown, ask, ask, ask)
    assert said == [out_of_range, undefined, none]
    for meter in open_stock(METER):
        meter.write(wrong)
        meter.write(unknown)
        assert [meter.query(ask) for _ in range(3)] == [undefined, undefined, none]


def test_ours_answers_a_compound_query_by_one_message_and_stock_by_one_for_each() -> None:
    line = "*IDN?;:SENS:CORR:WAV?"
    identity, wavelength = "Thorlabs,PM100D,P0000001,2.4.0", "6.35000000E+02"
    assert ask_ours(METER, line) == [f"{identity};{wavelength}"]
    for meter in open_stock(METER):
        meter.write("*IDN?;SENS:CORR:WAV?")
        assert [meter.read(), meter.read()] == [identity, wavelength]


def test_a_laser_without_scpi_takes_a_line_as_one_command() -> None:
    assert ask_ours(COBOLT, "gsn?;l?") == ["Syntax error: illegal command"]
