from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.device import Device, Reading, Request, Setting, parse_text
from labctl.errors import InstrumentError, InterlockError, LimitError, ProtocolError

Scripted = Callable[..., Any]


class Shape(Enum):
    SINE = "sine"
    SQUARE = "square wave"


def _ok(reply: bytes) -> None:
    if reply != b"OK":
        raise ValueError("expected OK")


def _number(reply: bytes) -> float:
    return float(reply)


def _refuse_high(device: Device, value: Any) -> None:
    if value > 4:
        raise InterlockError(f"{device.name} is hot", device=device.name)


def _confirm(device: Device, value: Any) -> None:
    if device.execute(Generator.level_v.get_request) != value:
        raise InstrumentError("it did not follow", device=device.name)


class Generator(Device):
    level_v = Setting(
        Request(b"v?", _number),
        lambda value: Request(b"v %g" % value, _ok),
        unit="V",
        limits=(-5.0, 5.0),
        guard=_refuse_high,
        confirm=_confirm,
        doc="Level.",
    )
    shape = Setting(
        Request(b"s?", lambda reply: Shape(reply.decode())),
        lambda value: Request(b"s %s" % value.value.encode(), None),
        choices=tuple(Shape),
        doc="Shape.",
    )
    gate = Setting(
        Request(b"g?", lambda reply: reply == b"1"),
        lambda value: Request(b"g %d" % value, None),
        choices=(False, True),
        doc="Gate.",
    )
    output_mw = Reading(Request(b"o?", _number), unit="mW", doc="Output.")
    fault = Reading(Request(b"f?", int), doc="Fault.")


@pytest.fixture
def replies() -> dict[bytes, bytes]:
    return {
        b"v?\n": b"3\n",
        b"v 3\n": b"OK\n",
        b"v -5\n": b"OK\n",
        b"v 5\n": b"OK\n",
        b"s?\n": b"sine\n",
        b"g?\n": b"1\n",
        b"o?\n": b"2.5\n",
        b"f?\n": b"0\n",
    }


def generator(scripted: Scripted, replies: dict[bytes, bytes], **options: Any) -> Any:
    link, instrument = scripted(replies)
    return Generator(link, name="gen", **options), instrument


def test_a_setting_is_read_set_and_announced(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    device, instrument = generator(scripted, replies)
    changes: list[tuple[str, Any, str]] = []
    device.on_change = lambda *change: changes.append(change)
    device.level_v = 3.0
    assert device.level_v == 3.0
    assert instrument.received == [b"v 3\n", b"v?\n", b"v?\n"]
    assert changes == [("level_v", 3.0, "V")]


@pytest.mark.parametrize(
    "value",
    [5.0000001, -5.1, math.inf, -math.inf, math.nan, True, "3", None, [3.0], 10**400, 1j],
)
def test_a_value_that_is_not_allowed_is_refused_before_any_byte_is_sent(
    scripted: Scripted, replies: dict[bytes, bytes], value: object
) -> None:
    device, instrument = generator(scripted, replies)
    with pytest.raises(LimitError, match=r"gen\.level_v = .*-5 to 5 V"):
        device.level_v = value
    assert instrument.received == []


@given(st.floats() | st.integers())
def test_the_check_lets_through_what_is_within_the_limits_and_nothing_else(value: float) -> None:
    try:
        sent = Generator.level_v.check(value, name="gen")
    except LimitError:
        assert not -5 <= value <= 5
    else:
        assert sent == value
        assert -5 <= value <= 5


@pytest.mark.parametrize(
    "value", [np.float64(3), np.float32(3), np.int64(3), np.uint8(3), Fraction(3)]
)
def test_any_real_number_of_a_scan_is_a_number(
    scripted: Scripted, replies: dict[bytes, bytes], value: Any
) -> None:
    device, instrument = generator(scripted, replies)
    announced: list[Any] = []
    device.on_change = lambda _setting, value, _unit: announced.append(value)
    device.level_v = value
    assert instrument.received[0] == b"v 3\n"
    assert type(announced[0]) in {int, float}


def test_narrowed_limits_are_named_in_the_refusal(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    device, instrument = generator(scripted, replies, limits={"level_v": (0.0, 1.0)})
    with pytest.raises(
        LimitError, match=r"gen\.level_v = 3 V is outside 0 to 1 V.*\[instruments\.gen\.limits\]"
    ):
        device.level_v = 3.0
    assert instrument.received == []


def test_both_limits_themselves_are_allowed(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    replies[b"v?\n"] = b"-5\n"
    device, instrument = generator(scripted, replies)
    device.level_v = -5.0
    assert instrument.received[0] == b"v -5\n"


def test_the_guard_refuses_before_any_byte_is_sent(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    device, instrument = generator(scripted, replies)
    with pytest.raises(InterlockError, match="gen is hot"):
        device.level_v = 5.0
    assert instrument.received == []


def test_a_value_that_the_instrument_did_not_take_is_not_announced(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    replies[b"v 2\n"] = b"OK\n"
    device, _ = generator(scripted, replies)
    announced: list[Any] = []
    device.on_change = lambda *change: announced.append(change)
    with pytest.raises(InstrumentError, match="did not follow"):
        device.level_v = 2.0
    assert announced == []


def test_an_answer_that_makes_no_sense_names_both_sides_and_is_forgotten(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    replies[b"o?\n"] = b"3 mW\nleft over\n"
    device, _ = generator(scripted, replies)
    with pytest.raises(ProtocolError, match=r"b'o\?' was answered b'3 mW'"):
        _ = device.output_mw
    assert device.fault == 0


def test_choices_are_checked_and_named_as_an_operator_writes_them(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    device, instrument = generator(scripted, replies)
    with pytest.raises(LimitError, match=r'shape = "squar wave" is not one of sine, square wave.*'):
        device.shape = "squar wave"
    assert instrument.received == []
    device.shape = Shape.SQUARE
    assert instrument.received == [b"s square wave\n"]


def test_a_reading_cannot_be_set(scripted: Scripted, replies: dict[bytes, bytes]) -> None:
    device, instrument = generator(scripted, replies)
    with pytest.raises(LimitError, match=r"gen\.output_mw = 3.* can only be read"):
        device.output_mw = 3
    assert instrument.received == []


def test_the_unit_must_be_that_of_the_name() -> None:
    request = Request(b"p?", _number)
    with pytest.raises((TypeError, RuntimeError)) as caught:
        type("Wrong", (Device,), {"power_mw": Reading(request, unit="W", doc="Power.")})
    # Python 3.11 wraps what __set_name__ raises.
    cause = caught.value.__cause__ or caught.value
    assert str(cause) == "Wrong.power_mw is declared in W, its name says mW"


def test_a_name_of_one_word_says_no_unit() -> None:
    """`k` alone is a name, not kelvin: only a suffix is a unit."""

    class One(Device):
        k = Reading(Request(b"k?", _number), doc="A constant.")

    assert list(One.parameters) == ["k"]


def test_a_driver_inherits_the_settings_of_its_base() -> None:
    class Child(Generator):
        x_v = Reading(Request(b"x?", _number), unit="V", doc="Offset.")

    assert list(Child.parameters) == [*Generator.parameters, "x_v"]
    assert "x_v" not in Generator.parameters


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("level_v", "3", 3),
        ("level_v", "-2.5e-1", -0.25),
        ("gate", "on", True),
        ("gate", "OFF", False),
        ("gate", "1", True),
        ("gate", "false", False),
        ("shape", "square wave", Shape.SQUARE),
    ],
)
def test_what_an_operator_types_becomes_a_value(name: str, text: str, value: object) -> None:
    parsed = parse_text(Generator.parameters[name], text, name="gen")  # type: ignore[arg-type]
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("level_v", "high", 'gen.level_v = "high" is not a number'),
        ("level_v", "", 'gen.level_v = "" is not a number'),
        ("level_v", "\u00b2", 'gen.level_v = "\u00b2" is not a number'),
        ("gate", "maybe", 'gen.gate = "maybe" is neither on nor off'),
    ],
)
def test_what_means_nothing_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(LimitError) as caught:
        parse_text(Generator.parameters[name], text, name="gen")  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_snapshot_holds_everything_and_none_for_what_the_instrument_refuses(
    scripted: Scripted, replies: dict[bytes, bytes]
) -> None:
    class Picky(Generator):
        age = Reading(Request(b"h?", lambda _: _refuse()), doc="Age.")

    def _refuse() -> float:
        raise InstrumentError("not on this model")

    replies[b"h?\n"] = b"?\n"
    link, _ = scripted(replies)
    assert Picky(link, name="gen").snapshot() == {
        "level_v": 3.0,
        "shape": Shape.SINE,
        "gate": True,
        "output_mw": 2.5,
        "fault": 0,
        "age": None,
    }
