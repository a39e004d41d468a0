"""`delays`: the delay of every detector's channel, from the peaks of cross-correlations.

`labctl run delays --apply` writes them to the bench's calibration file, which later runs use
and name with its age.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from labctl.analysis import ChannelDelays, CorrelationAnalyzer, Peak, channel_delays, find_peak
from labctl.errors import RunError
from labctl.experiments.pairs import TURN_S, PairSetup, estimate_dict, named_pairs, split_words
from labctl.figures import delays_figure, render
from labctl.lab import Bench
from labctl.runs import (
    Experiment,
    Parameters,
    Plan,
    Point,
    Progress,
    dwell,
    set_analyzers,
    surviving,
)

__all__ = ["EXPERIMENT", "DelaysParameters", "DelaysResult", "measure_delays"]

#: Polarization angles at which every pair of outputs has coincidences, for any Bell state:
#: 22.5° apart, neither 0 nor 90.
_ALICE_DEG, _BOB_DEG = 0.0, 22.5


class DelaysParameters(Parameters):
    """What can be chosen."""

    dwell_s: float = Field(1.0, gt=0, le=86_400, description="Duration, in tag time.")
    range_ps: int = Field(
        100_000, gt=0, le=1_000_000_000, description="Largest delay that is looked for."
    )
    pairs: tuple[str, ...] = Field(
        (), description="Pairs such as alice_h-bob_h; by default all between two stations."
    )

    _split = field_validator("pairs", mode="before")(split_words)


@dataclass(frozen=True, slots=True)
class DelaysResult:
    """Delays relative to the reference detector, and the peaks they come from.

    Attributes:
        reference: detector whose delay is 0.
        found: delays by channel, with the quality of the fit.
        peaks: peak of every pair of detectors.
        histograms: counts of every pair, for the figure.
    """

    reference: str
    detectors: dict[str, int]
    found: ChannelDelays
    peaks: dict[str, Peak]
    lags_ps: NDArray[np.int64]
    histograms: dict[str, NDArray[np.int64]]
    warnings: tuple[str, ...] = ()

    @property
    def delays_ps(self) -> dict[str, int]:
        """Delay of every detector, rounded to picoseconds; to be subtracted."""
        return {
            name: round(self.found.delays[channel].value)
            for name, channel in self.detectors.items()
        }

    @property
    def sigmas_ps(self) -> dict[str, float]:
        """Standard uncertainty of every delay."""
        return {n: self.found.delays[channel].sigma for n, channel in self.detectors.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it."""
        return {
            "convention": "all_pairs",
            "reference": self.reference,
            "delays_ps": {
                name: estimate_dict(self.found.delays[channel])
                for name, channel in self.detectors.items()
            },
            "chi2": self.found.chi2,
            "ndf": self.found.ndf,
            "lags_ps": self.lags_ps.tolist(),
            "pairs": [
                {
                    "pair": name,
                    "is_found": peak.is_found,
                    "position_ps": estimate_dict(peak.position),
                    "fwhm_ps": estimate_dict(peak.fwhm),
                    "background": estimate_dict(peak.background),
                    "significance": peak.significance,
                    "counts": self.histograms[name].tolist(),
                }
                for name, peak in self.peaks.items()
            ],
            "warnings": list(self.warnings),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per detector."""
        return [
            {
                "of": name,
                "quantity": "delay_ps",
                "value": self.found.delays[channel].value,
                "sigma": self.found.delays[channel].sigma,
            }
            for name, channel in self.detectors.items()
        ]


def _setup(bench: Bench, parameters: DelaysParameters) -> PairSetup:
    return PairSetup(bench, named_pairs(bench, parameters.pairs), None)


def plan(bench: Bench, parameters: DelaysParameters) -> Plan[DelaysResult]:
    """Correlate for one dwell and fit the delays."""
    setup = _setup(bench, parameters)
    setup.delays_ps[:] = 0
    with_plates = [s.name for s in bench.stations.values() if s.rotator is not None][:2]
    angles_deg = dict(zip(with_plates, (_ALICE_DEG, _BOB_DEG), strict=False))

    def measure() -> Plan[DelaysResult]:
        yield from set_analyzers(bench, angles_deg)
        part = (0.0, 1.0)
        return (
            yield from measure_delays(bench, setup, parameters.dwell_s, parameters.range_ps, part)
        )

    result = yield from surviving(bench, measure)
    yield Point(1, 1, {f"{name}_ps": delay for name, delay in result.delays_ps.items()})
    return result


def measure_delays(
    bench: Bench,
    setup: PairSetup,
    dwell_s: float,
    range_ps: int,
    part_of_run: tuple[float, float],
) -> Plan[DelaysResult]:
    """Correlate all pairs of `setup` for a dwell and return the delays that explain the peaks.

    Where the setup subtracts delays already, the result is what remains. `part_of_run` is the
    beginning and end of this step in the progress of the whole run.

    Raises:
        RunError: the peaks found do not connect all detectors.
    """
    correlators: list[CorrelationAnalyzer] = []

    def make() -> list[CorrelationAnalyzer]:
        correlators[:] = [
            CorrelationAnalyzer(
                setup.n_channels, setup.channel_pairs, range_ps, setup.bin_ps, setup.delays_ps
            )
        ]
        return correlators

    def progress(fraction: float) -> Progress:
        first, last = part_of_run
        return Progress(first + (last - first) * fraction, "finding the delays")

    yield from dwell(bench, setup.pump, dwell_s, make, progress)
    return _evaluate(setup, correlators[0])


def _evaluate(setup: PairSetup, correlator: CorrelationAnalyzer) -> DelaysResult:
    histogram = correlator.result()
    peaks: dict[str, Peak] = {}
    positions = {}
    warnings = []
    for row, (a, b) in enumerate(setup.pairs):
        name = f"{a.name}-{b.name}"
        peak = find_peak(
            histogram.counts[row],
            histogram.lags_ps,
            histogram.bin_ps,
            resolution_ps=setup.resolution_ps,
        )
        peaks[name] = peak
        if not peak.is_found:
            warnings.append(f"{name}: no peak stands out ({peak.significance:.1f} sigma)")
        elif peak.is_at_edge:
            warnings.append(f"{name}: the peak is at the edge of the range; take a wider range_ps")
        positions[a.channel, b.channel] = peak.position
    detectors = {detector.name: detector.channel for detector in setup.detectors}
    reference = setup.detectors[0]
    try:
        found = channel_delays(positions, list(detectors.values()), reference.channel)
    except ValueError as error:
        raise RunError(
            f"the delays cannot be found: {error}",
            hint="Is there light, and is every detector on the channel of the configuration?",
        ) from error
    return DelaysResult(
        reference.name,
        detectors,
        found,
        peaks,
        histogram.lags_ps,
        {name: histogram.counts[row] for row, name in enumerate(peaks)},
        tuple(warnings),
    )


def _figure(result: Mapping[str, Any], title: str, simulated: bool) -> bytes:  # noqa: FBT001
    return render(delays_figure(result, title=title, simulated=simulated))


EXPERIMENT = Experiment(
    name="delays",
    summary="Delay of every channel from cross-correlation peaks; --apply keeps them.",
    parameters=DelaysParameters,
    plan=plan,
    needs_light=True,
    points=lambda _: 1,
    duration_s=lambda parameters: parameters.dwell_s + TURN_S,
    check=_setup,
    figure=_figure,
    calibrates=lambda result: (result.delays_ps, result.sigmas_ps),
)
