"""Shutters and attenuators as rules act on them; lasers and detectors are in test_interlocks.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.device import Device, Request, Setting
from labctl.errors import ConfigError
from labctl.lab.actions import Action, ActionTaker, Deed, parse_action
from labctl.lab.safety import SafetyReport
from labctl.transport import Link


def _set_db(value: float) -> Request[None]:
    return Request(b"A %g" % value, None)


def _set_open(value: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    return Request(b"S %d" % value, None)


class Voa(Device):
    kinds = ("attenuator",)
    attenuation_db = Setting(
        Request(b"A?", float), _set_db, unit="dB", limits=(0.0, 60.0), doc="Loss."
    )


class Flag(Device):
    kinds = ("shutter",)
    is_open = Setting(
        Request(b"S?", lambda reply: reply == b"1"), _set_open, choices=(False, True), doc="Open."
    )

    def make_safe(self) -> None:
        self.is_open = False


def taken(device: Device, action: str) -> Deed:
    taker = ActionTaker(
        {device.name: device},
        lambda: SafetyReport((), {}),
        pause_run=None,
        abort_run=None,
        on_end=lambda: None,
    )
    deed = taker.begin(parse_action(action), "a test")
    assert deed.join(10.0)
    return deed


@pytest.mark.parametrize(
    ("limits", "sent"), [({}, b"A 60\n"), ({"attenuation_db": (0.0, 40.0)}, b"A 40\n")]
)
def test_an_attenuator_goes_to_the_most_it_may(
    scripted: Callable[..., tuple[Link, Any]], limits: dict[str, Any], sent: bytes
) -> None:
    link, instrument = scripted({b"A?\n": sent[2:]})
    deed = taken(Voa(link, name="voa", limits=limits), "voa max")
    assert deed.failure == ""
    assert instrument.received == [sent, b"A?\n"]


def test_the_loss_before_is_known_and_not_brought_back_by_a_reconnect(
    scripted: Callable[..., tuple[Link, Any]],
) -> None:
    link, _ = scripted({b"A?\n": b"60\n"})
    voa = Voa(link, name="voa")
    voa.attenuation_db = 3.0
    for _ in range(2):
        assert taken(voa, "voa max").failure == ""
        assert voa.last_set == {"attenuation_db": 60.0}
        assert voa.lowered == {"attenuation_db": 3.0}


def test_a_shutter_that_was_closed_is_not_opened_again(
    scripted: Callable[..., tuple[Link, Any]],
) -> None:
    link, _ = scripted({b"S?\n": b"0\n"})
    flag = Flag(link, name="flag")
    flag.is_open = True
    assert taken(flag, "flag close").failure == ""
    assert flag.lowered == {}


def test_an_attenuator_that_does_not_get_there_is_not_confirmed(
    scripted: Callable[..., tuple[Link, Any]],
) -> None:
    link, _ = scripted({b"A?\n": b"59.5\n"})
    assert (
        "was sent to 60 dB and stands at 59.5 dB" in taken(Voa(link, name="voa"), "voa max").failure
    )


@pytest.mark.parametrize(
    ("reads", "failure"), [(b"0\n", ""), (b"1\n", "flag was told to close and did")]
)
def test_a_shutter_is_closed_and_asked_whether_it_is(
    scripted: Callable[..., tuple[Link, Any]], reads: bytes, failure: str
) -> None:
    link, instrument = scripted({b"S?\n": reads})
    deed = taken(Flag(link, name="flag"), "flag close")
    assert instrument.received == [b"S 0\n", b"S?\n"]
    assert deed.failure.startswith(failure)
    assert bool(deed.failure) is bool(failure)


def test_a_bug_of_a_driver_is_a_failure_with_its_words(
    scripted: Callable[..., tuple[Link, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = Flag(scripted({})[0], name="flag")

    def fail() -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(flag, "make_safe", fail)
    assert taken(flag, "flag close").failure == "the driver failed: ZeroDivisionError('oops')"


@pytest.mark.parametrize("verb", ["pause run", "abort run"])
def test_where_no_run_can_be_there_is_none_to_end(verb: str) -> None:
    taker = ActionTaker(
        {}, lambda: SafetyReport((), {}), pause_run=None, abort_run=None, on_end=lambda: None
    )
    deed = taker.begin(Action(verb), "a test")
    assert deed.join(10.0)
    assert (deed.has_ended, deed.failure) == (True, "")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("pump off", Action("off", "pump")),
        ("  voa   max ", Action("max", "voa")),
        ("flag close", Action("close", "flag")),
        ("snspd down", Action("down", "snspd")),
        ("pause run", Action("pause run")),
        ("abort  run", Action("abort run")),
        ("all safe", Action("all safe")),
    ],
)
def test_every_action_has_its_words(text: str, action: Action) -> None:
    assert parse_action(text) == action
    assert parse_action(str(action)) == action


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("pump on", '"pump on" is no action (did you mean "down"?)'),
        ("pump of", '(did you mean "off"?)'),
        ("abort runs", '(did you mean "abort run"?)'),
        (
            "",
            '"" is no action; actions are: "NAME off", "NAME close", "NAME max", "NAME down", "pa',
        ),
        ("pump off now", "is no action"),
    ],
)
def test_what_is_no_action_is_refused_with_all_there_are(text: str, guess: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_action(text)
    assert guess in str(refused.value)
