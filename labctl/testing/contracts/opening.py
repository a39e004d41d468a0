"""The laboratory of a contract: one instrument, open, and what its tests look at."""

# Fixtures of a contract are public methods; what it looks at is the wire inside a link.
# ruff: noqa: SLF001

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from labctl.device import Companion, Device, Limits, load_driver
from labctl.lab import Lab, LoadedBench, load_bench
from labctl.testing.contracts.bench import NAME, bench_text
from labctl.testing.contracts.wires import RecordingWire, Sent

__all__ = ["OneInstrument", "impatient"]


class OneInstrument:
    """Opens a laboratory of one simulated instrument for each test, with each of the drivers."""

    #: The driver to be tested; its simulator has the same name.
    driver: ClassVar[str] = ""
    #: ... or several, one after the other.
    drivers: ClassVar[tuple[str, ...]] = ()
    #: Limits of settings that the simulated model needs narrower than usual here, by driver.
    narrower: ClassVar[Mapping[str, Mapping[str, Limits]]] = {}
    #: What the simulator is told: its table in `[simulation.instruments]`.
    options: ClassVar[Mapping[str, Any]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test with each of the drivers."""
        if "driver" in metafunc.fixturenames:
            metafunc.parametrize("driver", (self.driver,) if self.driver else self.drivers)

    def address(self, driver: str) -> str:
        """Return where the instrument stands.

        A driver with a second connection needs TCP, one of a vendor's library the vendor's name.
        """
        if vendor := getattr(load_driver(driver), "vendor_library", ""):
            return f"library://{vendor}/contract"
        needs_tcp = bool(load_driver(driver).companion_wires)
        return "tcp://192.0.2.1:4000" if needs_tcp else "serial:///dev/contract"

    def limits_of(self, driver: str) -> Mapping[str, Limits]:
        """Return the limits that are narrower than usual for a driver."""
        return self.narrower.get(driver, {})

    def loaded(self, path: Path) -> LoadedBench:
        """Return the configuration in `path`, ready to be opened."""
        return load_bench(path)

    @pytest.fixture
    def lab(self, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
        """Return an open laboratory of the one instrument."""
        monkeypatch.setenv("LABCTL_SIMULATED_ONLY", "1")
        path = tmp_path / "instruments.toml"
        limits = self.limits_of(driver)
        path.write_text(bench_text(driver, self.address(driver), limits, self.options))
        with Lab(self.loaded(path), simulated=True, seed=1, speed=0) as lab:
            yield lab

    @pytest.fixture
    def device(self, lab: Lab) -> Device:
        """Return the instrument as its driver has it."""
        return lab.devices[NAME]

    @pytest.fixture
    def instrument(self, lab: Lab) -> Any:
        """Return the simulated instrument, with its ports and what stands around it."""
        return lab.simulation.instruments[NAME]

    @pytest.fixture
    def sent(self, device: Device) -> Sent:
        """Return what is written to the instrument from now on, by any of its links."""
        sent: Sent = []
        for link in (device.link, *device.companions.values()):
            link._wire = RecordingWire(link._wire, sent)
        return sent


def impatient(driver: type[Device], timeout_s: float) -> type[Device]:
    """Return the driver with another timeout on its wires: simulated replies come at once.

    A driver declares its wires in class attributes, so a subclass that declares them anew is
    all that it takes; nothing else of the driver is touched.
    """
    companions = {
        name: Companion(companion.port, replace(companion.wire, timeout_s=timeout_s))
        for name, companion in driver.companion_wires.items()
    }
    declared = {
        "wire": replace(driver.wire, timeout_s=timeout_s),
        "companion_wires": companions,
        "__doc__": driver.__doc__,
    }
    return type(driver.__name__, (driver,), declared)
