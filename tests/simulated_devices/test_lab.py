from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from drivers.cobolt_06 import Cobolt06
from drivers.s15_tdc1 import Tdc1
from labctl.errors import ConfigError, LinkError
from labctl.transport import WireOptions, parse_address
from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
ConnectPump = Callable[..., Cobolt06]
ConnectTagger = Callable[..., Tdc1]


def light_up(lab: SimulatedLab) -> None:
    lab.world.pump.target_mw = 5.0
    lab.world.pump.emitting = True


def stream_of(lab: SimulatedLab, steps_s: list[float]) -> bytes:
    """The bytes that a tagger sends while time passes in these portions."""
    light_up(lab)
    port = lab.instruments["tagger"].port
    port.host_write(b"timestamp\r\nINPKT;time 0;counts?\r\n")
    for step_s in steps_s:
        lab.wait(step_s)
    return port.host_read(1 << 30, 0.0)


def test_the_same_seed_gives_the_same_bytes_in_whatever_portions_time_passes(
    start_lab: StartLab,
) -> None:
    once = stream_of(start_lab(seed=7), [0.3])
    portions = stream_of(start_lab(seed=7), [0.01, 0.1, 0.05, 0.14])
    assert len(once) > 10_000
    assert hashlib.sha256(once).digest() == hashlib.sha256(portions).digest()


def test_another_seed_gives_other_bytes(start_lab: StartLab) -> None:
    assert stream_of(start_lab(seed=1), [0.1]) != stream_of(start_lab(seed=2), [0.1])


def test_a_stepped_clock_stands_still_but_for_waits(start_lab: StartLab) -> None:
    lab = start_lab()
    assert lab.is_stepped
    assert lab.now_s() == 0.0
    lab.wait(0.015)
    # Time passes in slices of 10 ms; a wait lasts at least as long as asked.
    assert lab.now_s() == pytest.approx(0.02)
    lab.wait(0.0)
    lab.wait(-1.0)
    assert lab.now_s() == pytest.approx(0.02)


def test_a_running_clock_follows_the_wall_at_its_speed(start_lab: StartLab) -> None:
    lab = start_lab(speed=20.0)
    assert not lab.is_stepped
    began, from_s = time.monotonic(), lab.now_s()
    lab.wait(1.0)
    wall_s = time.monotonic() - began
    assert wall_s >= 1.0 / 20.0
    assert lab.now_s() - from_s == pytest.approx(20.0 * wall_s, rel=0.5)


def test_two_laboratories_in_one_process_do_not_touch_each_other(
    start_lab: StartLab, pump_of: ConnectPump, tagger_of: ConnectTagger
) -> None:
    one, other = start_lab(), start_lab()
    pump, untouched = pump_of(one), pump_of(other)
    pump.power_mw = 7.0
    pump.emission = True
    tagger_of(one).threshold_v = 1.0
    one.wait(1.0)
    assert untouched.power_mw == pytest.approx(1.0)
    assert not untouched.emission
    assert tagger_of(other).threshold_v == -0.5
    assert other.now_s() == 0.0
    one.instruments["pump"].port.unplug()
    assert not untouched.emission


def test_an_address_without_an_instrument_is_a_link_error(start_lab: StartLab) -> None:
    lab = start_lab()
    with pytest.raises(LinkError, match=r"no simulated instrument has this address.*ttyUSB9"):
        lab.open_wire(parse_address("ASRL/dev/ttyUSB9::INSTR"), WireOptions())


@pytest.mark.parametrize("address", ["ASRL/dev/ttyUSB0::INSTR", "serial:///dev/ttyUSB0"])
def test_an_instrument_is_found_by_any_spelling_of_its_address(
    start_lab: StartLab, pump_of: ConnectPump, address: str
) -> None:
    assert pump_of(start_lab(), address).identify().serial == "26417"


def test_a_wait_does_not_hang_on_a_stream_that_nobody_reads(
    start_lab: StartLab, tagger_of: ConnectTagger
) -> None:
    lab = start_lab()
    tagger_of(lab).start_stream()
    began = time.monotonic()
    lab.wait(0.5)
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize("speed", [-1.0, float("nan")])
def test_a_speed_that_makes_no_sense_is_refused(start_lab: StartLab, speed: float) -> None:
    with pytest.raises(ConfigError, match="speed"):
        start_lab(speed=speed)


def test_every_mistake_in_the_simulation_table_is_told_at_once() -> None:
    table = {
        "pump": {"wavelength_nm": 1.0},
        "source": {"visibilty": 0.9},
        "arms": {},
        "detectors": {},
    }
    with pytest.raises(ConfigError) as caught:
        SimulatedLab.check(table)
    for path in ("[simulation] pump.wavelength_nm", "[simulation] source.visibilty"):
        assert path in str(caught.value)


def test_closing_twice_is_allowed_and_ends_time(start_lab: StartLab) -> None:
    lab = start_lab(speed=10.0)
    lab.close()
    stopped_ps = lab.world.time_ps
    lab.close()
    assert lab.world.time_ps == stopped_ps
