"""How fast the simulated VISA library answers, and what of it is PyVISA's own work.

To reach: 50 000 queries/s, 500 MB/s in blocks of 10 MB, and an instrument opened and asked in
10 ms. The references, measured in the same
run, are the instrument asked without VISA and a copy of the same bytes in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import pyvisa

from drivers.cobolt_06 import Cobolt06
from labctl.lab import Lab
from labctl.lab.loading import load_bench
from labctl.transport import Link, WireOptions
from labctl.transport.visa import VisaWire
from simulated_devices.visa import SimulatedVisaLibrary, new_library
from simulated_devices.wire import Port

pytestmark = pytest.mark.bench

NAME = "USB0::0x1313::0x8078::P0000001::0::INSTR"
EXCHANGES = 10_000
ROUNDS = 5
PAYLOAD = bytes(10_000_000)
BLOCK = b"#810000000" + PAYLOAD + b"\n"


class Fixed:
    """Answers every command with the same bytes."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self.port = Port(self._receive)

    def _receive(self, _: bytes) -> None:
        self.port.send(self._reply)


def library_of(port: Port) -> SimulatedVisaLibrary:
    library = new_library()
    library.add(NAME, port)
    return library


def opened(library: SimulatedVisaLibrary) -> Any:
    ends = {"write_termination": "\n", "read_termination": "\n"}
    manager: Any = pyvisa.ResourceManager(library)
    return manager.open_resource(NAME, **ends)


def best_s(action: Callable[[], object], times: int) -> float:
    """Return the shortest mean time of one action, of several rounds."""

    def once() -> float:
        start = perf_counter()
        for _ in range(times):
            action()
        return (perf_counter() - start) / times

    return min(once() for _ in range(ROUNDS))


def test_queries_a_second() -> None:
    port = Fixed(b"0.005\n").port
    library = library_of(port)
    resource = opened(library)
    lib: Any = library
    session = resource.session
    link = Link(VisaWire(NAME, WireOptions(), library), WireOptions())

    def of_the_port() -> None:
        port.host_write(b"p?\n")
        port.host_read_message(100, 1.0)

    def of_the_library() -> None:
        lib.write(session, b"p?\n")
        lib.read(session, 20_480)

    reference_s = best_s(of_the_port, EXCHANGES)
    print(f"\nport {1e-3 / reference_s:.0f} k/s")
    for name, query in (
        ("visalib.write and read", of_the_library),
        ("resource.query", lambda: resource.query("p?")),
        ("labctl's Link.query", lambda: link.query(b"p?")),
    ):
        query_s = best_s(query, EXCHANGES)
        ratio = query_s / reference_s
        print(f"{name} {1e-3 / query_s:.0f} k/s, {ratio:.1f} times the port's own time")


def test_queries_a_second_of_a_dialogue() -> None:
    with Lab(simulated=True, speed=0, only=["pump"]) as lab:
        laser = lab.devices["pump"]
        assert isinstance(laser, Cobolt06)
        port = lab.simulation.instruments["pump"].port

        def of_the_instrument() -> None:
            port.host_write(b"p?\r\n")
            port.host_read_message(100, 1.0)

        alone_s = best_s(of_the_instrument, EXCHANGES)
        query_s = best_s(lambda: laser.link.query(b"p?"), EXCHANGES)
    print(
        f"\nCobolt's YAML dialogue over VISA {1e-3 / query_s:.0f} k/s, "
        f"{query_s / alone_s:.1f} times the dialogue's own time"
    )


def test_blocks_of_ten_megabytes() -> None:
    resource = opened(library_of(Fixed(BLOCK).port))
    resource.read_termination = None
    lib: Any = resource.visalib

    def with_visalib() -> None:
        resource.write("CURV?")
        assert len(lib.read(resource.session, len(BLOCK))[0]) == len(BLOCK)

    def with_visalib_in_chunks() -> None:
        resource.write("CURV?")
        assert len(resource.read_bytes(len(BLOCK))) == len(BLOCK)

    def with_read_raw() -> None:
        resource.write("CURV?")
        assert len(resource.read_raw()) == len(BLOCK)

    def with_values(container: Any, datatype: Any) -> Callable[[], None]:
        def query() -> None:
            got = resource.query_binary_values("CURV?", datatype=datatype, container=container)
            assert len(got) == len(PAYLOAD)

        return query

    copy_s = best_s(lambda: bytearray(BLOCK), 5)
    print(f"\ncopy in memory {len(BLOCK) / copy_s * 1e-6:.0f} MB/s")
    for name, read in (
        ("visalib.read, whole", with_visalib),
        ("read_bytes, 20 kB chunks", with_visalib_in_chunks),
        ("read_raw, 20 kB chunks", with_read_raw),
        ("query_binary_values into an array", with_values(np.array, "B")),
        ("query_binary_values 's' into bytes", with_values(bytes, "s")),
        ("query_binary_values 'B' into bytes, by way of a tuple", with_values(bytes, "B")),
    ):
        read_s = best_s(read, 1)
        rate = len(BLOCK) / read_s * 1e-6
        print(f"{name} {rate:.0f} MB/s, {read_s / copy_s:.2f} copies")


def test_opening_and_closing() -> None:
    library = library_of(Fixed(b"").port)
    open_s = best_s(lambda: opened(library).close(), 500)
    print(f"\nmanager, open and close {open_s * 1e6:.0f} us")


def test_a_new_laboratory_with_one_instrument_that_was_asked() -> None:
    """The first round is not counted: it imports the modules and parses the YAML files."""
    print()
    instruments = load_bench().config.instruments
    for name, instrument in instruments.items():

        def open_and_ask(name: str = name) -> None:
            with Lab(simulated=True, speed=0, only=[name]) as lab:
                lab.devices[name].identify()

        open_and_ask()
        print(f"{name} ({instrument.driver}) {best_s(open_and_ask, 1) * 1e3:.1f} ms")
