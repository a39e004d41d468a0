"""What serving costs: streams and queries over loopback TCP and over a pty, and opening.

To reach: a stream of 17 MB/s (4 million tags/s of four bytes) over TCP without a drop at a small
part of one core; opening below 10 ms per instrument. Each rate is set beside the same bytes over
a bare socket pair.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import pytest
import serial

from labctl.lab import load_bench
from labctl.lab.serving import ServedBench
from simulated_devices.serve import LabServer
from simulated_devices.wire import Port
from simulated_devices.world import Slice

pytestmark = pytest.mark.bench

QUERIES = 3_000
#: 10 ms of a stream of 17 MB/s.
PACKET = bytes(170_000)
#: As many as fit into the server's buffer together are under way at a time.
IN_FLIGHT = 4
PACKETS = 1_000
REAL_TIME_S = 3.0


class Source:
    """Answers a line with `OK` and sends what it is told to."""

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self) -> None:
        self.port = Port(lambda _: self.port.send(b"OK\r\n"))

    def advance(self, slice_: Slice) -> None:
        """Nothing happens to it."""


@pytest.fixture
def source() -> Iterator[tuple[Source, LabServer, socket.socket, serial.Serial]]:
    instrument = Source()
    server = LabServer({"source": instrument})
    at = server.serve("source", has_serial=True)
    with (
        socket.create_connection((at.host, at.port)) as connection,
        serial.Serial(at.pty, timeout=10.0) as port,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield instrument, server, connection, port
    server.close()


def per_second(exchange: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    for _ in range(QUERIES):
        exchange()
    return QUERIES / (time.perf_counter() - start_s)


def bare_queries() -> float:
    """Return how often a line goes through a bare socket pair and back, with a thread there."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        while theirs.recv(100):
            theirs.sendall(b"OK\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    with theirs, ours:
        rate = per_second(lambda: (ours.send(b"?\r\n"), ours.recv(100)))
        ours.shutdown(socket.SHUT_WR)
        thread.join()
    return rate


def bytes_per_second(send: Callable[[bytes], object], read: Callable[[], bytes]) -> float:
    """Send packets, a few ahead of the reader, and return the rate at which they were read."""
    ahead = threading.Semaphore(IN_FLIGHT)

    def feed() -> None:
        for _ in range(PACKETS):
            ahead.acquire()
            send(PACKET)

    thread = threading.Thread(target=feed)
    start_s = time.perf_counter()
    thread.start()
    received = released = 0
    while received < PACKETS * len(PACKET):
        received += len(read())
        while received // len(PACKET) > released:
            released += 1
            ahead.release()
    rate = received / (time.perf_counter() - start_s)
    thread.join()
    return rate


def bare_stream() -> float:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return bytes_per_second(theirs.sendall, lambda: ours.recv(1 << 20))


def test_queries_per_second(
    source: tuple[Source, LabServer, socket.socket, serial.Serial],
) -> None:
    _, _, connection, port = source
    bare = bare_queries()
    tcp = per_second(lambda: (connection.send(b"?\r\n"), connection.recv(100)))
    pty = per_second(lambda: (port.write(b"?\r\n"), port.read(4)))
    print(
        f"\nqueries: TCP {tcp / 1e3:.1f} k/s ({tcp / bare:.2f} of a bare socket pair), "
        f"pty with pyserial {pty / 1e3:.1f} k/s ({pty / bare:.2f})"
    )


def test_megabytes_per_second(
    source: tuple[Source, LabServer, socket.socket, serial.Serial],
) -> None:
    instrument, server, connection, port = source
    bare = bare_stream()
    connection.sendall(b"?\r\n")
    connection.recv(4)
    tcp = bytes_per_second(instrument.port.send, lambda: connection.recv(1 << 20))
    port.write(b"?\r\n")
    port.read(4)
    pty = bytes_per_second(
        instrument.port.send, lambda: port.read(min(1 << 20, max(1, port.in_waiting)))
    )
    dropped = server.traffic()["source"].dropped_bytes
    print(
        f"\nstream: TCP {tcp / 1e6:.0f} MB/s ({tcp / bare:.2f} of a bare socket pair), "
        f"pty with pyserial {pty / 1e6:.0f} MB/s ({pty / bare:.2f}); dropped {dropped} bytes"
    )


def test_load_of_the_default_bench_and_of_its_tagger_at_a_serial_port() -> None:
    with ServedBench(load_bench(), seed=1) as bench:
        lit = bench.simulation.world.pump
        lit.target_mw = 5.0
        lit.emitting = True
        (tagger,) = (entry for entry in bench.entries if entry.name == "tagger")
        bench.simulation.wait(1.0)  # compiled by then
        idle = cpu_per_second(lambda: bench.simulation.wait(REAL_TIME_S))
        with serial.Serial(tagger.settings["pty"], timeout=1.0) as port:
            port.write(b"timestamp;time 0;counts?\r\n")
            received = 0

            def read() -> None:
                nonlocal received
                end_s = time.monotonic() + REAL_TIME_S
                while time.monotonic() < end_s:
                    received += len(port.read(max(1, port.in_waiting)))

            busy = cpu_per_second(read)
            port.write(b"abort\r\n")
        dropped = bench.traffic()["tagger"]["dropped_bytes"]
    print(
        f"\ndefault bench, 5 mW: the world alone {100 * idle:.0f} % of a core; streaming "
        f"{received / REAL_TIME_S / 1e6:.2f} MB/s to pyserial in the same process "
        f"{100 * busy:.0f} %; dropped {dropped} bytes"
    )


def cpu_per_second(action: Callable[[], object]) -> float:
    start_s, cpu_s = time.perf_counter(), time.process_time()
    action()
    return (time.process_time() - cpu_s) / (time.perf_counter() - start_s)


def test_opening_costs_per_instrument() -> None:
    loaded = load_bench()
    ServedBench(loaded).close()  # imports and compiles
    times_s = []
    for _ in range(5):
        start_s = time.perf_counter()
        bench = ServedBench(loaded)
        times_s.append(time.perf_counter() - start_s)
        bench.close()
    each_ms = 1e3 * min(times_s) / len(loaded.config.instruments)
    print(f"\nopening the served default bench: {each_ms:.1f} ms per instrument (to reach: 10)")
