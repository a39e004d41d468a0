"""The driver on the stand-in: what it opens, what it says, what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.swabian_timetagger import SwabianTimeTagger
from labctl.errors import InstrumentError, LimitError, LinkError
from labctl.transport import parse_address
from simulated_devices.devices.swabian import Board
from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
Connect = Callable[[SimulatedLab], SwabianTimeTagger]

#: Period of the Ultra's test signal with the divider 504 of 403.2 MHz.
TEST_PERIOD_PS = 1_250_000


def board_of(lab: SimulatedLab) -> Board:
    board = lab.instruments["tagger"]
    assert isinstance(board, Board)
    return board


def with_one(values: tuple[float, ...], channel: int, value: float) -> tuple[float, ...]:
    return (*values[: channel - 1], value, *values[channel:])


def test_it_says_what_it_is(start: StartLab, connect: Connect) -> None:
    identity = connect(start()).identify()
    assert str(identity) == "Swabian Instruments Time Tagger Ultra serial 1740000ABC"
    assert identity.firmware.startswith("TT-Ultra")


@pytest.mark.parametrize(("model", "inputs"), [("20", 8), ("Ultra", 18), ("X", 18)])
def test_it_has_the_inputs_of_its_model(
    start: StartLab, connect: Connect, model: str, inputs: int
) -> None:
    lab = start({"alice_h": 1}, model=model)
    tagger = connect(lab)
    assert tagger.channels == tuple(range(1, inputs + 1))
    assert len(tagger.trigger_levels_v) == len(tagger.delays_ps) == inputs


@pytest.mark.parametrize(
    ("model", "name", "value", "range_text"),
    [
        ("X", "trigger_levels_v", 1.5, "-1 to 1 V"),
        ("20", "trigger_levels_v", -0.5, "0 to 2.5 V"),
        ("20", "dead_times_ns", 2.0, "6 to 393000 ns"),
        ("X", "dead_times_ns", 1e6, "1.333 to 716000 ns"),
    ],
)
def test_a_value_beyond_the_model_is_refused_with_its_range(
    start: StartLab, connect: Connect, model: str, name: str, value: float, range_text: str
) -> None:
    lab = start({"alice_h": 1}, model=model)
    tagger = connect(lab)
    before = getattr(tagger, name)
    with pytest.raises(LimitError, match=f"tagger.{name} of channel 2 .* outside {range_text}"):
        setattr(tagger, name, with_one(before, 2, value))
    assert getattr(tagger, name) == before


def test_a_list_of_the_wrong_length_is_refused(start: StartLab, connect: Connect) -> None:
    tagger = connect(start())
    with pytest.raises(LimitError, match="2 values do not fit the tagger's 18 inputs"):
        tagger.delays_ps = (0.0, 0.0)


def test_dead_times_of_the_oldest_model_are_multiples_of_its_clock(
    start: StartLab, connect: Connect
) -> None:
    tagger = connect(start({"alice_h": 1}, model="20"))
    tagger.dead_times_ns = (100.0,) * 8
    # 6 ns clock, docstring of setDeadtime.
    assert tagger.dead_times_ns == (102.0,) * 8


def test_after_a_lost_connection_the_tagger_is_opened_anew_with_its_defaults(
    start: StartLab, connect: Connect
) -> None:
    lab = start()
    tagger = connect(lab)
    tagger.delays_ps = (1000.0,) * 18
    board_of(lab).port.hang_up()
    with pytest.raises(LinkError):
        tagger.identify()
    tagger.link.reconnect()
    assert tagger.identify().serial == "1740000ABC"
    assert tagger.delays_ps == (0.0,) * 18


def test_another_tagger_in_its_place_is_refused(start: StartLab, connect: Connect) -> None:
    lab = start()
    tagger = connect(lab)
    board = board_of(lab)
    board.port.hang_up()
    board.serial = "OTHER"
    with pytest.raises(LinkError, match="1740000ABC"):
        tagger.link.reconnect()


def test_two_hosts_cannot_have_the_same_tagger(start: StartLab, connect: Connect) -> None:
    lab = start()
    connect(lab)
    with pytest.raises(LinkError, match="already in use"):
        connect(lab)


def test_what_the_library_refuses_is_an_error_of_the_instrument(
    start: StartLab, connect: Connect
) -> None:
    tagger = connect(start())
    with pytest.raises(InstrumentError, match="channel 19 does not exist"):
        tagger.link.call(lambda _, library_tagger: library_tagger.getTriggerLevel(19))


def test_bytes_do_not_lead_to_a_tagger_and_calls_to_nothing_else(
    start: StartLab, connect: Connect
) -> None:
    lab = start()
    with pytest.raises(LinkError, match="not by bytes"):
        connect(lab).link.query(b"*IDN?")
    lab.instruments["tagger"].port.unplug()
    with pytest.raises(LinkError, match="no simulated instrument"):
        lab.open_wire(parse_address("library://swabian/ANOTHER"), SwabianTimeTagger.wire)
