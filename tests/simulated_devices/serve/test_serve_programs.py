"""Programs that know nothing of labctl, at the served default bench, with what `settings` says."""

from __future__ import annotations

import importlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import pyvisa
import serial
from pyvisa import constants

from labctl.lab import load_bench
from labctl.lab.serving import ServedBench


@pytest.fixture
def bench() -> Iterator[ServedBench]:
    # Mounts turn and counts come ten times as fast as they would.
    with ServedBench(load_bench(), seed=1, speed=10.0) as served:
        yield served


@pytest.fixture
def settings(bench: ServedBench) -> dict[str, dict[str, Any]]:
    return {entry.name: entry.settings for entry in bench.entries}


@pytest.fixture
def visa() -> Iterator[Any]:
    manager = pyvisa.ResourceManager("@py")
    yield manager
    manager.close()


def test_pyserial_switches_the_laser_on(
    bench: ServedBench, settings: dict[str, dict[str, Any]]
) -> None:
    pump = settings["pump"]
    end = pump["write_termination"].encode()
    with serial.Serial(pump["pty"], pump["baud_rate"], timeout=pump["timeout_s"]) as port:

        def ask(command: bytes) -> bytes:
            port.write(command + end)
            return bytes(port.read_until(pump["read_termination"].encode()))

        assert ask(b"gsn?") == b"26417\r\n"
        assert ask(b"p 0.005") == b"OK\r\n"
        assert ask(b"l1") == b"OK\r\n"
        assert ask(b"l?") == b"1\r\n"
        assert ask(b"nonsense") == b"Syntax error: illegal command\r\n"
    assert bench.simulation.world.pump.emitting
    assert bench.simulation.world.pump.target_mw == pytest.approx(5.0)


@pytest.mark.parametrize("kind", [0, 1])
def test_pyvisa_asks_the_laser_by_socket_and_by_serial_port(
    visa: Any, settings: dict[str, dict[str, Any]], kind: int
) -> None:
    pump = settings["pump"]
    resource = visa.open_resource(
        pump["visa"][kind],
        read_termination=pump["read_termination"],
        write_termination=pump["write_termination"],
    )
    assert resource.resource_class == ("SOCKET", "INSTR")[kind]
    if kind == 1:
        resource.baud_rate = pump["baud_rate"]
        resource.end_input = constants.SerialTermination.termination_char
    assert resource.query("gsn?") == "26417"
    assert resource.query("p 0.004") == "OK"
    assert float(resource.query("p?")) == pytest.approx(0.004)
    resource.close()


def test_pyvisa_measures_the_power_of_the_pump(
    visa: Any, bench: ServedBench, settings: dict[str, dict[str, Any]]
) -> None:
    pump = bench.simulation.world.pump
    pump.target_mw = 5.0
    pump.emitting = True
    meter = settings["pump_meter"]
    (name,) = meter["visa"]
    resource = visa.open_resource(name, read_termination="\n", write_termination="\n")
    assert resource.query("*IDN?").startswith("Thorlabs,PM100D,")
    resource.write("SENS:CORR:WAV 405")
    bench.simulation.wait(2.0)  # the pump settles within 50 ms
    # One per cent of 5 mW is picked off; the pump's noise is 0.1 per cent, and 5 sigma of it
    # and of the sensor's 1 nW are 0.3 µW.
    assert float(resource.query("MEAS:POW?")) == pytest.approx(50e-6, abs=0.3e-6)
    assert resource.query("SYST:ERR?").startswith(("0,", "+0,"))
    resource.close()


def test_a_plain_socket_reads_labels_and_counts_of_the_detectors(
    settings: dict[str, dict[str, Any]],
) -> None:
    snspd = settings["snspd"]
    host, end = snspd["host"], snspd["read_termination"].encode()
    counts_port = snspd["companion_ports"]["counts"]
    with (
        socket.create_connection((host, snspd["port"]), timeout=5.0) as control,
        socket.create_connection((host, counts_port), timeout=5.0) as counts,
    ):
        control.sendall(b'{"request": "labelProps"}')
        labels: dict[str, Any] = {}
        received = b""
        while "NumberOfDetectors" not in labels:
            received += control.recv(65_536)
            *messages, received = received.split(end)
            said = [json.loads(message) for message in messages]
            labels |= {message["label"]: message["value"] for message in said}
        assert labels["NumberOfDetectors"]["value"] == 4
        unix_time, *numbers = counts.makefile("rb").readline().split(b",")
        assert float(unix_time) > 1_700_000_000
        assert len(numbers) == 4


def test_the_public_apt_messages_turn_a_mount(
    bench: ServedBench, settings: dict[str, dict[str, Any]]
) -> None:
    apt: Any = importlib.import_module("thorlabs_apt_protocol")
    mount, host, steps = 0x50, 0x01, round(409_600 / 3)
    alice = settings["alice_hwp"]
    with serial.Serial(
        alice["pty"], alice["baud_rate"], rtscts=alice["rts_cts"], timeout=5.0
    ) as port:
        messages = apt.Unpacker(port, on_error="raise")

        def next_message(name: str) -> Any:
            return next(message for message in messages if message.msg == name)

        port.write(apt.hw_req_info(dest=mount, source=host))
        assert next_message("hw_get_info").model_number.startswith(b"K10CR1")
        port.write(apt.mot_move_absolute(mount, host, chan_ident=1, position=steps))
        assert next_message("mot_move_completed").chan_ident == 1
        port.write(apt.mot_req_statusupdate(mount, host, chan_ident=1))
        assert next_message("mot_get_statusupdate").position == steps
    mechanics = bench.simulation.instruments["alice_hwp"].mount
    assert mechanics.position_deg == pytest.approx(1.0, abs=1e-4)


def test_a_program_that_asks_a_mount_in_pieces_is_understood(
    settings: dict[str, dict[str, Any]],
) -> None:
    bob = settings["bob_hwp"]
    with socket.create_connection((bob["host"], bob["port"]), timeout=5.0) as connection:
        for byte in bytes.fromhex("050000005001"):  # MGMSG_HW_REQ_INFO, as it is on the wire
            connection.sendall(bytes([byte]))
        reply = b""
        while len(reply) < 90:
            reply += connection.recv(90 - len(reply))
    assert reply[:6] == bytes.fromhex("060054008150")
