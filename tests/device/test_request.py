from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.device import Identity, Request
from labctl.errors import ProtocolError


def test_a_reply_that_the_manual_does_not_allow_is_a_protocol_error() -> None:
    request = Request(b"p?", float)
    assert request.decode(b"0.5") == 0.5
    with pytest.raises(ProtocolError, match=r"b'p\?' was answered b'abc': could not convert"):
        request.decode(b"abc")


def test_a_command_without_reply_has_nothing_to_decode() -> None:
    request: Request[None] = Request(b"abort", None)
    with pytest.raises(ProtocolError, match="b'abort' has no reply"):
        request.decode(b"OK")


def test_a_command_without_reply_waits_for_none(scripted: Callable[..., Any]) -> None:
    link, instrument = scripted()
    Request(b"abort", None).perform(link)
    assert instrument.received == [b"abort\n"]


def test_a_request_is_a_value() -> None:
    assert Request(b"p?", float) == Request(b"p?", float)
    assert len({Request(b"p?", float), Request(b"p?", float)}) == 1


def test_an_identity_reads_as_people_say_it() -> None:
    assert str(Identity("Acme", "L1", "007")) == "Acme L1 serial 007"
    assert str(Identity("Acme", "L1", "")) == "Acme L1"
