"""A served bench: what it says of itself, and labctl at the other end of its wires."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.s15_tdc1 import Tdc1
from labctl.errors import ConfigError, LimitError, LinkError, ReplyTimeoutError
from labctl.lab import Lab, OpenLabClient, bench_path, find_open_labs, load_bench, probe
from labctl.lab.serving import ServedBench

Edited = Callable[..., Path]


@pytest.fixture
def bench() -> Iterator[ServedBench]:
    with ServedBench(load_bench(), seed=3) as served:
        yield served


@pytest.fixture
def client(bench: ServedBench) -> OpenLabClient:
    (found,) = find_open_labs(bench.loaded.path, simulated=True)
    return found


@pytest.fixture
def written(bench: ServedBench, real_wires_allowed: None, tmp_path: Path) -> Path:
    """The configuration that leads to the served bench."""
    del real_wires_allowed
    file = tmp_path / "served.toml"
    bench.write_configuration(file)
    return file


def test_every_instrument_is_served_with_what_a_client_needs(bench: ServedBench) -> None:
    models = {entry.name: entry.model for entry in bench.entries}
    assert models == {
        "pump": "HÜBNER Photonics Cobolt 06-01",
        "tagger": "S-Fifteen Instruments TDC1",
        "snspd": "Single Quantum WebSQ with 4 detectors",
        "alice_hwp": "Thorlabs K10CR1",
        "bob_hwp": "Thorlabs K10CR1",
        "pump_meter": "Thorlabs PM100D",
    }
    entries = {entry.name: entry for entry in bench.entries}
    pump, snspd = entries["pump"].settings, entries["snspd"].settings
    assert pump["baud_rate"] == 115_200
    assert pump["write_termination"] == pump["read_termination"] == "\r\n"
    assert pump["visa"] == [
        f"TCPIP0::127.0.0.1::{pump['port']}::SOCKET",
        f"ASRL{pump['pty']}::INSTR",
    ]
    assert snspd["companion_ports"] == {"counts": 12345}
    assert "pty" not in snspd
    assert entries["pump"].address == f"ASRL{pump['pty']}::INSTR"
    assert entries["tagger"].address == f"serial://{entries['tagger'].settings['pty']}"
    assert entries["snspd"].address == f"tcp://{snspd['host']}:{snspd['port']}"
    # A USB instrument has no wire of its kind here.
    assert entries["pump_meter"].address.startswith("tcp://127.0.0.1:")


def test_labctl_finds_every_instrument_where_the_written_file_leads(written: Path) -> None:
    found = probe(load_bench(written), simulated=False)
    assert {instrument.name: instrument.error for instrument in found} == dict.fromkeys(
        ("pump", "tagger", "snspd", "alice_hwp", "bob_hwp", "pump_meter"), ""
    )
    assert not any(instrument.simulated for instrument in found)


def test_a_laboratory_on_the_served_bench_sets_its_physics(
    bench: ServedBench, written: Path
) -> None:
    with Lab(written) as lab:
        # The file's own settings were applied over the wire.
        assert bench.simulation.world.pump.target_mw == pytest.approx(5.0)
        lab.set("pump.power_mw", 2.0)
        lab.set("pump.emission", value=True, arm=True)
        assert bench.simulation.world.pump.emitting
        assert lab.devices["snspd"].read_counts(2.0)  # type: ignore[attr-defined]  # a WebSQ
    assert not bench.simulation.world.pump.emitting, "the laboratory switched off on closing"
    assert bench.simulation.world.pump.target_mw == pytest.approx(2.0)


def test_no_tag_is_lost_between_the_tagger_and_a_program_at_its_serial_port(
    bench: ServedBench, written: Path
) -> None:
    bench.simulation.world.pump.target_mw = 5.0
    bench.simulation.world.pump.emitting = True
    received: list[Any] = []
    with Lab(written, only=["tagger"]) as lab:
        tagger = lab.devices["tagger"]
        assert isinstance(tagger, Tdc1)
        decoder = tagger.start_stream()

        def read(timeout_s: float) -> None:
            block = decoder.feed(tagger.read_stream(timeout_s))
            if block is not None:
                received.append(block)

        while bench.simulation.truth["tagger"].counts.sum() < 200_000:
            read(1.0)
        # The tagger ends its stream; what is under way still comes.
        tagger.link.write_raw(b"abort\r\n")
        with suppress(ReplyTimeoutError):
            while True:
                read(0.3)
        tagger.stop_stream()
    channels = np.concatenate([block.channels for block in received])
    counts = np.bincount(channels, minlength=256)
    assert counts.tolist() == bench.simulation.truth["tagger"].counts.tolist()
    traffic = bench.traffic()["tagger"]
    assert traffic["dropped_bytes"] == 0
    assert traffic["sent_bytes"] == traffic["delivered_bytes"] + traffic["unheard_bytes"]


def test_status_tells_what_is_served_and_what_was_lost(
    bench: ServedBench, client: OpenLabClient
) -> None:
    status = client.ask("status")["status"]
    assert status["config"] == str(bench.loaded.path)
    assert status["simulated"] is True
    assert status["emission"] == {"pump": False}
    assert status["run"] == {"state": "serving"}
    assert status["instruments"]["pump"] == "HÜBNER Photonics Cobolt 06-01 serial 26417"
    assert set(status["served"]) == {*status["instruments"], "snspd:12345"}
    assert status["served"]["tagger"]["dropped_bytes"] == 0


def test_safe_puts_the_light_of_the_served_bench_out(
    bench: ServedBench, client: OpenLabClient
) -> None:
    bench.simulation.world.pump.emitting = True
    assert client.ask("safe") == {"version": 1, "confirmed": ["pump"], "failures": {}}
    assert not bench.simulation.world.pump.emitting


def test_faults_reach_the_served_bench(bench: ServedBench, client: OpenLabClient) -> None:
    (pump,) = (entry for entry in bench.entries if entry.name == "pump")
    assert Path(pump.settings["pty"]).exists()
    client.ask("fault", place="pump", kind="unplug")
    assert bench.simulation.instruments["pump"].port.is_unplugged
    with pytest.raises(LimitError):
        client.ask("fault", place="pump", kind="no such kind")


@pytest.mark.parametrize("request_name", ["get", "set"])
def test_settings_are_not_answered_past_the_wires(client: OpenLabClient, request_name: str) -> None:
    with pytest.raises(LinkError, match="served to other programs"):
        client.ask(request_name, path="pump.power_mw", value=1.0)


def test_the_written_file_is_the_bench_with_other_addresses(
    bench: ServedBench, written: Path
) -> None:
    text = written.read_text(encoding="utf-8")
    assert text.startswith("# Written by `labctl simulate serve` from ")
    assert "# 405 nm diode laser" in text, "comments are kept"
    given, expected = tomllib.loads(text), tomllib.loads(bench.loaded.text)
    for entry in bench.entries:
        expected["instruments"][entry.name]["address"] = entry.address
    assert given == expected
    # Written again it is replaced, for its addresses are new each time.
    bench.write_configuration(written)


def test_a_file_of_somebody_else_is_not_replaced(bench: ServedBench, tmp_path: Path) -> None:
    file = tmp_path / "instruments.toml"
    file.write_text("# my bench\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="exists and was not written by labctl simulate serve"):
        bench.write_configuration(file)
    assert file.read_text(encoding="utf-8") == "# my bench\n"
    with pytest.raises(ConfigError, match="cannot be written"):
        bench.write_configuration(tmp_path / "absent" / "served.toml")


def test_instruments_marked_as_simulated_are_real_to_the_written_file(edited: Edited) -> None:
    file = edited(
        ('driver = "cobolt_06" ', 'driver = "cobolt_06"\nsimulated =  true '),
        ("serial:///dev/ttyACM0", "serial:///dev/tty+ACM(0)"),
    )
    with ServedBench(load_bench(file)) as served:
        instruments = tomllib.loads(served.configuration())["instruments"]
    assert instruments["pump"]["simulated"] is False
    assert instruments["tagger"]["address"].endswith("/tagger")


def test_an_address_that_cannot_be_replaced_is_told(edited: Edited) -> None:
    file = edited(('"serial:///dev/ttyACM0"', '"serial:///dev/tty\\u0041CM0"'))
    with (
        ServedBench(load_bench(file)) as served,
        pytest.raises(ConfigError, match="its addresses cannot be replaced"),
    ):
        served.configuration()


def test_a_recording_is_listed_with_the_reason_why_it_is_not_served(edited: Edited) -> None:
    recording = '[instruments.old_run]\ndriver = "replay"\naddress = "file://old.ptu"\n'
    following = "[instruments.alice_hwp]"
    file = edited((following, f"{recording}\n{following}"))
    with ServedBench(load_bench(file)) as served:
        (entry,) = (entry for entry in served.entries if entry.name == "old_run")
        assert (entry.address, entry.settings) == ("", {})
        assert "a recording is played by labctl itself" in entry.not_served
        instruments = tomllib.loads(served.configuration())["instruments"]
    assert instruments["old_run"]["address"] == "file://old.ptu"


def test_base_port_gives_each_instrument_the_next_port(bench: ServedBench) -> None:
    # A run of free ports is found by looking, as nobody can reserve one.
    for base_port in range(20_000, 60_000, 997):
        try:
            with ServedBench(bench.loaded, base_port=base_port) as served:
                ports = [entry.settings["port"] for entry in served.entries]
        except LinkError:
            continue
        assert ports == list(range(base_port, base_port + 6))
        return
    pytest.fail("no six free ports in a row on this machine")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"speed": 0.0}, "speed = 0 is no running time"),
        ({"speed": -1.0}, "speed = -1 is no running time"),
        ({"speed": float("nan")}, "speed = nan is no running time"),
        ({"base_port": 65_533}, "base port 65533 is outside 1 to 65529"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ServedBench(load_bench(bench_path("default")), **options)
    assert find_open_labs() == []
