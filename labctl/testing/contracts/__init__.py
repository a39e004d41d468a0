"""What every driver must keep, checked on its simulator: for packages that bring their own.

A package that announces a driver and a simulator under the same name tests them so:

    from labctl.testing.contracts import LaserContract

    class TestMyLaser(LaserContract):
        driver = "my_laser"

Each test of a contract opens a laboratory of this one instrument in the smallest simulated
world: two arms, four detectors, pumped by the instrument itself. What the simulator needs to
know is in `options`, its table `[simulation.instruments.device]`. A contract looks at the
driver, at the bytes it sends, and at what every simulator has: `port`, `companion_ports`, and
the world; where it needs more of the simulator, an attribute of the contract says what.

`WireFaultContract` lets replies be lost, late, cut and disturbed, and connections break, under
everything the driver does: what comes of it is a right value or an error of labctl, in time, and
afterwards every question has its own answer. What a protocol cannot notice is stated with its
reason in `no_checksum` and `no_answer`.
"""

from labctl.testing.contracts.detector import DetectorContract
from labctl.testing.contracts.device import NAME, DeviceContract
from labctl.testing.contracts.fault_kinds import LASTING_FAULTS, WireFault
from labctl.testing.contracts.laser import LaserContract
from labctl.testing.contracts.opening import impatient
from labctl.testing.contracts.power_meter import PowerMeterContract
from labctl.testing.contracts.rotator import RotatorContract
from labctl.testing.contracts.time_tagger import TimeTaggerContract
from labctl.testing.contracts.wire_faults import WireFaultContract
from labctl.testing.contracts.wires import RecordingWire, Sent, StrangerWire

__all__ = [
    "LASTING_FAULTS",
    "NAME",
    "DetectorContract",
    "DeviceContract",
    "LaserContract",
    "PowerMeterContract",
    "RecordingWire",
    "RotatorContract",
    "Sent",
    "StrangerWire",
    "TimeTaggerContract",
    "WireFault",
    "WireFaultContract",
    "impatient",
]
