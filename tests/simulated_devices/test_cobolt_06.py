"""The bytes of the simulated laser; what they mean is the business of the driver's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
Ask = Callable[[bytes], bytes]


@pytest.fixture
def lab(start_lab: StartLab) -> SimulatedLab:
    return start_lab()


@pytest.fixture
def laser(lab: SimulatedLab) -> Any:
    return lab.instruments["pump"]


def is_lit(lab: SimulatedLab) -> bool:
    return lab.world.pump.emitting


@pytest.fixture
def ask(laser: Any) -> Ask:
    def exchange(command: bytes) -> bytes:
        laser.port.host_write(command)
        return bytes(laser.port.host_read(1000, 0.0))

    return exchange


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"l?\r\n", b"0\r\n"),
        (b"l?\r", b"0\r\n"),
        (b"l?\n", b"0\r\n"),
        (b" l? \r\n", b"0\r\n"),
        (b"l?\r\nilk?\r\n", b"0\r\n0\r\n"),
        (b"l?", b""),
        (b"\r\n\r\n", b""),
        (b"l2\r\n", b"Syntax error: illegal command\r\n"),
        (b"\xff\r\n", b"Syntax error: illegal command\r\n"),
        (b"p 0.121\r\n", b"Syntax error: value out of range\r\n"),
        (b"p -0.001\r\n", b"Syntax error: value out of range\r\n"),
    ],
)
def test_a_line_is_answered_by_a_line(ask: Ask, sent: bytes, reply: bytes) -> None:
    assert ask(sent) == reply


@pytest.mark.parametrize("sent", [b"p x\r\n", b"p nan\r\n", b"p\r\n", b"p inf\r\n"])
def test_what_is_no_power_is_refused_and_changes_nothing(ask: Ask, sent: bytes) -> None:
    assert ask(sent).startswith(b"Syntax error")
    assert ask(b"p?\r\n") == b"0.001000\r\n"


def test_a_command_may_arrive_in_pieces(ask: Ask) -> None:
    assert ask(b"p 0.0") == b""
    assert ask(b"06\r") == b"OK\r\n"
    assert ask(b"\np?\r\n") == b"0.006000\r\n"


def test_the_properties_follow_the_world(lab: SimulatedLab, ask: Ask) -> None:
    lab.world.pump.target_mw = 8.0
    assert ask(b"p?\r\n") == b"0.008000\r\n"
    lab.world.pump.emitting = True
    lab.wait(0.01)
    assert ask(b"pa?\r\n") == b"0.008000\r\n"
    assert ask(b"l?\r\n") == b"1\r\n"
    assert ask(b"i?\r\n") == ask(b"rlc?\r\n")


def test_the_world_follows_the_properties(lab: SimulatedLab, ask: Ask) -> None:
    ask(b"p 0.009\r\n")
    assert not is_lit(lab)
    ask(b"l1\r\n")
    assert lab.world.pump.target_mw == pytest.approx(9.0)
    assert is_lit(lab)
    ask(b"@cob0\r\n")
    assert not is_lit(lab)


@pytest.mark.parametrize("forbid", ["interlock", "key", "fault"])
def test_a_laser_that_may_not_emit_accepts_the_command_and_stays_dark(
    lab: SimulatedLab, laser: Any, ask: Ask, forbid: str
) -> None:
    laser.key_is_on = forbid != "key"
    laser.interlock_is_open = forbid in {"interlock", "fault"}
    laser.interlock_is_open = forbid == "interlock"
    assert ask(b"l1\r\n") == b"OK\r\n"
    assert not is_lit(lab)


def test_autostart_lights_the_laser_only_when_the_key_is_turned(
    lab: SimulatedLab, laser: Any, ask: Ask
) -> None:
    assert ask(b"@cob1\r\n") == b"OK\r\n"
    assert ask(b"@cobas?\r\n") == b"1\r\n"
    assert ask(b"l1\r\n") == b"Syntax error: not allowed in autostart mode.\r\n"
    assert not is_lit(lab)
    assert ask(b"gom?\r\n") == b"1\r\n"
    laser.key_is_on = False
    assert ask(b"@cobasks?\r\n") == b"0\r\n"
    laser.key_is_on = True
    assert is_lit(lab)
    assert ask(b"gom?\r\n") == b"2\r\n"


def test_autostart_does_not_light_a_laser_with_an_open_interlock(
    lab: SimulatedLab, laser: Any, ask: Ask
) -> None:
    ask(b"@cob1\r\n")
    laser.interlock_is_open = True
    laser.key_is_on = False
    laser.key_is_on = True
    assert not is_lit(lab)
    assert ask(b"f?\r\n") == b"3\r\n"
    assert ask(b"gom?\r\n") == b"5\r\n"
