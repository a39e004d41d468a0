"""Clients that do not read: the instrument drops whole messages, and every byte is counted."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from simulated_devices.serving_port import BUFFER_BYTES

Eventually: TypeAlias = Callable[[Callable[[], object]], None]
#: As the talker's.
MESSAGE_BYTES = 10_000
NUMBER = struct.Struct("<I")


def flooded(
    served: Any, write: Callable[[bytes], object], count: int, eventually: Eventually
) -> int:
    """Let the talker send `count` messages that nobody reads; return the bytes it dropped."""
    write(b"%d\n" % count)
    total = count * MESSAGE_BYTES
    eventually(lambda: served.server.traffic()["talker"].sent_bytes == total)
    dropped: int = served.server.traffic()["talker"].dropped_bytes
    return dropped


def assert_whole_and_ascending(received: bytes) -> None:
    numbers = [value for (value,) in NUMBER.iter_unpack(received)]
    per_message = MESSAGE_BYTES // NUMBER.size
    firsts = numbers[::per_message]
    assert firsts == sorted(set(firsts))
    assert numbers == [number for number in firsts for _ in range(per_message)]


@pytest.mark.parametrize("count", [50, 2000])
def test_a_tcp_client_that_does_not_read_loses_whole_messages_and_the_loss_is_counted(
    served: Any, count: int, eventually: Eventually
) -> None:
    with served.connect() as client:
        dropped = flooded(served, client.sendall, count, eventually)
        received = b""
        while len(received) < count * MESSAGE_BYTES - dropped:
            received += client.recv(1 << 20)
    assert (dropped > 0) == (count > 50)
    assert_whole_and_ascending(received)
    traffic = served.server.traffic()["talker"]
    assert traffic.sent_bytes == count * MESSAGE_BYTES
    assert traffic.delivered_bytes == len(received)
    assert traffic.sent_bytes == traffic.delivered_bytes + traffic.dropped_bytes


@pytest.mark.parametrize("count", [50, 500])
def test_a_serial_client_that_does_not_read_loses_whole_messages_and_the_loss_is_counted(
    served: Any, count: int, eventually: Eventually
) -> None:
    with served.open() as port:
        dropped = flooded(served, port.write, count, eventually)
        received = port.read(count * MESSAGE_BYTES - dropped)
        assert len(received) == count * MESSAGE_BYTES - dropped
    assert (dropped > 0) == (count > 50)
    assert_whole_and_ascending(received)
    traffic = served.server.traffic()["talker"]
    assert traffic.sent_bytes == traffic.delivered_bytes + traffic.dropped_bytes


def test_no_more_waits_for_a_late_client_than_the_buffer_holds(
    served: Any, eventually: Eventually
) -> None:
    with served.connect() as client:
        flooded(served, client.sendall, 5000, eventually)
        traffic = served.server.traffic()["talker"]
        assert BUFFER_BYTES - MESSAGE_BYTES < traffic.waiting_bytes <= BUFFER_BYTES
        assert traffic.sent_bytes == (
            traffic.delivered_bytes + traffic.dropped_bytes + traffic.waiting_bytes
        )


def test_what_waited_for_a_client_that_left_is_dropped_and_not_told_to_the_next(
    served: Any, eventually: Eventually
) -> None:
    with served.connect() as client:
        flooded(served, client.sendall, 1000, eventually)
    eventually(lambda: served.server.traffic()["talker"].waiting_bytes == 0)
    traffic = served.server.traffic()["talker"]
    assert traffic.sent_bytes == traffic.delivered_bytes + traffic.dropped_bytes
    with served.connect() as client:
        client.sendall(b"?\n")
        assert client.recv(10) == b"!"


def test_a_program_that_opens_the_serial_port_reads_nothing_meant_for_another(
    served: Any, eventually: Eventually
) -> None:
    with served.open() as port:
        flooded(served, port.write, 1000, eventually)
    with served.open() as port:
        eventually(lambda: served.server.traffic()["talker"].waiting_bytes == 0)
        port.reset_input_buffer()
        port.write(b"?\n")
        assert port.read(1) == b"!"
