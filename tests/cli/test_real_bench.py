"""The command line on a bench that it takes for real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

Labctl = Callable[..., Any]


def emits(real_bench: Any) -> bool:
    return bool(real_bench.lab.world.pump.emitting)


def test_emission_needs_arming_and_what_is_left_on_is_said(labctl: Labctl, real_bench: Any) -> None:
    refused = labctl("set", "pump.emission", "on", "--config", real_bench.config)
    assert refused.code == 1
    assert "must be armed" in refused.err
    assert "--arm" in refused.err
    assert not emits(real_bench)

    told = labctl("set", "pump.emission", "on", "--arm", "--config", real_bench.config)
    assert (told.code, told.out) == (0, "on\n")
    assert "left on: emission of pump; `labctl safe` switches it off" in told.err
    assert emits(real_bench)

    assert labctl("safe", "--config", real_bench.config).code == 0
    assert not emits(real_bench)


@pytest.mark.parametrize(
    "arguments",
    [
        ("get", "pump.power_mw"),
        ("get", "pump.powr_mw"),
        ("get", "tagger.threshold_v"),
        ("set", "pump.power_mw", "30"),
        ("set", "pump.power_mw", "3"),
        ("check",),
    ],
)
def test_a_look_or_a_slip_leaves_the_light_as_it_is(
    arguments: tuple[str, ...], labctl: Labctl, real_bench: Any
) -> None:
    real_bench.lab.world.pump.emitting = True

    labctl(*arguments, "--config", real_bench.config)

    assert emits(real_bench)


def test_a_value_that_was_set_stays_set(labctl: Labctl, real_bench: Any) -> None:
    labctl("set", "pump.power_mw", "2.5", "--config", real_bench.config)

    assert labctl("get", "pump.power_mw", "--config", real_bench.config).out == "2.5 mW\n"


def test_a_run_that_needs_light_must_be_armed(labctl: Labctl, real_bench: Any) -> None:
    run = ("run", "counting", "-p", "dwell_s=0.2", "--config", real_bench.config, "--out", "runs")

    refused = labctl(*run, "--json")
    assert refused.code == 2
    assert "needs light from pump (5 mW); say --arm" in refused.err
    assert not Path("runs").exists()

    dark = labctl(*run, "--no-arm", "--json")
    assert dark.code == 0
    assert dark.json["result"]["singles_hz"]["alice_h"]["value"] < 1000

    lit = labctl(*run, "--arm", "--json")
    assert lit.code == 0
    assert lit.json["result"]["singles_hz"]["alice_h"]["value"] > 20_000
    assert not emits(real_bench)
    assert "SIMULATED" not in lit.err


def test_time_has_one_speed_on_a_real_bench(labctl: Labctl, real_bench: Any) -> None:
    told = labctl("run", "counting", "--arm", "--speed", "2", "--config", real_bench.config)

    assert told.code == 2
    assert "speed = 2 needs a fully simulated bench; real are: pump, tagger" in told.err


@pytest.mark.usefixtures("real_wires_allowed")
@pytest.mark.parametrize(
    "arguments", [("run", "counting", "--arm"), ("get", "tagger.threshold_v"), ("watch",)]
)
def test_a_missing_instrument_ends_with_4_and_its_name(
    arguments: tuple[str, ...], labctl: Labctl, bench: Path
) -> None:
    text = bench.read_text().replace('06"\naddr', '06"\nsimulated = true\naddr')
    bench.write_text(text.replace("ttyACM0", "ttyABSENT"))

    told = labctl(*arguments, "--config", bench)

    assert told.code == 4
    assert "error: tagger: there is no serial port /dev/ttyABSENT" in told.err
    assert "Traceback" not in told.err


@pytest.mark.usefixtures("real_wires_allowed")
def test_an_unknown_visa_resource_ends_with_4_and_its_name(
    spawn: Callable[..., Any], bench: Path
) -> None:
    bench.write_text(bench.read_text().replace("ASRL/dev/ttyUSB0", "ASRL/dev/ttyABSENT"))

    told = spawn("get", "pump.power_mw", "--config", bench).end()

    assert told.code == 4
    assert "pump: VISA cannot open ASRL/dev/ttyABSENT::INSTR" in told.err


@pytest.mark.usefixtures("real_wires_allowed")
def test_a_serial_port_that_we_may_not_open_ends_with_4_and_the_group(
    labctl: Labctl, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "Permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)

    told = labctl("get", "tagger.threshold_v", "--config", bench)

    assert told.code == 4
    assert "tagger: permission to open /dev/ttyACM0 is denied: it belongs to group" in told.err
    assert "usermod -aG" in told.err


def test_an_instrument_in_use_ends_with_4_and_its_owner(
    labctl: Labctl, spawn: Callable[..., Any], real_bench: Any
) -> None:
    holder = spawn("watch", "--config", real_bench.config, "--json")
    assert "emission" in holder.line()
    other = real_bench.config.with_name("other.toml")
    other.write_text(real_bench.config.read_text())

    told = labctl("get", "pump.power_mw", "--config", other)

    assert told.code == 4
    assert f"pump: the instrument is already in use by process {holder.process.pid}" in told.err
