"""`counting`: singles, coincidences, accidentals, CAR and heralding of detector pairs.

Each pair is counted in the `all_pairs` convention within the full window, accidentals are
estimated in two independent ways (product of the singles with the effective window, and
windows delayed far from the peak), and every number carries its uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from labctl.analysis import (
    DelayedAccidentalsAnalyzer,
    Estimate,
    MatrixAnalyzer,
    RateAnalyzer,
    accidentals,
    car,
    heralding,
    poisson_sigma,
    window_warning,
)
from labctl.experiments.pair_counts import CountingResult, PairCount
from labctl.experiments.pairs import PairSetup, named_pairs, split_words
from labctl.figures import counting_figure, render
from labctl.lab import Bench
from labctl.runs import Experiment, Parameters, Plan, Point, Progress, Warned, dwell, surviving

__all__ = ["EXPERIMENT", "CountingParameters", "plan"]

#: Delayed windows begin this far from the peak: beyond jitter, dead time and afterpulses.
_ACCIDENTAL_SHIFT_PS = 200_000
_DELAYED_WINDOWS = 10


class CountingParameters(Parameters):
    """What can be chosen."""

    dwell_s: float = Field(1.0, gt=0, le=86_400, description="Duration of a point, in tag time.")
    points: int = Field(1, ge=1, le=1_000_000, description="How many points to take.")
    whole: bool = Field(False, description="Count a whole recording, on a replayed tagger.")
    pairs: tuple[str, ...] = Field(
        (),
        description="Pairs such as alice_h-bob_h or 1-3; by default all between two stations.",
    )
    window_full_ps: int | None = Field(
        None, gt=0, description="Full width of the window; by default the bench's."
    )

    _split = field_validator("pairs", mode="before")(split_words)


@dataclass(frozen=True, slots=True)
class _Counters:
    """The analyzers of one point, fed together."""

    rates: RateAnalyzer
    matrix: MatrixAnalyzer
    delayed: DelayedAccidentalsAnalyzer

    def __iter__(self) -> Iterator[Any]:
        return iter((self.rates, self.matrix, self.delayed))


def _counters(setup: PairSetup) -> _Counters:
    """Return fresh analyzers."""
    return _Counters(
        RateAnalyzer(setup.n_channels),
        MatrixAnalyzer(setup.n_channels, setup.window_full_ps, setup.delays_ps),
        DelayedAccidentalsAnalyzer(
            setup.n_channels,
            setup.channel_pairs,
            setup.window_full_ps,
            _shift_ps(setup.window_full_ps, setup.resolution_ps),
            setup.delays_ps,
            shifts_per_side=_DELAYED_WINDOWS // 2,
            resolution_ps=setup.resolution_ps,
        ),
    )


@dataclass(slots=True)
class _Totals:
    """Sums over the points of a run."""

    live_s: float
    lost: int
    singles: NDArray[np.int64]
    coincidences: NDArray[np.int64]
    delayed: NDArray[np.float64]
    delayed_variance: NDArray[np.float64]

    @classmethod
    def empty(cls, setup: PairSetup) -> _Totals:
        n, k = setup.n_channels, len(setup.pairs)
        return cls(
            0.0,
            0,
            np.zeros(n, dtype=np.int64),
            np.zeros((n, n), dtype=np.int64),
            np.zeros(k),
            np.zeros(k),
        )

    def add(self, counters: _Counters) -> None:
        rates = counters.rates.result()
        delayed = counters.delayed.result()
        self.live_s += rates.live_s
        self.lost += rates.lost
        self.singles += rates.counts
        self.coincidences += counters.matrix.result().counts
        self.delayed += [estimate.value for estimate in delayed]
        self.delayed_variance += [estimate.sigma**2 for estimate in delayed]


def _setup(bench: Bench, parameters: CountingParameters) -> PairSetup:
    pairs = named_pairs(bench, parameters.pairs)
    return PairSetup(bench, pairs, parameters.window_full_ps)


def plan(bench: Bench, parameters: CountingParameters) -> Plan[CountingResult]:
    """Count for `points` dwells and return the sums."""
    setup = _setup(bench, parameters)
    warnings = []
    if warning := window_warning(setup.window_full_ps, setup.resolution_ps):
        warnings.append(warning)
        yield Warned(warning)
    totals = _Totals.empty(setup)
    duration_s = None if parameters.whole else parameters.dwell_s
    for number in range(1, parameters.points + 1):
        counters: list[_Counters] = []

        def make(counters: list[_Counters] = counters) -> _Counters:
            counters[:] = [_counters(setup)]
            return counters[0]

        def progress(
            fraction: float, number: int = number, counters: list[_Counters] = counters
        ) -> Progress:
            whole = (number - 1 + fraction) / parameters.points
            return Progress(whole, f"point {number}", _live(setup, counters[0]))

        step = partial(dwell, bench, setup.pump, duration_s, make, progress)
        yield from surviving(bench, step)
        totals.add(counters[0])
        yield Point(number, parameters.points, _live(setup, counters[0]))
    return _result(setup, totals, tuple(warnings))


def _live(setup: PairSetup, counters: _Counters) -> dict[str, Any]:
    """Return the rates so far, with uncertainties, for watching and for the points' table."""
    rates = counters.rates.result()
    matrix = counters.matrix.result().counts
    live_s = rates.live_s or math.nan
    values: dict[str, Any] = {"live_s": rates.live_s}
    for detector in setup.detectors:
        count = int(rates.counts[detector.channel])
        values[f"{detector.name}_hz"] = count / live_s
        values[f"{detector.name}_sigma_hz"] = poisson_sigma(float(count)) / live_s
    for a, b in setup.pairs:
        count = int(matrix[a.channel, b.channel])
        values[f"{a.name}-{b.name}_hz"] = count / live_s
        values[f"{a.name}-{b.name}_sigma_hz"] = poisson_sigma(float(count)) / live_s
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


def _result(setup: PairSetup, totals: _Totals, warnings: tuple[str, ...]) -> CountingResult:
    per_s = 1 / totals.live_s if totals.live_s else math.nan
    singles = {d.name: int(totals.singles[d.channel]) for d in setup.detectors}
    pairs = tuple(_pair(setup, totals, row, singles, per_s) for row in range(len(setup.pairs)))
    rates = {name: Estimate.of_count(count).scaled(per_s, "hz") for name, count in singles.items()}
    return CountingResult(totals.live_s, totals.lost, setup.window_full_ps, rates, pairs, warnings)


def _pair(
    setup: PairSetup, totals: _Totals, row: int, singles: dict[str, int], per_s: float
) -> PairCount:
    a, b = setup.pairs[row]
    in_a, in_b = singles[a.name], singles[b.name]
    both = int(totals.coincidences[a.channel, b.channel])
    width_ps = setup.effective_window_ps(a, b)
    delayed = Estimate(float(totals.delayed[row]), math.sqrt(totals.delayed_variance[row]))
    common = max(0.0, both - delayed.value)
    product = accidentals(in_a, in_b, totals.live_s, width_ps, coincidences=common)
    return PairCount(
        a.name,
        b.name,
        Estimate.of_count(both).scaled(per_s, "hz"),
        product.scaled(per_s, "hz"),
        delayed.scaled(per_s, "hz"),
        car(both, product, singles=(in_a, in_b)),
        heralding(both, in_b, accidentals=product),
        heralding(both, in_a, accidentals=product),
        width_ps,
    )


def _shift_ps(window_full_ps: int, resolution_ps: int) -> int:
    """Return the distance of delayed windows: clear of the peak, a multiple of the steps."""
    wanted = max(_ACCIDENTAL_SHIFT_PS, 3 * window_full_ps)
    return -(-wanted // resolution_ps) * resolution_ps


def _figure(result: Mapping[str, Any], title: str, simulated: bool) -> bytes:  # noqa: FBT001
    return render(counting_figure(result, title=title, simulated=simulated))


EXPERIMENT = Experiment(
    name="counting",
    summary="Singles, coincidences, accidentals, CAR and heralding of detector pairs.",
    parameters=CountingParameters,
    plan=plan,
    needs_light=True,
    points=lambda parameters: parameters.points,
    duration_s=lambda p: None if p.whole else p.points * p.dwell_s,
    check=_setup,
    figure=_figure,
)
