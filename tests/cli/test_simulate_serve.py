"""`labctl simulate serve` in a process of its own, and labctl in front of what it serves."""

from __future__ import annotations

import json
import signal
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from labctl.lab import find_open_labs

Spawn = Callable[..., Any]
Labctl = Callable[..., Any]


@pytest.fixture
def serving(
    spawn: Spawn,
    bench: Path,
    real_wires_allowed: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """A serving process; its ptys are below `tmp_path`, what it wrote is `served.toml` here."""
    del real_wires_allowed
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return spawn("simulate", "serve", "--config", bench, "--write", "served.toml", "--json")


@pytest.fixture
def rows(serving: Any) -> dict[str, dict[str, Any]]:
    """What the process says it serves."""
    return {row["name"]: row for row in json.loads(serving.line())}


def refuses(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_in_one_document_where_everything_is_and_a_signal_ends_it_all(
    serving: Any, rows: dict[str, dict[str, Any]], number: signal.Signals, tmp_path: Path
) -> None:
    assert list(rows) == ["pump", "tagger"]
    assert set(rows["pump"]) == {"name", "model", "address", "settings"}
    assert rows["pump"]["model"] == "HÜBNER Photonics Cobolt 06-01"
    pump, tagger = rows["pump"]["settings"], rows["tagger"]["settings"]
    assert rows["tagger"]["address"] == f"serial://{tagger['pty']}"
    with serial.Serial(pump["pty"], pump["baud_rate"], timeout=5.0) as port:
        port.write(b"gsn?\r\n")
        assert port.readline() == b"26417\r\n"
    with socket.create_connection((tagger["host"], tagger["port"]), timeout=5.0) as connection:
        connection.sendall(b"*IDN?\r\n")
        reply = connection.makefile("rb").readline()
        assert reply == b"S-Fifteen Instruments TDC1 TDC1_00121\r\n"

        serving.process.send_signal(number)
        told = serving.end()

    assert told.code == 0
    assert len(told.out.splitlines()) == 1
    assert "bytes dropped because nobody read them: none" in told.err
    assert "Traceback" not in told.err
    assert refuses(pump["host"], pump["port"])
    assert refuses(tagger["host"], tagger["port"])
    assert not list(tmp_path.glob("labctl-*"))
    assert find_open_labs() == []


def test_labctl_checks_counts_and_makes_safe_what_is_served(
    labctl: Labctl, serving: Any, rows: dict[str, dict[str, Any]]
) -> None:
    assert set(rows) == {"pump", "tagger"}
    checked = labctl("check", "--config", "served.toml", "--json")
    assert checked.code == 0
    assert {i["name"]: i["error"] for i in checked.json["instruments"]} == {
        "pump": "",
        "tagger": "",
    }

    counted = labctl(
        *("run", "counting", "-p", "dwell_s=0.5", "--arm"),
        *("--config", "served.toml", "--out", "runs", "--json"),
    )
    assert counted.code == 0, counted.err
    assert counted.json["result"]["singles_hz"]["alice_h"]["value"] > 20_000

    assert labctl("set", "pump.emission", "on", "--arm", "--config", "served.toml").code == 0
    (status,) = labctl("status", "--json").json
    assert status["pid"] == serving.process.pid
    assert status["emission"] == {"pump": True}
    assert all(wire["dropped_bytes"] == 0 for wire in status["served"].values())
    assert "serving" in labctl("status").out

    safe = labctl("safe", "--json")
    assert safe.code == 0
    assert safe.json[0]["confirmed"] == ["pump"]
    assert labctl("get", "pump.emission", "--config", "served.toml").out == "off\n"


def test_a_fault_from_another_terminal_is_felt_at_the_wire(
    labctl: Labctl,
    spawn: Spawn,
    rows: dict[str, dict[str, Any]],
    wait_until: Callable[[Callable[[], object]], None],
) -> None:
    pty = Path(rows["pump"]["settings"]["pty"])

    assert labctl("simulate", "fault", "pump", "unplug").code == 0

    wait_until(lambda: not pty.exists())
    told = spawn("get", "pump.power_mw", "--config", "served.toml").end()
    assert told.code == 4
    assert "VISA cannot open ASRL" in told.err

    assert labctl("simulate", "fault", "pump", "plug").code == 0
    wait_until(pty.exists)
    assert labctl("get", "pump.power_mw", "--config", "served.toml").code == 0


def test_a_setting_of_the_served_bench_is_asked_for_over_its_wires(
    labctl: Labctl, bench: Path, rows: dict[str, dict[str, Any]]
) -> None:
    assert rows
    told = labctl("get", "pump.power_mw", "--simulated", "--config", bench)
    assert told.code == 4
    assert "labctl simulate serve --write FILE" in told.err


def test_people_get_a_table(spawn: Spawn, bench: Path) -> None:
    process = spawn("simulate", "serve", "--config", bench)
    while "tagger" not in process.line():
        assert process.lines[-1], process.end()
    process.process.send_signal(signal.SIGINT)
    told = process.end()
    assert told.code == 0
    shown = " ".join(told.out.split())
    assert "instrument TCP serial port model" in shown
    assert "127.0.0.1:" in shown
    assert "SIMULATED" in told.err


def test_no_real_instrument_is_opened_and_the_written_file_is_refused_where_none_may_be(
    labctl: Labctl,
    rows: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert rows
    monkeypatch.setenv("LABCTL_SIMULATED_ONLY", "1")
    told = labctl("check", "--config", "served.toml", "--json")
    assert told.code == 4
    assert "LABCTL_SIMULATED_ONLY=1" in told.json["instruments"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--speed", "0"), 2, "speed = 0 is no running time"),
        (("--base-port", "65535"), 2, "base port 65535 is outside 1 to 65533"),
        (("--base-port", "0"), 2, "Invalid value for '--base-port'"),
        (("--bench", "default"), 2, "--config and --bench exclude each other"),
        (("--write", "."), 2, "cannot be written"),
    ],
)
def test_options_that_make_no_sense_end_with_2(
    labctl: Labctl, bench: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    told = labctl("simulate", "serve", "--config", bench, *arguments)
    assert told.code == code
    assert said in told.err
    assert find_open_labs() == []


def test_a_port_in_use_ends_with_4_and_its_number(labctl: Labctl, bench: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = labctl("simulate", "serve", "--config", bench, "--base-port", port)
    assert told.code == 4
    assert f"TCP port {port} cannot be served on loopback" in told.err
    assert find_open_labs() == []
