from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LinkError, ReplyTimeoutError
from simulated_devices.wire import Port, PortWire


def silent() -> Port:
    return Port(lambda _: None)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.integers(1, 60))
def test_what_was_sent_is_read_in_portions_of_the_asked_size(
    sent: list[bytes], max_bytes: int
) -> None:
    port = silent()
    for data in sent:
        port.send(data)
    assert port.waiting == sum(map(len, sent))
    received = b""
    while data := port.host_read(max_bytes, 0.0):
        assert len(data) <= max_bytes
        received += data
    assert received == b"".join(sent)
    assert port.waiting == 0


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10), st.integers(1, 60))
def test_messages_keep_their_ends(sent: list[bytes], max_bytes: int) -> None:
    port = silent()
    for data in sent:
        port.send(data)
    received = [b""]
    while (part := port.host_read_message(max_bytes, 0.0))[0]:
        received[-1] += part[0]
        if part[1]:
            received.append(b"")
    assert received == [*sent, b""]


def test_the_instrument_gets_every_write_as_it_was_made() -> None:
    got: list[bytes] = []
    wire = PortWire(Port(got.append), "tcp://a:1")
    wire.write(b"one")
    wire.write(b"two")
    assert got == [b"one", b"two"]
    assert wire.address == "tcp://a:1"


def test_a_reader_is_woken_by_what_is_sent() -> None:
    port = silent()
    sender = threading.Timer(0.01, port.send, (b"now",))
    sender.start()
    assert port.host_read(10, 30.0) == b"now"
    sender.join()


def test_unplugging_fails_every_use_and_loses_what_was_on_the_way() -> None:
    port = silent()
    wire = PortWire(port, "tcp://a:1")
    port.send(b"on the way")
    port.unplug()
    assert port.is_unplugged
    for _ in range(2):
        with pytest.raises(LinkError, match="unplugged"):
            wire.write(b"x")
        with pytest.raises(LinkError, match="unplugged"):
            wire.read(1, 0.01)
        with pytest.raises(LinkError, match="unplugged"):
            wire.reopen()
    wire.close()
    port.plug()
    wire.reopen()
    with pytest.raises(ReplyTimeoutError):
        wire.read(1, 0.01)


def test_what_an_instrument_sends_into_an_unplugged_cable_is_lost() -> None:
    port = silent()
    port.unplug()
    port.send(b"into the void")
    port.plug()
    assert port.host_read(100, 0.0) == b""


def test_unplugging_wakes_a_reader_that_waits() -> None:
    port = silent()
    unplug = threading.Timer(0.01, port.unplug)
    unplug.start()
    with pytest.raises(LinkError, match="unplugged"):
        port.host_read(1, 30.0)
    unplug.join()


def test_settling_a_port_that_nobody_reads_returns_at_once() -> None:
    port = silent()
    port.send(b"unread")
    began = time.monotonic()
    port.settle()
    assert time.monotonic() - began < 0.5


def test_settling_waits_until_the_reader_asks_for_more() -> None:
    """The stepped clock rests on this: time goes on only when the host has dealt with all."""
    port = silent()
    dealt_with: list[int] = []
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            if data := port.host_read(1, 0.05):
                dealt_with.append(data[0])

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(200):
        port.send(bytes([n, n]))
        port.settle()
        if n:
            # The reader of the first packet may not have arrived yet.
            assert dealt_with[-2:] == [n, n]
    finished.set()
    reader.join()
    assert dealt_with == [n for n in range(200) for _ in range(2)]


def test_a_reader_that_went_away_holds_time_up_only_once() -> None:
    port = silent()
    port.host_read(1, 0.0)
    port.send(b"unread")
    port.settle()
    began = time.monotonic()
    port.settle()
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("portion", [1, 7, 1000])
def test_bulk_data_read_in_portions_is_whole(portion: int) -> None:
    port = silent()
    data = bytes(n % 251 for n in range(5000))
    port.send(data)
    port.send(b"end")
    received = b""
    while part := port.host_read(portion, 0.0):
        received += part
    assert received == data + b"end"
