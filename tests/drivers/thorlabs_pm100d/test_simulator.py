"""The simulated meter at its lines, with our VISA library and with stock pyvisa-sim."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from hypothesis import given
from hypothesis import strategies as st

import simulated_devices
from labctl.errors import ConfigError
from simulated_devices.devices.thorlabs_pm100d import PickOffOptions, Pm100d
from simulated_devices.lab import SimulatedLab
from simulated_devices.world import Pump, PumpParameters
from simulated_devices.world.randomness import component_generator

Start = Callable[..., SimulatedLab]
RESOURCE = "USB0::0x1313::0x8078::P0000001::INSTR"
YAML = Path(simulated_devices.__file__).parent / "yaml" / "thorlabs_pm100d.yaml"


def ask(lab: SimulatedLab, line: bytes) -> bytes:
    port = lab.instruments["meter"].port
    port.host_write(line + b"\n")
    return port.host_read(1000, 0.0)


def test_the_error_queue_tells_unknown_commands_from_refused_values(start_meter: Start) -> None:
    lab = start_meter()
    assert ask(lab, b"SENS:CORR:WAVE 500") == b""
    assert ask(lab, b"SENS:CORR:WAV 5000") == b""
    assert ask(lab, b"\xff\xfe") == b""
    assert ask(lab, b"SENS:POW:RANG 1e3") == b""
    assert [ask(lab, b"SYST:ERR?") for _ in range(5)] == [
        b'-113,"Undefined header"\n',
        b'-222,"Data out of range"\n',
        b'-113,"Undefined header"\n',
        b'-222,"Data out of range"\n',
        b'+0,"No error"\n',
    ]


def test_cls_empties_the_error_queue(start_meter: Start) -> None:
    lab = start_meter()
    ask(lab, b"NONSENSE")
    assert ask(lab, b"*CLS;SYST:ERR?") == b'+0,"No error"\n'


def test_rst_brings_back_the_settings_of_power_up(start_meter: Start) -> None:
    lab = start_meter()
    ask(lab, b"SENS:CORR:WAV 405;:SENS:POW:RANG:AUTO OFF;:SENS:POW:UNIT DBM;*RST")
    assert ask(lab, b"SENS:CORR:WAV?") == b"6.35000000E+02\n"
    assert ask(lab, b"SENS:POW:RANG:AUTO?") == b"1\n"
    assert ask(lab, b"SENS:POW:UNIT?") == b"W\n"


def test_in_dbm_the_reading_is_ten_log_ten(start_meter: Start) -> None:
    lab = start_meter()
    ask(lab, b"SENS:CORR:WAV 405;:SENS:POW:UNIT DBM")
    # 5 mW x 0.01 = 50 uW = -13.0103 dBm.
    assert float(ask(lab, b"MEAS:POW?")) == pytest.approx(-13.0103, abs=1e-4)


def test_noise_and_offset_are_those_of_the_options(start_meter: Start) -> None:
    lab = start_meter(noise_mw=1e-5, dark_offset_mw=4e-5)
    lab.world.pump.emitting = False
    readings = [float(ask(lab, b"MEAS:POW?")) * 1e3 for _ in range(1000)]
    assert statistics.fmean(readings) == pytest.approx(4e-5, abs=5 * 1e-5 / 1000**0.5)
    # The standard deviation of n readings has a relative error of 1/sqrt(2n).
    assert statistics.stdev(readings) == pytest.approx(1e-5, rel=5 / 2000**0.5)


def test_averaging_lowers_the_noise_with_its_square_root(start_meter: Start) -> None:
    lab = start_meter(noise_mw=1e-5)
    ask(lab, b"SENS:AVER:COUN 100")
    readings = [float(ask(lab, b"MEAS:POW?")) * 1e3 for _ in range(1000)]
    assert statistics.stdev(readings) == pytest.approx(1e-6, rel=5 / 2000**0.5)


def test_the_range_follows_the_light_when_it_is_automatic(start_meter: Start) -> None:
    lab = start_meter()
    ask(lab, b"SENS:CORR:WAV 405;:MEAS:POW?")
    range_w = float(ask(lab, b"SENS:POW:RANG?"))
    assert 5e-5 <= range_w < 5e-4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pickoff_fraction": 1.5}, r"\[simulation\.instruments\.meter\] pickoff_fraction"),
        ({"pickof": 0.1}, r"pickof: .*options are: pickoff_fraction, noise_mw"),
    ],
)
def test_wrong_options_are_told_with_their_place(
    start_meter: Start, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        start_meter(**options)


def test_the_same_file_serves_stock_pyvisa_sim() -> None:
    manager = pyvisa.ResourceManager(f"{YAML}@sim")
    try:
        meter = manager.open_resource(RESOURCE, read_termination="\n", write_termination="\n")
        assert isinstance(meter, pyvisa.resources.MessageBasedResource)
        assert meter.query("*IDN?") == "Thorlabs,PM100D,P0000001,2.4.0"
        meter.write("SENS:CORR:WAV 405")
        assert float(meter.query("SENS:CORR:WAV?")) == 405.0
        assert meter.query("SYST:ERR?") == '+0,"No error"'
        meter.write("NONSENSE")
        assert meter.query("SYST:ERR?") == '-113,"Undefined header"'
        meter.close()
    finally:
        manager.close()


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_garbage_does_not_disturb_the_dialogue(chunks: list[bytes]) -> None:
    pump = Pump("pump", PumpParameters(), component_generator(1, "pump"))
    meter = Pm100d("meter", pump, 1, PickOffOptions())
    for chunk in chunks:
        meter.port.host_write(chunk)
    meter.port.host_write(b"\n*CLS\n")
    meter.port.discard()
    meter.port.host_write(b"SYST:ERR?\n")
    assert meter.port.host_read(100, 0.0) == b'+0,"No error"\n'


def test_any_visa_program_finds_the_meter_and_polls_it(start_meter: Start) -> None:
    lab = start_meter()
    manager = pyvisa.ResourceManager(lab.visa_library())
    # The full name of the resource has the USB interface's number.
    assert manager.list_resources() == (RESOURCE.replace("::INSTR", "::0::INSTR"),)
    meter = manager.open_resource(RESOURCE, read_termination="\n", write_termination="\n")
    assert isinstance(meter, pyvisa.resources.MessageBasedResource)
    assert meter.stb == 0
    meter.write("NONSENSE")
    # Bit 2: the error queue is not empty (SCPI-99, 9).
    assert meter.stb == 4
    assert meter.query("SYST:ERR?") == '-113,"Undefined header"'
    assert meter.stb == 0
    manager.close()
