"""Drivers have the members of their kinds: mypy checks the assignments below, by their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_type_hints

import pytest

from drivers.cobolt_06 import Cobolt06
from drivers.replay import Replay
from drivers.s15_tdc1 import Tdc1, Tdc1Decoder
from labctl.clock import Clock, WallClock
from labctl.device import Detector, Device, Laser, PowerMeter, Rotator, load_driver, plugins
from labctl.tags import TagDecoder, TimeTagger
from labctl.transport import Wire
from labctl.transport.serial import SerialWire
from labctl.transport.tcp import TcpWire
from labctl.transport.visa import VisaWire
from simulated_devices.instrument import Builder, Instrument
from simulated_devices.lab import SimulatedLab
from simulated_devices.wire import PortWire

PROTOCOLS = {
    "detector": Detector,
    "laser": Laser,
    "power_meter": PowerMeter,
    "rotator": Rotator,
    "time_tagger": TimeTagger,
}

if TYPE_CHECKING:
    from simulated_devices.devices import cobolt_06, s15_tdc1

    def check_kinds(cobolt: Cobolt06, tdc: Tdc1, replay: Replay) -> None:
        laser: Laser = cobolt
        taggers: list[TimeTagger] = [tdc, replay]
        devices: list[Device] = [cobolt, tdc, replay]
        power_mw: float = cobolt.power_mw
        emission: bool = cobolt.emission
        del laser, taggers, devices, power_mw, emission

    def check_wires(serial: SerialWire, tcp: TcpWire, visa: VisaWire, port: PortWire) -> None:
        wires: list[Wire] = [serial, tcp, visa, port]
        del wires

    def check_the_rest(lab: SimulatedLab, decoder: Tdc1Decoder) -> None:
        clocks: list[Clock] = [lab, WallClock()]
        decoders: list[TagDecoder] = [decoder]
        builders: list[Builder] = [cobolt_06.build, s15_tdc1.build]
        instruments: list[Instrument] = list(lab.instruments.values())
        del clocks, decoders, builders, instruments


@pytest.mark.parametrize("name", plugins("labctl.drivers"))
def test_a_driver_has_every_member_of_its_kinds(name: str) -> None:
    driver = load_driver(name)
    assert driver.kinds
    for kind in driver.kinds:
        protocol = PROTOCOLS[kind]
        members = {m for m in vars(protocol) if not m.startswith("_")} | set(
            get_type_hints(protocol)
        )
        # Every instrument gets its name when the laboratory opens it.
        missing = {member for member in members - {"name"} if not hasattr(driver, member)}
        assert missing == set()
