"""The bench as experiments see it: stations and detectors, not instruments and channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from labctl.clock import Clock
from labctl.device import Device, Laser, Rotator
from labctl.errors import ConfigError, nearest
from labctl.lab.calibration import Calibration
from labctl.lab.config import BenchConfig
from labctl.lab.safety import SafetyReport, make_all_safe
from labctl.tags import TagFeed, TagPump

__all__ = ["Bench", "Detector", "Station"]


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector on the input of a tagger."""

    name: str
    tagger: str
    channel: int
    delay_ps: int


@dataclass(frozen=True, slots=True)
class Station:
    """Detectors that stand together, and the plate in front of their analyzer."""

    name: str
    detectors: tuple[Detector, ...]
    rotator: str | None = None
    rotator_zero_deg: float = 0.0


class Bench:
    """What a plan works with.

    Attributes:
        devices: every instrument by name.
        pumps: the tag stream of every tagger, by the tagger's name.
        detectors: every detector by name, in the order of the configuration.
        stations: every station by name.
        clock: bench time.
        calibration: measured delays, which replace the configured ones.
    """

    def __init__(
        self,
        config: BenchConfig,
        devices: Mapping[str, Device],
        pumps: Mapping[str, TagPump],
        clock: Clock,
        calibration: Calibration | None = None,
    ) -> None:
        self.config = config
        self.devices = devices
        self.pumps = pumps
        self.clock = clock
        self.calibration = calibration
        calibrated = calibration.delays_ps if calibration is not None else {}
        self.detectors = {
            name: Detector(name, d.tagger, d.channel, calibrated.get(name, d.delay_ps))
            for name, d in config.detectors.items()
        }
        self.stations = {
            name: Station(
                name,
                tuple(self.detectors[d] for d in station.detectors),
                station.rotator,
                station.rotator_zero_deg,
            )
            for name, station in config.stations.items()
        }
        #: Counts the pauses of the run; a dwell that sees it change is taken again.
        self.interruptions = 0
        #: Tagger and first tag time of the dwell under way.
        self.dwelling: tuple[str, int] | None = None
        #: Intervals of tag time that the dwells of a replayed run take instead of "from now".
        self.recorded_dwells: Iterator[tuple[int, int]] | None = None
        #: The one feed of a replayed run, so that nothing passes between its dwells.
        self.recorded_feed: TagFeed | None = None

    @property
    def lasers(self) -> list[Laser]:
        """The lasers of the bench."""
        return [
            cast("Laser", device) for device in self.devices.values() if "laser" in device.kinds
        ]

    @property
    def rotators(self) -> dict[str, Rotator]:
        """The rotation mounts of the bench, by name."""
        return {
            name: cast("Rotator", device)
            for name, device in self.devices.items()
            if "rotator" in device.kinds
        }

    def station(self, name: str) -> Station:
        """Return the station called `name`.

        Raises:
            ConfigError: there is no such station.
        """
        if name not in self.stations:
            raise ConfigError(
                f'unknown station "{name}"{nearest(name, self.stations)}; '
                f"known are: {', '.join(self.stations) or 'none'}"
            )
        return self.stations[name]

    def detector(self, name: str) -> Detector:
        """Return the detector called `name`, or the one on channel `name` of the only tagger.

        Raises:
            ConfigError: there is no such detector.
        """
        if name in self.detectors:
            return self.detectors[name]
        if name.isdigit():
            on_channel = [d for d in self.detectors.values() if d.channel == int(name)]
            if len(on_channel) == 1:
                return on_channel[0]
        raise ConfigError(
            f'unknown detector "{name}"{nearest(name, self.detectors)}; '
            f"known are: {', '.join(self.detectors) or 'none'}"
        )

    def pump_of(self, detectors: list[Detector]) -> TagPump:
        """Return the one tag stream that carries all `detectors`.

        Raises:
            ConfigError: they are on different taggers, or there are none.
        """
        taggers = {detector.tagger for detector in detectors}
        if not taggers:
            raise ConfigError("the configuration has no [detectors.NAME]; nothing can be counted")
        if len(taggers) > 1:
            raise ConfigError(
                f"detectors on different taggers ({', '.join(sorted(taggers))}) have no common "
                "clock; choose detectors of one tagger"
            )
        return self.pumps[taggers.pop()]

    def make_safe(self) -> SafetyReport:
        """Switch everything off that could do harm, confirmed by read-back."""
        return make_all_safe(self.devices.values())

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Return every setting and reading of every instrument that answers commands now."""
        return {
            name: device.snapshot()
            for name, device in self.devices.items()
            if name not in self.pumps or not self.pumps[name].is_running
        }
