"""Row 4: a reply that comes late is never taken for that of the next command."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from labctl.device import Request
from labctl.errors import LabError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from simulated_devices.wire import Port, PortWire

TIMEOUT_S = 0.1


class Echo:
    """Answers each line with itself; without terminators, each byte with two of itself."""

    def __init__(self, terminator: bytes = b"\n") -> None:
        self.port = Port(self._receive)
        options = WireOptions(write_termination=terminator, timeout_s=TIMEOUT_S)
        self.link = Link(PortWire(self.port, "serial://echo"), options)

    def _receive(self, data: bytes) -> None:
        self.port.send(data if data.endswith(b"\n") else data * 2)

    def ask(self, number: int) -> bytes | None:
        """Return the reply, None where there was an error."""
        try:
            return self.link.query(b"%d" % number)
        except LabError:
            return None

    def ask_in_binary(self, number: int) -> bytes | None:
        """Return the message that answers, None where there was an error."""
        request = Request(bytes([number]), lambda reply: reply, lambda link: link.read_exactly(2))
        try:
            return request.perform(self.link)
        except LabError:
            return None


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.link.close()


@pytest.fixture
def binary() -> Iterator[Echo]:
    made = Echo(b"")
    yield made
    made.link.close()


@pytest.mark.parametrize("pause_s", [0.0, 0.04, 0.13])
@pytest.mark.parametrize("lateness", [1.3, 1.9, 2.5])
def test_with_every_reply_late_none_is_taken_for_another(
    echo: Echo, lateness: float, pause_s: float
) -> None:
    echo.port.faults.delay(delay_s=lateness * TIMEOUT_S, replies=0)
    told = []
    for number in range(6):
        told.append((number, echo.ask(number)))
        time.sleep(pause_s)  # when the next question comes is what the test is about
    wrong = [(number, reply) for number, reply in told if reply not in {None, b"%d" % number}]
    assert wrong == []


def test_once_the_replies_are_prompt_again_every_question_has_its_answer(echo: Echo) -> None:
    echo.port.faults.delay(delay_s=1.5 * TIMEOUT_S, replies=2)
    assert echo.ask(1) is None
    answered = [echo.ask(number) for number in range(2, 7)]
    assert [r for r in answered if r is not None] == [
        b"%d" % n for n, r in zip(range(2, 7), answered, strict=True) if r is not None
    ]
    assert answered[-3:] == [b"4", b"5", b"6"]


def test_a_late_reply_that_comes_after_a_reconnect_is_not_taken_for_the_next(echo: Echo) -> None:
    """A serial line brings it to whoever opens the port next."""
    echo.port.faults.delay(delay_s=1.5 * TIMEOUT_S)
    assert echo.ask(1) is None
    echo.link.reconnect()
    assert echo.ask(2) in {None, b"2"}
    assert echo.ask(3) == b"3"


def test_after_a_reply_that_is_lost_the_next_costs_one_timeout_more_and_then_none(
    echo: Echo,
) -> None:
    echo.port.faults.drop()
    with pytest.raises(ReplyTimeoutError):
        echo.link.query(b"1")
    began_s = time.monotonic()
    assert echo.link.query(b"2") == b"2"
    # The lag of one timeout, and half a one for the spread.
    assert TIMEOUT_S <= time.monotonic() - began_s < 3 * TIMEOUT_S
    began_s = time.monotonic()
    assert echo.link.query(b"3") == b"3"
    assert time.monotonic() - began_s < TIMEOUT_S


@pytest.mark.parametrize("lateness", [1.3, 1.9, 2.5])
def test_a_late_message_without_an_end_is_not_taken_for_the_next(
    binary: Echo, lateness: float
) -> None:
    binary.port.faults.delay(delay_s=lateness * TIMEOUT_S, replies=0)
    told = {number: binary.ask_in_binary(number) for number in range(1, 7)}
    binary.port.faults.clear()
    told |= {number: binary.ask_in_binary(number) for number in range(11, 15)}
    assert {n: r for n, r in told.items() if r not in {None, bytes([n, n])}} == {}
    assert told[14] == bytes([14, 14])
