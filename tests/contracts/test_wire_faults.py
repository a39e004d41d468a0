"""Every registered driver keeps the contract of faults on its wires."""

from __future__ import annotations

from typing import ClassVar

import pytest

from labctl.device import load_driver, plugins
from labctl.testing.contracts import LASTING_FAULTS, WireFaultContract


def has_wire(name: str) -> bool:
    """What plays a file has no simulator; what is called through a vendor's library no bytes."""
    is_library = getattr(load_driver(name), "vendor_library", "")
    return name in plugins("labctl.simulators") and not is_library


class TestWireFaults(WireFaultContract):
    drivers = tuple(name for name in plugins("labctl.drivers") if has_wire(name))
    narrower: ClassVar = {
        # The simulated power meter has a silicon sensor for some mW (S120C).
        "thorlabs_pm100d": {"wavelength_nm": (400.0, 1100.0), "range_mw": (0.001, 5.0)},
    }
    #: Ten standard deviations of the simulated meter's noise of 1 nW.
    scatter: ClassVar = {"power_mw": 1e-5}
    no_checksum: ClassVar = {
        "thorlabs_k10cr1": "APT messages carry binary numbers without a checksum",
    }
    no_answer: ClassVar = {
        "s15_tdc1": "setters are silent, and what the hardware rounds to is not documented",
        "thorlabs_k10cr1": "moves are not answered before they end; plans check the arrival",
        "thorlabs_pm100d": "setters are silent; USBTMC itself acknowledges every transfer",
    }


@pytest.mark.slow
class TestLastingWireFaults(TestWireFaults):
    faults = LASTING_FAULTS
