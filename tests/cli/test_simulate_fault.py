"""`labctl simulate fault`: let something go wrong in a laboratory that is open elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import ConfigError
from labctl.lab import Lab
from labctl.lab.faulting import fault_handlers

Labctl = Callable[..., Any]
FAULT = ("simulate", "fault")


@pytest.fixture
def lab(bench: Path) -> Iterator[Lab]:
    with Lab(bench, simulated=True, speed=0) as opened:
        yield opened


def test_without_a_name_it_lists_where_something_can_go_wrong(labctl: Labctl, lab: Lab) -> None:
    told = labctl(*FAULT)
    assert told.code == 0
    assert told.out.split() == list(lab.simulation.fault_names)
    assert labctl(*FAULT, "--json").json == list(lab.simulation.fault_names)


def test_with_a_name_it_lists_what_can_go_wrong_there(labctl: Labctl, lab: Lab) -> None:
    del lab
    told = labctl(*FAULT, "pump")
    assert told.code == 0
    for text in ("drop", "interlock", "is_open=True", "change", "Lose the next replies."):
        assert text in told.out
    listed = {kind["kind"]: kind for kind in labctl(*FAULT, "pump", "--json").json}
    assert listed["trip"]["arguments"] == [{"name": "fault", "type": "int", "default": 1}]
    assert listed["trip"]["doc"].startswith("Let the controller stop")


def test_a_fault_happens_in_the_laboratory_that_is_open(labctl: Labctl, lab: Lab) -> None:
    told = labctl(*FAULT, "pump", "interlock")
    assert (told.code, told.out) == (0, "pump: interlock at 0.00 s of simulated time\n")
    assert lab.get("pump.interlock_is_open") is True
    told = labctl(*FAULT, "pump", "interlock", "is_open=no")
    assert told.out == "pump: interlock is_open=False at 0.00 s of simulated time\n"
    assert lab.get("pump.interlock_is_open") is False


def test_parts_of_the_world_are_changed_too(labctl: Labctl, lab: Lab) -> None:
    lab.clock.wait(0.25)
    told = labctl(*FAULT, "alice_h", "change", "dark_rate_hz=1000", "--json").json
    assert told["name"] == "alice_h"
    assert told["arguments"] == {"dark_rate_hz": 1000.0}
    assert told["time_ps"] == 250_000_000_000
    assert lab.simulation.world.detectors["alice_h"].parameters.dark_rate_hz == 1000.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pumpe",), 'nothing on this bench is called "pumpe" (did you mean "pump"?)'),
        (("pump", "dorp"), 'pump has no fault "dorp" (did you mean "drop"?)'),
        (("pump", "drop", "relpies=1"), 'unknown argument "relpies" (did you mean "replies"?)'),
        (("pump", "drop", "replies=x"), "replies = 'x' is no int"),
        (("pump", "drop", "replies"), '"replies" is not KEY=VALUE, such as replies=3'),
        (("pump", "drop", "name=1", "kind=2"), 'unknown argument "name"'),
        (("alice_h", "change", "dark_rate_hz=-1"), "dark_rate_hz"),
    ],
)
def test_what_is_not_known_is_refused_and_nothing_happens(
    labctl: Labctl, lab: Lab, arguments: tuple[str, ...], said: str
) -> None:
    told = labctl(*FAULT, *arguments)
    assert told.code == 2
    assert said in told.err
    assert lab.simulation.fault_log == ()


def test_without_an_open_laboratory_it_says_what_to_do(labctl: Labctl, bench: Path) -> None:
    for options in ((), ("--config", bench)):
        told = labctl(*FAULT, "pump", "drop", *options)
        assert told.code == 2
        assert "no simulated laboratory" in told.err
        assert "Open one first" in told.err


def test_with_several_laboratories_open_one_must_be_chosen(
    labctl: Labctl, lab: Lab, bench: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(bench.read_text())
    with Lab(other, simulated=True, speed=0) as second:
        told = labctl(*FAULT, "pump", "interlock")
        assert told.code == 2
        assert "Choose one with --config" in told.err
        assert labctl(*FAULT, "pump", "interlock", "--config", other).code == 0
        assert second.get("pump.interlock_is_open") is True
        assert lab.get("pump.interlock_is_open") is False


def test_a_bench_of_real_instruments_refuses() -> None:
    handlers = fault_handlers(None)
    for request in ({}, {"place": "pump"}):
        with pytest.raises(ConfigError, match="no instrument of this laboratory is simulated"):
            handlers["faults"](request)
    with pytest.raises(ConfigError, match="no instrument of this laboratory is simulated"):
        handlers["fault"]({"place": "pump", "kind": "drop"})
