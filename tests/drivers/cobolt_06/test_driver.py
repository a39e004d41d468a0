"""The laser on its simulator, which was written from the manual and not from this driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.cobolt_06 import Cobolt06
from drivers.cobolt_06.protocol import Fault, Mode
from labctl.errors import (
    InstrumentError,
    InterlockError,
    LabError,
    LimitError,
    LinkError,
    ProtocolError,
    ReplyTimeoutError,
)
from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
ConnectPump = Callable[..., Cobolt06]
Scripted = Callable[..., Any]


@pytest.fixture
def lab(start_lab: StartLab) -> SimulatedLab:
    return start_lab()


@pytest.fixture
def pump(lab: SimulatedLab, pump_of: ConnectPump) -> Cobolt06:
    return pump_of(lab)


@pytest.fixture
def laser(lab: SimulatedLab) -> Any:
    """The instrument itself, with its key and its interlock."""
    return lab.instruments["pump"]


def test_the_set_power_is_read_back_and_comes_out(lab: SimulatedLab, pump: Cobolt06) -> None:
    pump.power_mw = 12.5
    assert pump.power_mw == pytest.approx(12.5)
    pump.emission = True
    lab.wait(0.05)
    # The world of this test has neither noise nor settling.
    assert pump.output_mw == pytest.approx(12.5)
    assert pump.mode is Mode.CONTINUOUS


def test_setting_the_power_does_not_switch_the_laser_on(lab: SimulatedLab, pump: Cobolt06) -> None:
    pump.power_mw = 5.0
    lab.wait(0.05)
    assert not pump.emission
    assert pump.output_mw == 0.0
    assert pump.mode is Mode.OFF


def test_emission_is_switched_on_and_off(pump: Cobolt06) -> None:
    pump.emission = True
    assert pump.emission
    pump.emission = False
    assert not pump.emission


def open_interlock(laser: Any) -> None:
    laser.interlock_is_open = True


def reclose_interlock(laser: Any) -> None:
    laser.interlock_is_open = True
    laser.interlock_is_open = False


def turn_key_off(laser: Any) -> None:
    laser.key_is_on = False


def arm_autostart(laser: Any) -> None:
    laser.autostart = 1


@pytest.mark.parametrize(
    ("forbid", "reason"),
    [
        (open_interlock, "its interlock is open"),
        (reclose_interlock, 'it reports "interlock error"'),
        (turn_key_off, "its key switch is off"),
        (arm_autostart, "it is in autostart mode"),
    ],
)
def test_emission_is_refused_with_the_reason(
    pump: Cobolt06, laser: Any, forbid: Callable[[Any], None], reason: str
) -> None:
    forbid(laser)
    with pytest.raises(InterlockError, match=f"emission of pump is refused: {reason}"):
        pump.emission = True
    assert not laser.emission


def test_opening_the_interlock_switches_off_and_closing_it_never_on(
    lab: SimulatedLab, pump: Cobolt06, laser: Any
) -> None:
    pump.emission = True
    laser.interlock_is_open = True
    assert not pump.emission
    assert pump.snapshot()["fault"] is Fault.INTERLOCK
    laser.interlock_is_open = False
    lab.wait(0.1)
    assert not pump.emission
    pump.clear_fault()
    lab.wait(0.1)
    assert not pump.emission
    assert pump.fault is Fault.NONE
    pump.emission = True
    assert pump.emission


def test_turning_the_key_off_and_on_does_not_restore_emission(pump: Cobolt06, laser: Any) -> None:
    pump.emission = True
    laser.key_is_on = False
    assert not pump.emission
    assert pump.mode is Mode.WAITING_FOR_KEY
    laser.key_is_on = True
    assert not pump.emission


def test_a_fault_cannot_be_cleared_while_its_cause_is_there(pump: Cobolt06, laser: Any) -> None:
    laser.interlock_is_open = True
    pump.clear_fault()
    assert pump.fault is Fault.INTERLOCK


def test_a_reconnect_never_restores_emission(lab: SimulatedLab, pump: Cobolt06, laser: Any) -> None:
    pump.emission = True
    laser.port.unplug()
    laser.interlock_is_open = True
    laser.interlock_is_open = False
    with pytest.raises(LinkError):
        _ = pump.emission
    laser.port.plug()
    pump.link.reconnect()
    lab.wait(0.05)
    assert not pump.emission


def test_make_safe_switches_off_in_every_state_and_confirms_it(pump: Cobolt06, laser: Any) -> None:
    changes: list[tuple[str, Any, str]] = []
    pump.on_change = lambda *change: changes.append(change)
    pump.emission = True
    pump.make_safe()
    pump.make_safe()
    assert not laser.emission
    laser.autostart = 1
    laser.key_is_on = False
    laser.key_is_on = True
    assert laser.emission
    pump.make_safe()
    assert not laser.emission
    assert changes[-1] == ("emission", False, "")


def test_a_pulled_cable_cannot_be_confirmed_safe(pump: Cobolt06, laser: Any) -> None:
    pump.emission = True
    laser.port.unplug()
    with pytest.raises(LabError):
        pump.make_safe()


def test_a_laser_that_stays_on_is_shouted(scripted: Scripted) -> None:
    replies = {b"l0\r\n": b"OK\r\n", b"@cob0\r\n": b"OK\r\n", b"l?\r\n": b"1\r\n"}
    link, instrument = scripted(replies, write_termination=b"\r\n", read_termination=b"\r\n")
    pump = Cobolt06(link, name="pump")
    with pytest.raises(
        InstrumentError, match=r"EMISSION OF pump COULD NOT BE SWITCHED OFF.*key sw"
    ):
        pump.make_safe()
    assert b"@cob0\r\n" in instrument.received


@pytest.mark.parametrize("reply", [b"0.060000\r\n", b"\xff\xfe\r\n", b"Syntax error.\r\n", b""])
def test_a_garbled_or_missing_answer_does_not_keep_the_laser_on(
    scripted: Scripted, reply: bytes
) -> None:
    """What counts is the read-back; the forced command follows in any case."""
    replies = {b"l0\r\n": reply, b"@cob0\r\n": b"OK\r\n", b"l?\r\n": b"0\r\n"}
    link, instrument = scripted(replies, write_termination=b"\r\n", read_termination=b"\r\n")
    Cobolt06(link, name="pump").make_safe()
    assert instrument.received[0] == b"l0\r\n"
    assert instrument.received[-2:] == [b"@cob0\r\n", b"l?\r\n"]


@pytest.mark.parametrize("reply", [b"\xff\xfe\r\n", b""])
def test_a_laser_that_may_be_on_after_an_unclear_answer_is_made_safe(
    scripted: Scripted, reply: bytes
) -> None:
    answers = {b"ilk?": b"0", b"f?": b"0", b"@cobasks?": b"1", b"@cobas?": b"0"}
    replies = {command + b"\r\n": answer + b"\r\n" for command, answer in answers.items()}
    replies |= {b"l1\r\n": reply, b"l0\r\n": b"OK\r\n", b"l?\r\n": b"0\r\n"}
    link, instrument = scripted(replies, write_termination=b"\r\n", read_termination=b"\r\n")
    with pytest.raises((ProtocolError, ReplyTimeoutError), match=r"l1|no complete reply"):
        Cobolt06(link, name="pump").emission = True
    assert instrument.received[-3:] == [b"l1\r\n", b"l0\r\n", b"l?\r\n"]


def test_a_laser_that_lights_against_its_orders_is_made_safe(scripted: Scripted) -> None:
    """The interlock opens between the question and the command."""
    link, instrument = scripted(
        {b"l?\r\n": b"0\r\n", b"l0\r\n": b"OK\r\n"},
        write_termination=b"\r\n",
        read_termination=b"\r\n",
    )
    answers = {b"f?\r\n": b"0", b"@cobasks?\r\n": b"1", b"@cobas?\r\n": b"0", b"l1\r\n": b"OK"}
    instrument.replies |= {command: reply + b"\r\n" for command, reply in answers.items()}
    interlock = iter([b"0\r\n", b"1\r\n"])
    instrument.replies = OnceEach(instrument.replies, b"ilk?\r\n", interlock)
    with pytest.raises(InterlockError, match="its interlock is open"):
        Cobolt06(link, name="pump").emission = True
    after = instrument.received[instrument.received.index(b"l1\r\n") :]
    assert b"l0\r\n" in after


class OnceEach(dict[bytes, bytes]):
    """Fixed replies, but one whose replies come in turn."""

    def __init__(self, replies: dict[bytes, bytes], command: bytes, in_turn: Any) -> None:
        super().__init__(replies | {command: b""})
        self._command = command
        self._in_turn = in_turn

    def __getitem__(self, command: bytes) -> bytes:
        return next(self._in_turn) if command == self._command else super().__getitem__(command)


def test_the_limit_is_checked_before_and_the_laser_heads_own_by_the_laser(pump: Cobolt06) -> None:
    with pytest.raises(LimitError, match="0 to 500 mW"):
        pump.power_mw = 501.0
    # The simulated head is rated 120 mW.
    with pytest.raises(InstrumentError, match="out of range"):
        pump.power_mw = 121.0
    assert pump.power_mw == pytest.approx(1.0)


def test_another_instrument_on_the_wire_is_not_taken_for_the_laser(scripted: Scripted) -> None:
    link, _ = scripted(
        {b"l?\r\n": b"0\r\n", b"gsn?\r\n": b"\xff\x00\r\n"},
        write_termination=b"\r\n",
        read_termination=b"\r\n",
    )
    with pytest.raises(ProtocolError, match=r"gsn\?"):
        Cobolt06(link, name="pump").identify()


def test_the_laser_says_who_it_is(pump: Cobolt06) -> None:
    identity = pump.identify()
    assert (identity.model, identity.serial) == ("Cobolt 06-01", "26417")


def test_hours_count_emission_only(lab: SimulatedLab, pump: Cobolt06) -> None:
    before = pump.operating_hours
    lab.wait(36.0)
    assert pump.operating_hours == before
    pump.emission = True
    lab.wait(36.0)
    assert pump.operating_hours == pytest.approx(before + 0.01, abs=0.0051)
