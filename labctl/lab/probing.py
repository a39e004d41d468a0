"""Looks at every instrument of a configuration by itself, so that one dead hides no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from labctl.device import Device
from labctl.errors import LabError
from labctl.lab.connecting import Connector
from labctl.lab.loading import LoadedBench
from labctl.lab.safety import SafetyReport, make_all_safe

__all__ = ["ProbedInstrument", "probe", "safe_everything"]


@dataclass(frozen=True, slots=True)
class ProbedInstrument:
    """What one instrument answered; `error` is empty when it did."""

    name: str
    driver: str
    address: str
    simulated: bool
    identity: str
    error: str


def probe(loaded: LoadedBench, *, simulated: bool) -> list[ProbedInstrument]:
    """Connect every instrument, ask what it is, and release it."""
    found: dict[str, str] = {}

    def note(device: Device, identity: str) -> None:
        found[device.name] = identity

    connector = Connector(loaded, simulated=simulated)
    try:
        failures = _visit(loaded, connector, note)
        return [
            ProbedInstrument(
                name,
                instrument.driver,
                instrument.address,
                connector.is_simulated(name),
                found.get(name, ""),
                failures.get(name, ""),
            )
            for name, instrument in loaded.config.instruments.items()
        ]
    finally:
        connector.close()


def safe_everything(loaded: LoadedBench, *, simulated: bool) -> SafetyReport:
    """Make every instrument safe that can be reached; the others are failures."""
    confirmed: list[str] = []
    failures: dict[str, str] = {}

    def make_safe(device: Device, _: str) -> None:
        report = make_all_safe([device])
        confirmed.extend(report.confirmed)
        failures.update(report.failures)

    connector = Connector(loaded, simulated=simulated)
    try:
        failures.update(_visit(loaded, connector, make_safe))
    finally:
        connector.close()
    return SafetyReport(tuple(confirmed), failures)


def _visit(
    loaded: LoadedBench, connector: Connector, act: Callable[[Device, str], None]
) -> dict[str, str]:
    failures: dict[str, str] = {}
    for name in loaded.config.instruments:
        try:
            device, identity = connector.connect(name)
            try:
                act(device, str(identity))
            finally:
                device.close()
        except LabError as error:
            failures[name] = str(error)
    return failures
