"""Settings with one number per channel, and settings that take more than one request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from labctl.device import Device, Request, Setting, parse_text
from labctl.errors import LimitError

Scripted = Callable[..., Any]


def _numbers(reply: bytes) -> tuple[float, ...]:
    return tuple(float(part) for part in reply.split(b","))


def _set(values: tuple[float, ...]) -> Request[None]:
    return Request(b"b " + b",".join(b"%g" % value for value in values), None)


def _in_two_steps(device: Device, value: Any) -> None:
    for share in (0.5, 1.0):
        device.execute(_set(tuple(share * number for number in value)))


class Sources(Device):
    bias_ua = Setting(
        Request(b"b?", _numbers),
        _set,
        unit="µA",
        limits=(0.0, 30.0),
        is_array=True,
        apply=_in_two_steps,
        doc="Bias of each channel.",
    )
    free_v = Setting(Request(b"f?", _numbers), _set, unit="V", is_array=True, doc="No limits.")


def sources(scripted: Scripted, **options: Any) -> tuple[Sources, Any]:
    link, instrument = scripted({b"b?\n": b"1,2.5\n"})
    return Sources(link, name="snspd", **options), instrument


def test_every_channel_has_its_number(scripted: Scripted) -> None:
    device, _ = sources(scripted)
    assert device.bias_ua == (1.0, 2.5)


@pytest.mark.parametrize("value", [(10, 20.0), [10, 20.0]])
def test_apply_replaces_the_single_request(scripted: Scripted, value: Any) -> None:
    device, instrument = sources(scripted)
    told: list[Any] = []
    device.on_change = lambda *change: told.append(change)
    device.bias_ua = value
    assert instrument.received == [b"b 5,10\n", b"b 10,20\n"]
    assert told == [("bias_ua", (10.0, 20.0), "µA")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((10.0, 31.0), r"snspd\.bias_ua of channel 2 = 31 µA is outside 0 to 30 µA"),
        ((-1, 10.0), "of channel 1 = -1 µA is outside"),
        ((10.0, math.nan), "of channel 2 = nan is not a number"),
        ((10.0, True), "of channel 2 = True is not a number"),
        ((10.0, "20"), "of channel 2 = '20' is not a number"),
        (10.0, "10.0 is not a list of numbers, one per channel"),
        ("10", "'10' is not a list of numbers"),
        ((), "is not a list of numbers"),
    ],
)
def test_one_wrong_channel_refuses_all_before_anything_is_sent(
    scripted: Scripted, value: Any, message: str
) -> None:
    device, instrument = sources(scripted)
    with pytest.raises(LimitError, match=message):
        device.bias_ua = value
    assert instrument.received == []


def test_the_configuration_narrows_every_channel(scripted: Scripted) -> None:
    device, _ = sources(scripted, limits={"bias_ua": (0.0, 12.0)})
    with pytest.raises(LimitError, match=r"channel 2 = 13 µA .* 0 to 12 µA \(narrowed by"):
        device.bias_ua = (12.0, 13.0)


def test_an_array_without_limits_takes_any_numbers() -> None:
    assert Sources.free_v.check((-1e9, 5), name="snspd") == (-1e9, 5.0)
    with pytest.raises(LimitError, match="not a number"):
        Sources.free_v.check((math.nan,), name="snspd")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10,20", (10.0, 20.0)),
        (" 1e1 , 2.5 ", (10.0, 2.5)),
        ("[1, 2, 3]", (1.0, 2.0, 3.0)),
        ("7", (7.0,)),
    ],
)
def test_an_operator_separates_channels_by_commas(text: str, value: tuple[float, ...]) -> None:
    assert parse_text(Sources.bias_ua, text, name="snspd") == value


@pytest.mark.parametrize("text", ["", "10,", "10;20", "ten"])
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LimitError, match=r"is not a list of numbers such as 10,10,12\.5"):
        parse_text(Sources.bias_ua, text, name="snspd")
