from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.lab import Lab
from labctl.lab.runtime import claim_lab

Labctl = Callable[..., Any]
Spawn = Callable[..., Any]
OWN_WORLD = "in a world of this command's own"


def test_check_says_what_every_instrument_is(labctl: Labctl, bench: Path) -> None:
    told = labctl("check", "--simulated", "--config", bench)

    assert told.code == 0
    assert "HÜBNER Photonics Cobolt" in told.out
    assert "TDC1" in told.out
    assert "SIMULATED" in told.err

    checked = labctl("check", "--simulated", "--config", bench, "--json").json
    assert checked["config"] == str(bench)
    assert [row["name"] for row in checked["instruments"]] == ["pump", "tagger"]
    assert all(row["simulated"] and not row["error"] for row in checked["instruments"])


def test_check_names_every_instrument_that_cannot_be_reached(labctl: Labctl, bench: Path) -> None:
    told = labctl("check", "--config", bench, "--json")

    assert told.code == 4
    errors = {row["name"]: row["error"] for row in told.json["instruments"]}
    assert set(errors) == {"pump", "tagger"}
    for error in errors.values():
        assert "refused to open a real instrument" in error
    shown = labctl("check", "--config", bench)
    assert shown.code == 4
    assert shown.out.count("FAILED") == 2


def test_a_setting_is_read_with_its_unit(labctl: Labctl, bench: Path) -> None:
    told = labctl("get", "pump.power_mw", "--simulated", "--config", bench)

    assert (told.code, told.out) == (0, "5 mW\n")
    assert OWN_WORLD in told.err
    assert labctl("get", "tagger.threshold_v", "--simulated", "--config", bench, "--json").json == {
        "path": "tagger.threshold_v",
        "value": -0.5,
        "unit": "V",
    }
    mode = labctl("get", "pump.mode", "--simulated", "--config", bench, "--json")
    assert mode.json["value"] == "off"


def test_a_setting_is_set_and_read_back(labctl: Labctl, bench: Path) -> None:
    told = labctl("set", "pump.power_mw", "3.5", "--simulated", "--config", bench)

    assert (told.code, told.out) == (0, "3.5 mW\n")
    assert OWN_WORLD in told.err
    json = labctl("set", "pump.emission", "on", "--simulated", "--config", bench, "--json").json
    assert json == {"path": "pump.emission", "value": True, "unit": ""}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("get", "pumpe.power_mw"), 2, 'unknown instrument "pumpe" (did you mean "pump"?)'),
        (("get", "pump.powr_mw"), 2, 'no setting "powr_mw" (did you mean "power_mw"?)'),
        (("get", "pump"), 2, "is not INSTRUMENT.SETTING"),
        (("set", "pump.power_mw", "20.5"), 2, "20.5 mW is outside 0 to 20 mW"),
        (("set", "pump.power_mw", "much"), 2, '"much" is not a number'),
        (("set", "pump.output_mw", "3"), 2, "the value can only be read"),
        (("set", "pump.emission", "maybe"), 2, "neither on nor off"),
    ],
)
def test_what_is_refused_ends_with_its_code_and_one_clear_message(
    arguments: tuple[str, ...], code: int, said: str, labctl: Labctl, bench: Path
) -> None:
    told = labctl(*arguments, "--simulated", "--config", bench)

    assert told.code == code
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


def test_a_traceback_is_shown_where_it_was_asked_for(spawn: Spawn, bench: Path) -> None:
    arguments = ("get", "pumpe.power_mw", "--simulated", "--config", bench)

    plain, debugged = spawn(*arguments).end(), spawn(*arguments, "--debug").end()

    assert plain.code == 2
    assert "Traceback" not in plain.err
    assert debugged.code != 0
    assert "Traceback" in debugged.err
    assert "ConfigError" in debugged.err


def test_commands_share_the_world_of_a_laboratory_that_is_held_open(
    labctl: Labctl, spawn: Spawn, bench: Path
) -> None:
    holder = spawn("watch", "--simulated", "--config", bench, "--json")
    assert "emission" in holder.line()
    here = ("--simulated", "--config", bench)

    told = labctl("set", "pump.power_mw", "2.25", *here)
    assert (told.code, told.out) == (0, "2.25 mW\n")
    assert f"held open by process {holder.process.pid} on " in told.err
    assert OWN_WORLD not in told.err
    assert labctl("get", "pump.power_mw", *here, "--json").json["value"] == 2.25

    held = labctl("get", "tagger.threshold_v", *here)
    assert held.code == 0, "the stream is held for the moment of an answer"

    refused = labctl("set", "pump.power_mw", "21", *here)
    assert refused.code == 2
    assert "outside 0 to 20 mW" in refused.err

    labctl("set", "pump.emission", "on", *here)
    (status,) = labctl("status", "--json").json
    assert status["pid"] == holder.process.pid
    assert status["emission"] == {"pump": True}
    assert "pump ON" in labctl("status").out

    watched = labctl("watch", "--simulated", "--config", bench, "--duration", "0", "--json")
    assert watched.json["emission"] == {"pump": True}
    assert "watching the laboratory held open by" in watched.err

    (safe,) = labctl("safe", "--json").json
    assert safe["confirmed"] == ["pump", "tagger"]
    assert labctl("get", "pump.emission", *here, "--json").json["value"] is False

    other = labctl("get", "pump.power_mw", "--simulated", "--bench", "default")
    assert OWN_WORLD in other.err, "another configuration is another laboratory"


def test_watch_counts_in_the_dark(labctl: Labctl, bench: Path) -> None:
    told = labctl(
        "watch", "--simulated", "--config", bench, "--interval", "0.3", "--duration", "0.5"
    )

    assert told.code == 0
    assert '"emission": {"pump": false}' in told.out
    assert '"alice_h-bob_h_hz": 0.0' in told.out


def test_safe_without_an_open_laboratory_opens_the_instruments_itself(
    labctl: Labctl, bench: Path
) -> None:
    told = labctl("safe", "--simulated", "--config", bench)

    assert told.code == 0
    assert told.out == "safe: pump\nsafe: tagger\n"


def test_safe_shouts_what_it_cannot_reach(labctl: Labctl, bench: Path) -> None:
    told = labctl("safe", "--config", bench)

    assert told.code == 4
    assert told.out.count("NOT CONFIRMED SAFE: ") == 2
    report = labctl("safe", "--config", bench, "--json").json[0]
    assert set(report["failures"]) == {"pump", "tagger"}


def test_status_without_an_open_laboratory(labctl: Labctl) -> None:
    assert labctl("status").out == "no laboratory is open\n"
    assert labctl("status", "--json").json == []


def test_a_laboratory_that_does_not_answer_hides_no_other(labctl: Labctl, bench: Path) -> None:
    owner = {"pid": 1, "host": "here", "command": "stuck", "since_utc": 1.0}
    note = {"version": 1, "endpoint": "tcp://127.0.0.1:9", "token": "", "owner": owner}
    claim = claim_lab("stuck", {**note, "config": "/stuck.toml", "simulated": True})
    with Lab(bench, simulated=True, speed=0):
        told, shown = labctl("status", "--json"), labctl("status")
    claim.release()

    assert (told.code, shown.code) == (4, 4)
    stuck, sound = told.json
    assert "process 1 on here (stuck) does not answer" in stuck["error"]
    assert sound["emission"] == {"pump": False}
    assert "pump off" in shown.out
    assert "UNKNOWN" in shown.out


def test_a_laboratory_whose_laser_does_not_answer_says_so(labctl: Labctl, bench: Path) -> None:
    with Lab(bench, simulated=True, speed=0) as lab:
        lab.simulation.instruments["pump"].port.unplug()
        told = labctl("status", "--json")
        lab.simulation.instruments["pump"].port.plug()

    assert told.code == 4
    assert "the link was lost" in told.json[0]["error"]
