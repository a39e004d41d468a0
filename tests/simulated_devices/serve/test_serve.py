"""Served ports by themselves: who is heard, who is refused, and what ends a connection."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import serial

from labctl.errors import LinkError
from simulated_devices.lab import SimulatedLab
from simulated_devices.serve import LabServer
from simulated_devices.serving_tcp import bind_loopback

Ended: TypeAlias = Callable[[socket.socket], bool]
Eventually: TypeAlias = Callable[[Callable[[], object]], None]


def test_a_served_laser_obeys_over_tcp_and_over_its_serial_port(
    start_lab: Callable[..., SimulatedLab],
) -> None:
    lab = start_lab(speed=1.0)
    server = lab.new_server()
    at = server.serve("pump", has_serial=True)
    with serial.Serial(at.pty, timeout=5.0) as port:
        port.write(b"gsn?\r\np 0.005\r\nl1\r\n")
        assert [port.readline() for _ in range(3)] == [b"26417\r\n", b"OK\r\n", b"OK\r\n"]
    assert server.emission() == {"pump": True}
    with socket.create_connection((at.host, at.port), timeout=5.0) as connection:
        connection.sendall(b"p?\r\n")
        assert connection.makefile("rb").readline() == b"0.005000\r\n"
    # Clients come and go; the laser stays as it is.
    emitted = lab.world.pump.emitting
    assert server.switch_lasers_off() == {"pump": False}
    assert (emitted, lab.world.pump.emitting) == (True, False)
    server.close()


def test_only_the_loopback_of_this_machine_is_bound(served: Any) -> None:
    assert served.at.host == "127.0.0.1"
    with served.connect() as connection:
        assert connection.getpeername() == ("127.0.0.1", served.at.port)


@pytest.mark.parametrize("baud_rate", [9600, 115_200, 3_000_000])
def test_a_serial_port_opens_again_and_again_at_any_baud_rate(served: Any, baud_rate: int) -> None:
    for _ in range(3):
        with served.open(baud_rate) as port:
            port.write(b"?\n")
            assert port.read(1) == b"!"


def test_a_serial_port_carries_every_byte_as_it_is_and_echoes_none(
    served: Any, eventually: Eventually
) -> None:
    every = bytes(range(256))
    descriptor = os.open(served.at.pty, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(descriptor, every)
        eventually(lambda: served.talker.received == every)
        served.talker.port.send(every)
        assert os.read(descriptor, 1000) == every
    finally:
        os.close(descriptor)


def test_a_second_client_is_refused_and_the_first_goes_on(served: Any, has_ended: Ended) -> None:
    with served.connect() as first:
        first.sendall(b"?\n")
        assert first.recv(10) == b"!"
        with served.connect() as second:
            assert has_ended(second)
        first.sendall(b"?\n")
        assert first.recv(10) == b"!"


def test_a_client_that_left_makes_room_for_the_next(served: Any, has_ended: Ended) -> None:
    for _ in range(20):
        with served.connect() as client:
            client.sendall(b"?\n")
            assert client.recv(10) == b"!"
            client.shutdown(socket.SHUT_RDWR)
            # The end is answered with an end, then the place is free.
            assert has_ended(client)


def test_the_answer_goes_to_the_program_that_asked(served: Any) -> None:
    with served.connect() as connection, served.open() as port:
        for _ in range(5):
            connection.sendall(b"?\n")
            assert connection.recv(10) == b"!"
            port.write(b"?\n")
            assert port.read(1) == b"!"


def test_a_silent_connection_hears_what_is_sent_unasked(served: Any, has_ended: Ended) -> None:
    with served.connect() as connection:
        # This one is refused, so the first is connected by then.
        with served.connect() as second:
            assert has_ended(second)
        served.talker.port.send(b"news")
        assert connection.recv(10) == b"news"


def test_what_is_sent_while_nobody_is_connected_is_counted_as_unheard(
    served: Any, eventually: Eventually
) -> None:
    served.talker.port.send(b"anybody?")
    eventually(lambda: served.server.traffic()["talker"].unheard_bytes == 8)
    with served.connect() as connection:
        connection.sendall(b"?\n")
        assert connection.recv(10) == b"!"


def test_a_pulled_cable_ends_every_connection_until_it_is_back(
    served: Any, has_ended: Ended, eventually: Eventually
) -> None:
    with served.connect() as connection, served.open() as port:
        served.talker.port.unplug()
        assert has_ended(connection)
        with pytest.raises(serial.SerialException):
            port.read(1)
        assert not Path(served.at.pty).exists()
        with served.connect() as refused:
            assert has_ended(refused)
    served.talker.port.plug()
    eventually(Path(served.at.pty).exists)
    with served.open() as port, served.connect() as connection:
        port.write(b"?\n")
        assert port.read(1) == b"!"
        connection.sendall(b"?\n")
        assert connection.recv(10) == b"!"


def test_a_lost_connection_is_there_again_for_who_connects_anew(
    served: Any, has_ended: Ended
) -> None:
    for _ in range(5):
        with served.connect() as connection:
            connection.sendall(b"?\n")
            assert connection.recv(10) == b"!"
            served.talker.port.hang_up()
            assert has_ended(connection)


def test_closing_ends_connections_servers_serial_ports_and_may_be_repeated(
    served: Any, has_ended: Ended
) -> None:
    with served.connect() as connection:
        served.server.close()
        assert has_ended(connection)
    with pytest.raises(ConnectionRefusedError):
        served.connect()
    assert not Path(served.at.pty).exists()
    assert not Path(served.at.pty).parent.exists()
    served.server.close()


def test_instruments_with_the_same_companion_port_get_hosts_of_their_own(
    talker: Any, has_ended: Ended
) -> None:
    (companion,) = free_ports(1)
    instruments = {"one": talker(companion), "two": talker(companion)}
    server = LabServer(instruments)
    places = [server.serve(name) for name in instruments]
    assert places[0].host != places[1].host
    for name, place in zip(instruments, places, strict=True):
        assert place.host.startswith("127.0.0.")
        assert place.companion_ports == (companion,)
        with (
            socket.create_connection((place.host, companion), timeout=5.0) as connection,
            socket.create_connection((place.host, companion), timeout=5.0) as second,
        ):
            assert has_ended(second)
            instruments[name].companion_ports[companion].send(name.encode())
            assert connection.recv(10) == name.encode()
    server.close()


def test_a_port_in_use_is_told_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LinkError, match=f"TCP port {port} cannot be served on loopback"):
            bind_loopback(port, ())


def free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return numbers
