"""Requests whose reply is not a line: they say how it is taken from the link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError, ReplyTimeoutError
from labctl.transport import Link

Scripted = Callable[..., Any]


def four_bytes(link: Link) -> bytes:
    return link.read_exactly(4)


def whole_number(reply: bytes) -> int:
    return int.from_bytes(reply, "little")


def test_a_binary_reply_is_taken_as_the_request_says(scripted: Scripted) -> None:
    link, instrument = scripted({b"\x05": b"\x0d\x0a\x00\x01"}, write_termination=b"")
    assert Request(b"\x05", whole_number, four_bytes).perform(link) == 0x01000A0D
    assert instrument.received == [b"\x05"]


def test_a_further_query_belongs_to_the_same_exchange(scripted: Scripted) -> None:
    link, instrument = scripted({b"ERR?\n": b"0\n"})
    set_ = Request(b"SET 1", int, lambda link: link.query(b"ERR?"))
    assert set_.perform(link) == 0
    assert instrument.received == [b"SET 1\n", b"ERR?\n"]


def test_without_receive_the_reply_is_a_line(scripted: Scripted) -> None:
    link, _ = scripted({b"GET?\n": b"12\n"})
    assert Request(b"GET?", int).perform(link) == 12


@pytest.mark.parametrize("step", ["receive", "parse"])
def test_a_value_error_becomes_a_protocol_error_that_names_command_and_wire(
    scripted: Scripted, step: str
) -> None:
    link, _ = scripted({b"?": b"abcd"}, write_termination=b"")

    def refuse(_: object) -> bytes:
        raise ValueError("expected efgh")

    request: Request[bytes] = (
        Request(b"?", bytes, refuse) if step == "receive" else Request(b"?", refuse, four_bytes)
    )
    with pytest.raises(ProtocolError, match=r"b'\?'.*expected efgh.*serial://scripted"):
        request.perform(link)


def test_what_is_left_of_a_reply_that_failed_is_not_taken_for_the_next(scripted: Scripted) -> None:
    link, _ = scripted({b"a": b"\xffREST", b"b": b"\x01\x00\x00\x00"}, write_termination=b"")

    def fault_first(link: Link) -> bytes:
        if link.read_exactly(1) == b"\xff":
            raise InstrumentError("fault")
        return link.read_exactly(3)

    with pytest.raises(InstrumentError):
        Request(b"a", whole_number, fault_first).perform(link)
    assert Request(b"b", whole_number, four_bytes).perform(link) == 1


def test_half_a_reply_is_forgotten_before_the_next_exchange(scripted: Scripted) -> None:
    link, _ = scripted({b"a": b"\x01\x02", b"b": b"\x01\x00\x00\x00"}, write_termination=b"")
    with pytest.raises(ReplyTimeoutError):
        Request(b"a", whole_number, four_bytes).perform(link)
    assert Request(b"b", whole_number, four_bytes).perform(link) == 1
