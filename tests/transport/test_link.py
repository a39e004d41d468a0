from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import InterlockError, LinkError, ProtocolError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from labctl.transport.visa import VisaWire
from simulated_devices.visa import new_library
from simulated_devices.wire import Port, PortWire

Scripted = Callable[..., Any]
OPTIONS = WireOptions(write_termination=b"\n", read_termination=b"\r\n", timeout_s=0.05)


def test_a_query_adds_its_terminator_and_takes_off_that_of_the_reply(scripted: Scripted) -> None:
    link, instrument = scripted({b"p?\r": b"5.0;"}, write_termination=b"\r", read_termination=b";")
    assert link.query(b"p?") == b"5.0"
    assert instrument.received == [b"p?\r"]


def test_two_replies_in_one_packet_are_two_lines(scripted: Scripted) -> None:
    link, _ = scripted({b"both?\n": b"one\ntwo\n"})
    assert link.query(b"both?") == b"one"
    assert link.read_line() == b"two"


def test_an_instrument_that_is_silent_is_a_timeout_with_its_address(scripted: Scripted) -> None:
    link, _ = scripted()
    with pytest.raises(ReplyTimeoutError, match=r"within 0\.05 s.*serial://scripted"):
        link.query(b"p?")


def test_half_a_reply_is_shown_in_the_timeout(scripted: Scripted) -> None:
    link, _ = scripted({b"p?\n": b"0.00"})
    with pytest.raises(ReplyTimeoutError, match=r"got only b'0\.00'"):
        link.query(b"p?")


def _open(kind: str, port: Port, options: WireOptions) -> Link:
    if kind == "port":
        return Link(PortWire(port, "serial://late"), options)
    library = new_library()
    library.add("ASRL1::INSTR", port)
    return Link(VisaWire("ASRL1::INSTR", options, library), options)


class Echo:
    """Answers `<n>` with `<n>`; replies to commands in `held` wait until `release`."""

    def __init__(self, *, held: tuple[bytes, ...] = (), cut: int = 0) -> None:
        self._held = held
        self._cut = cut
        self._pending: list[bytes] = []
        self.port = Port(self._receive)

    def _receive(self, data: bytes) -> None:
        reply = data.rstrip(b"\n") + b"\r\n"
        if data.strip() in self._held:
            self._pending.append(reply)
            if self._cut:
                self.port.send(self._pending[-1][: self._cut])
                self._pending[-1] = reply[self._cut :]
        elif data:
            self.port.send(reply)

    def release(self) -> None:
        for reply in self._pending:
            self.port.send(reply)
        self._pending.clear()


@pytest.mark.parametrize("kind", ["port", "visa"])
@pytest.mark.parametrize("cut", [0, 2])
def test_a_late_reply_is_never_taken_for_the_next(kind: str, cut: int) -> None:
    echo = Echo(held=(b"first",), cut=cut)
    with _open(kind, echo.port, OPTIONS) as link:
        with pytest.raises(ReplyTimeoutError):
            link.query(b"first")
        echo.release()
        assert [link.query(b"second"), link.query(b"third")] == [b"second", b"third"]


class Busy:
    """Answers everything in order, but nothing before the command after `first` has come."""

    def __init__(self, *, gap_s: float = 0.0, drops_first: bool = False) -> None:
        self._gap_s = gap_s
        self._drops_first = drops_first
        self._timers: list[threading.Timer] = []
        self.port = Port(self._receive)

    def _receive(self, data: bytes) -> None:
        command = data.strip()
        if command == b"second" and not self._drops_first:
            self.port.send(b"first\r\n")
            self._timers.append(threading.Timer(self._gap_s, self.port.send, (b"second\r\n",)))
            self._timers[-1].start()
        elif command and command != b"first":
            self.port.send(command + b"\r\n")

    def join(self) -> None:
        for timer in self._timers:
            timer.join()


@pytest.mark.parametrize("kind", ["port", "visa"])
@pytest.mark.parametrize("gap_s", [0.0, 0.03])
def test_a_busy_instrument_that_answers_late_and_in_order_does_not_shift_replies(
    kind: str, gap_s: float
) -> None:
    """Else `ilk?` answered to `l?` would confirm a laser dark that is lit."""
    busy = Busy(gap_s=gap_s)
    with _open(kind, busy.port, OPTIONS) as link:
        with pytest.raises(ReplyTimeoutError):
            link.query(b"first")
        assert [link.query(b"second"), link.query(b"third")] == [b"second", b"third"]
    busy.join()


@pytest.mark.parametrize("kind", ["port", "visa"])
def test_a_reply_that_never_comes_costs_none_of_the_next(kind: str) -> None:
    with _open(kind, Busy(drops_first=True).port, OPTIONS) as link:
        with pytest.raises(ReplyTimeoutError):
            link.query(b"first")
        assert [link.query(b"second"), link.query(b"third")] == [b"second", b"third"]


def test_an_instrument_that_talks_unasked_is_told_from_one_that_is_late() -> None:
    stop = threading.Event()

    def talk() -> None:
        while not stop.wait(0.002):
            port.send(b"news\r\n")

    port = Port(lambda _: None)
    with Link(PortWire(port, "serial://news"), OPTIONS) as link:
        with pytest.raises(ReplyTimeoutError):
            link.query(b"first")
        talker = threading.Thread(target=talk, daemon=True)
        talker.start()
        with pytest.raises(ProtocolError, match="unasked"):
            link.query(b"second")
        stop.set()
        talker.join()


@pytest.mark.parametrize("kind", ["port", "visa"])
def test_half_a_reply_is_never_glued_to_the_next(kind: str) -> None:
    echo = Echo(held=(b"first",), cut=3)
    with _open(kind, echo.port, OPTIONS) as link:
        with pytest.raises(ReplyTimeoutError):
            link.query(b"first")
        assert link.query(b"second") == b"second"


@pytest.mark.parametrize("kind", ["port", "visa"])
def test_two_threads_never_swap_replies(kind: str) -> None:
    swapped: list[tuple[bytes, bytes]] = []
    options = WireOptions(read_termination=b"\r\n", timeout_s=5.0)

    def ask(prefix: str) -> None:
        for n in range(1500):
            command = f"{prefix}{n}".encode()
            if (reply := link.query(command)) != command:
                swapped.append((command, reply))

    with _open(kind, Echo().port, options) as link:
        threads = [threading.Thread(target=ask, args=(prefix,)) for prefix in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert swapped == []


def test_a_transaction_is_not_interleaved(scripted: Scripted) -> None:
    link, instrument = scripted()
    entered, done = threading.Event(), threading.Event()

    def interrupt() -> None:
        entered.wait(5.0)
        link.write(b"safe")
        done.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with link.transaction():
        link.write(b"one")
        entered.set()
        assert not done.wait(0.02)
        link.write(b"two")
    thread.join()
    assert instrument.received == [b"one\n", b"two\n", b"safe\n"]


def test_a_link_that_streams_refuses_queries_and_takes_commands(scripted: Scripted) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    link.begin_stream()
    with pytest.raises(InterlockError, match=r"p\? cannot be answered while the instrument stream"):
        link.query(b"p?")
    assert instrument.received == []
    link.write(b"abort")
    link.end_stream()
    assert link.query(b"p?") == b"5"


def test_the_rest_of_a_stream_is_forgotten(scripted: Scripted) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    instrument.port.send(bytes(100_000))
    link.discard_until_quiet()
    assert link.query(b"p?") == b"5"


def test_a_stream_that_trickles_on_ends_in_an_error_and_not_in_waiting(
    scripted: Scripted,
) -> None:
    link, instrument = scripted({})
    # At 2 kB/s the wire never leaves 30 ms of quiet, and would take 50 s for all.
    instrument.port.faults.throttle(bytes_per_s=2000.0)
    instrument.port.send(bytes(100_000))
    began_s = time.monotonic()
    with pytest.raises(ProtocolError, match="told to end and went on"):
        link.discard_until_quiet()
    assert time.monotonic() - began_s < 5.0


def test_a_reconnected_link_starts_empty_and_answers_again(scripted: Scripted) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    link.begin_stream()
    instrument.port.send(b"old\n")
    link.reconnect()
    assert link.query(b"p?") == b"5"


@pytest.mark.parametrize(
    "use",
    [
        lambda link: link.query(b"p?"),
        lambda link: link.write(b"p 1"),
        lambda link: link.write_raw(b"p 1"),
        lambda link: link.read_line(),
        lambda link: link.read_exactly(1),
        lambda link: link.read_available(1, 0.01),
        lambda link: link.read_block(),
        lambda link: link.reconnect(),
    ],
)
def test_a_closed_link_refuses_every_use(scripted: Scripted, use: Callable[[Link], None]) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    link.close()
    link.close()
    with pytest.raises(LinkError, match="the link is closed"):
        use(link)
    assert instrument.received == []


@given(st.binary(max_size=300))
def test_a_block_is_returned_byte_for_byte(payload: bytes) -> None:
    """IEEE 488.2, 8.7.9: `#`, number of digits, length, data."""
    length = str(len(payload)).encode()
    port = Port(lambda _: None)
    port.send(b"#%d" % len(length) + length + payload)
    with Link(PortWire(port, "serial://block"), OPTIONS) as link:
        assert link.read_block() == payload


@pytest.mark.parametrize("head", [b"#0abc", b"5.000", b"##3", b"#2x1", b"#2+1aaa"])
def test_what_is_no_block_is_refused_and_forgotten(scripted: Scripted, head: bytes) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    instrument.port.send(head)
    with pytest.raises(ProtocolError, match="block"):
        link.read_block()
    assert link.query(b"p?") == b"5"


def test_a_block_that_ends_early_is_a_timeout(scripted: Scripted) -> None:
    link, instrument = scripted({b"p?\n": b"5\n"})
    instrument.port.send(b"#15abc")
    with pytest.raises(ReplyTimeoutError):
        link.read_block()
    assert link.query(b"p?") == b"5"


@pytest.mark.parametrize("kind", ["port", "visa"])
def test_a_line_that_never_ends_is_refused(kind: str) -> None:
    """A device that babbles must not fill the memory of the acquisition computer."""
    port = Port(lambda _: None)
    port.send(b"x" * 1_000_000)
    with (
        _open(kind, port, OPTIONS) as link,
        pytest.raises(ProtocolError, match="no end of line within 65536 bytes"),
    ):
        link.read_line()
