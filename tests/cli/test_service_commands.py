"""Commands that only a service answers: the queue, control, and alarms."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.service import Service, connect

Labctl = Callable[..., Any]
Spawn = Callable[..., Any]
WaitUntil = Callable[[Callable[[], object]], None]


def operators(service: Service) -> list[str]:
    """Return who holds control."""
    operator = service.control.operator
    return [] if operator is None else [operator.name]


def test_the_queue_is_filled_sorted_and_emptied_from_the_command_line(
    service: Service, labctl: Labctl, wait_until: WaitUntil
) -> None:
    assert "the queue is empty" in labctl("queue", "list").out
    assert "held" in labctl("queue", "hold").out
    assert labctl("queue", "add", "quick.py", "--label", "first").code == 0
    added = labctl(
        "queue", "add", "pump.power_mw", "1:3:2", "--", "quick.py", "--label", "series", "--json"
    ).json
    assert added["added"] == "2"
    labctl("queue", "add", "counting", "--label", "never")
    assert labctl("queue", "remove", "3").code == 0
    moved = labctl("queue", "move", "2", "1", "--json").json
    assert [entry["label"] for entry in moved["entries"]] == ["series", "first"]
    shown = labctl("queue", "list").out
    assert "over pump.power_mw" in shown.replace("\n", " ")

    assert labctl("queue", "go", "--on-failure", "continue", "--json").json["is_held"] is False
    wait_until(lambda: len(service.queue.to_dict()["ended"]) == 2)
    ended = labctl("queue", "list", "--json").json["ended"]
    assert [(e["label"], e["state"]) for e in ended] == [
        ("first", "finished"), ("series", "finished"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "countin"), 'did you mean "counting"?'),
        (("add", "counting", "-p", "dwel_s=1"), 'did you mean "dwell_s"?'),
        (("add", "pump.powr_mw", "1:2:2", "--", "counting"), 'did you mean "power_mw"?'),
        (("add", "pump.power_mw", "1:30:2", "--", "counting"), "outside 0 to 20 mW"),
        (("remove", "7"), 'no run "7" waits in the queue'),
    ],
)
def test_what_cannot_be_queued_ends_with_2(
    arguments: tuple[str, ...], said: str, service: Service, labctl: Labctl
) -> None:
    told = labctl("queue", *arguments)

    assert told.code == 2
    assert said in told.err
    assert service.queue.to_dict()["entries"] == []


@pytest.mark.parametrize(
    "command", [("queue", "list"), ("control",), ("alarms",), ("control", "take"), ("restore",)]
)
def test_without_a_service_its_commands_end_with_4(
    command: tuple[str, ...], labctl: Labctl
) -> None:
    told = labctl(*command)

    assert told.code == 4
    assert "no acquisition service is running. Start one with `labctl serve`" in told.err


def test_control_is_shown_handed_over_and_let_go(
    service: Service, labctl: Labctl, bench: Path
) -> None:
    assert "nobody holds control" in labctl("control").out
    with connect(bench, name="window"):
        told = labctl("control", "give", "window")
        assert told.code == 0
        assert "holds control" in told.out
        assert operators(service) == ["window"]

        refused = labctl("control", "release")
        assert refused.code == 1
        assert "window" in refused.err
        assert labctl("control", "release", "--force").code == 0
        assert operators(service) == []
    assert labctl("control", "give", "windw").code == 2


def test_a_terminal_holds_control_until_its_command_is_interrupted(
    service: Service, spawn: Spawn, labctl: Labctl, at: tuple[str, ...], wait_until: WaitUntil
) -> None:
    take = spawn("control", "take")
    assert "this terminal holds control" in take.line()
    assert labctl("set", "pump.power_mw", "1", *at).code == 1

    take.process.send_signal(signal.SIGINT)
    assert take.end().code == 3
    wait_until(lambda: not operators(service))
    assert labctl("set", "pump.power_mw", "1", *at).code == 0


@pytest.mark.slow
def test_a_terminal_learns_that_control_was_taken_from_it(
    service: Service, spawn: Spawn, labctl: Labctl
) -> None:
    take = spawn("control", "take")
    assert "this terminal holds control" in take.line()

    assert labctl("control", "release", "--force").code == 0

    told = take.end()
    assert told.code == 0
    assert "control was taken or given away" in told.out
    assert operators(service) == []


def test_alarms_are_listed_and_acknowledged(service: Service, labctl: Labctl) -> None:
    assert labctl("alarms").out == "no alarms\n"
    service.alarms.raise_alarm("test", "alarm", "pump", "the pump leaks")

    told = labctl("alarms")
    assert told.code == 1
    assert "the pump leaks" in told.out
    (alarm,) = labctl("alarms", "--json").json
    assert alarm["is_active"]
    assert not alarm["is_acknowledged"]
    assert labctl("alarms", "--acknowledge", str(alarm["id"]), "--json").json[0]["is_acknowledged"]
    service.alarms.clear("test")
    assert labctl("alarms").code == 0
    assert labctl("alarms", "--acknowledge", "99").code == 2


def test_an_instrument_is_told_what_to_do_and_what_safe_lowered_is_restored(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    service.session.simulation.fault("pump", "trip", fault=1)
    assert labctl("do", "pump.clear_fault", *at).out == "pump.clear_fault: done\n"
    assert service.session.get("pump.fault").value == "none"
    wrong = labctl("do", "pump.glow", *at)
    assert wrong.code == 2
    assert "it has: clear_fault" in wrong.err

    assert labctl("restore").out == "nothing is lowered\n"
    # Nothing of this bench is lowered by "safe" but light, which does not come back.
    pump = service.session.devices["pump"]
    pump.lowered["power_mw"] = 4.0
    told = labctl("restore")
    assert (told.code, told.out) == (0, "pump.power_mw: 4 mW\n")
    assert service.session.get("pump.power_mw") == pytest.approx(4.0)
    assert labctl("restore", "--json").json == {"settings": [], "failures": {}}
    pump.lowered["power_mw"] = 1e6
    told = labctl("restore")
    assert told.code == 1
    assert "pump.power_mw could not be set again" in told.err
