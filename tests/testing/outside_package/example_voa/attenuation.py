"""`attenuation`: how the rate of a station's detectors falls with the loss in its arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from pydantic import Field

from labctl.analysis import Estimate, RateAnalyzer
from labctl.device import Attenuator
from labctl.errors import ConfigError
from labctl.lab import Bench, Station
from labctl.runs import Experiment, Parameters, Plan, Point, dwell

__all__ = ["EXPERIMENT"]


class AttenuationParameters(Parameters):
    """What can be chosen."""

    attenuator: str = Field("voa", description="The attenuator.")
    station: str = Field("alice", description="The station behind it.")
    steps_db: tuple[float, ...] = Field((0.0, 3.0, 10.0), description="Losses to try.")
    dwell_s: float = Field(0.5, gt=0, le=3600, description="Duration of a point, in tag time.")


@dataclass(frozen=True, slots=True)
class AttenuationResult:
    """The rate of all detectors of the station, at each loss in decibel."""

    rates: tuple[tuple[float, Estimate], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the rates as JSON carries them."""
        return {"rows": self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per loss."""
        return [
            {"of": f"{loss_db:g} dB", "quantity": "rate_hz", "value": r.value, "sigma": r.sigma}
            for loss_db, r in self.rates
        ]


def plan(bench: Bench, parameters: AttenuationParameters) -> Plan[AttenuationResult]:
    """Count at each loss, and leave the attenuator as it was found."""
    if parameters.attenuator not in bench.devices:
        raise ConfigError(f'there is no attenuator "{parameters.attenuator}" on this bench')
    attenuator = cast("Attenuator", bench.devices[parameters.attenuator])
    station = bench.station(parameters.station)
    rates = []
    before_db = attenuator.attenuation_db
    try:
        for number, loss_db in enumerate(parameters.steps_db, 1):
            attenuator.attenuation_db = loss_db
            rate = yield from _rate(bench, station, parameters.dwell_s)
            rates.append((loss_db, rate))
            values = {"loss_db": loss_db, "rate_hz": rate.value, "rate_sigma_hz": rate.sigma}
            yield Point(number, len(parameters.steps_db), values)
    finally:
        attenuator.attenuation_db = before_db
    return AttenuationResult(tuple(rates))


def _rate(bench: Bench, station: Station, dwell_s: float) -> Plan[Estimate]:
    """Return the rate of all detectors of a station together."""
    pump = bench.pump_of(list(station.detectors))
    counters: list[RateAnalyzer] = []

    def fresh() -> list[RateAnalyzer]:
        counters[:] = [RateAnalyzer(max(pump.tagger.channels) + 1)]
        return counters

    yield from dwell(bench, pump, dwell_s, fresh)
    rates = counters[0].result()
    count = sum(int(rates.counts[detector.channel]) for detector in station.detectors)
    return Estimate.of_count(count).scaled(1 / rates.live_s, "hz")


EXPERIMENT = Experiment(
    name="attenuation",
    summary="How the rate of a station falls with the loss in its arm.",
    parameters=AttenuationParameters,
    plan=plan,
    needs_light=True,
    points=lambda parameters: len(parameters.steps_db),
)
