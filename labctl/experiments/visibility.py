"""`visibility`: two-photon fringes in the H/V and D/A bases, fitted.

One analyzer stays at a basis state while the other turns; every pair of outputs gives a fringe.
The visibility of a basis is the weighted mean over its fringes, raw and with accidentals
subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import Field, field_validator

from labctl.analysis import (
    Estimate,
    Fringe,
    MatrixAnalyzer,
    RateAnalyzer,
    accidentals,
    fit_fringe,
)
from labctl.experiments.pairs import (
    TURN_S,
    PairSetup,
    estimate_dict,
    split_words,
    stations_with_plates,
)
from labctl.figures import render, visibility_figure
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

__all__ = ["EXPERIMENT", "BasisFringes", "VisibilityParameters", "VisibilityResult"]

#: Angle of the analyzer that stays, by basis.
_BASES = {"HV": 0.0, "DA": 45.0}


class VisibilityParameters(Parameters):
    """What can be chosen; angles are of linear polarization, twice those of the plates."""

    dwell_s: float = Field(0.5, gt=0, le=86_400, description="Tag time per angle.")
    angles: int = Field(12, ge=4, le=360, description="Angles over half a turn, per basis.")
    stations: tuple[str, ...] = Field(
        (), description="The station that stays and the one that turns; by default the first two."
    )
    window_full_ps: int | None = Field(
        None, gt=0, description="Full width of the window; by default the bench's."
    )

    _split = field_validator("stations", mode="before")(split_words)


@dataclass(frozen=True, slots=True)
class BasisFringes:
    """The fringes of one basis.

    Attributes:
        angles_deg: where the turning analyzer stood.
        counts: pair of outputs -> coincidences at each angle, accidentals included.
        accidentals: pair of outputs -> expected accidentals at each angle.
        raw: pair of outputs -> fit of the counts as they are.
        corrected: pair of outputs -> fit with accidentals subtracted.
    """

    basis: str
    angles_deg: tuple[float, ...]
    live_s: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]
    accidentals: dict[str, tuple[Estimate, ...]]
    raw: dict[str, Fringe]
    corrected: dict[str, Fringe]

    @property
    def visibility(self) -> Estimate:
        """Raw visibility, the headline."""
        return _mean([fringe.visibility for fringe in self.raw.values()])

    @property
    def visibility_corrected(self) -> Estimate:
        """Visibility with accidentals subtracted."""
        return _mean([fringe.visibility for fringe in self.corrected.values()])

    def to_dict(self) -> dict[str, Any]:
        """Return the basis as JSON carries it."""
        return {
            "basis": self.basis,
            "angles_deg": list(self.angles_deg),
            "live_s": list(self.live_s),
            "visibility": estimate_dict(self.visibility),
            "visibility_corrected": estimate_dict(self.visibility_corrected),
            "fringes": [
                {
                    "pair": name,
                    "angles_deg": list(self.angles_deg),
                    "counts": list(self.counts[name]),
                    "accidentals": [estimate_dict(a) for a in self.accidentals[name]],
                    "coincidences_hz": [
                        estimate_dict(Estimate.of_count(count).scaled(1 / live_s, "hz"))
                        for count, live_s in zip(self.counts[name], self.live_s, strict=True)
                    ],
                    "visibility": estimate_dict(fringe.visibility),
                    "visibility_corrected": estimate_dict(self.corrected[name].visibility),
                    "theta0_deg": estimate_dict(fringe.theta0_deg),
                    "mean_hz": estimate_dict(fringe.mean),
                    "chi2": fringe.chi2,
                    "ndf": fringe.ndf,
                }
                for name, fringe in self.raw.items()
            ],
        }


@dataclass(frozen=True, slots=True)
class VisibilityResult:
    """The visibilities of a run."""

    bases: tuple[BasisFringes, ...]
    window_full_ps: int
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it; an estimate is {value, sigma}."""
        return {
            "convention": "all_pairs",
            "window_full_ps": self.window_full_ps,
            "bases": [basis.to_dict() for basis in self.bases],
            "warnings": list(self.warnings),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the visibility of each basis."""
        return [
            {"of": f"V({basis.basis})", "quantity": quantity, "value": v.value, "sigma": v.sigma}
            for basis in self.bases
            for quantity, v in (
                ("raw", basis.visibility),
                ("accidentals_subtracted", basis.visibility_corrected),
            )
        ]


def plan(bench: Bench, parameters: VisibilityParameters) -> Plan[VisibilityResult]:
    """Turn one analyzer through half a turn for each basis of the other."""
    staying, turning = stations_with_plates(bench, parameters.stations, "visibility")
    pairs = [(a, b) for a in staying.detectors for b in turning.detectors]
    setup = PairSetup(bench, pairs, parameters.window_full_ps)
    angles = [180.0 * n / parameters.angles for n in range(parameters.angles)]
    total = len(_BASES) * len(angles)
    bases = []
    for turn, (basis, fixed_deg) in enumerate(_BASES.items()):
        points: list[_Counts] = []
        for number, angle_deg in enumerate(angles, turn * len(angles) + 1):
            angles_deg = {staying.name: fixed_deg, turning.name: angle_deg}
            place = ((number - 1) / total, 1 / total, f"{basis}: {angle_deg:g}°")
            step = partial(_count, bench, setup, parameters.dwell_s, angles_deg, place)
            point = yield from surviving(bench, step)
            points.append(point)
            yield Point(number, total, _values(setup, basis, angle_deg, point))
        bases.append(_fit(basis, angles, setup, points))
    return VisibilityResult(tuple(bases), setup.window_full_ps)


@dataclass(frozen=True, slots=True)
class _Counts:
    """The analyzers of one point."""

    rates: RateAnalyzer
    matrix: MatrixAnalyzer

    def __iter__(self) -> Iterator[Any]:
        return iter((self.rates, self.matrix))


def _count(
    bench: Bench,
    setup: PairSetup,
    dwell_s: float,
    angles_deg: Mapping[str, float],
    place: tuple[float, float, str],
) -> Plan[_Counts]:
    done, share, text = place
    yield from set_analyzers(bench, angles_deg, fraction=done)
    counts: list[_Counts] = []

    def make() -> _Counts:
        rates = RateAnalyzer(setup.n_channels)
        matrix = MatrixAnalyzer(setup.n_channels, setup.window_full_ps, setup.delays_ps)
        counts[:] = [_Counts(rates, matrix)]
        return counts[0]

    def progress(fraction: float) -> Progress:
        return Progress(done + fraction * share, text)

    yield from dwell(bench, setup.pump, dwell_s, make, progress)
    return counts[0]


def _values(setup: PairSetup, basis: str, angle_deg: float, point: _Counts) -> dict[str, Any]:
    matrix = point.matrix.result().counts
    return {
        "basis": basis,
        "angle_deg": angle_deg,
        "live_s": point.rates.result().live_s,
        **{f"{a.name}-{b.name}": int(matrix[a.channel, b.channel]) for a, b in setup.pairs},
    }


def _fit(basis: str, angles: list[float], setup: PairSetup, points: list[_Counts]) -> BasisFringes:
    live_s = [point.rates.result().live_s for point in points]
    counts: dict[str, tuple[int, ...]] = {}
    expected: dict[str, tuple[Estimate, ...]] = {}
    raw: dict[str, Fringe] = {}
    corrected: dict[str, Fringe] = {}
    for a, b in setup.pairs:
        name = f"{a.name}-{b.name}"
        width_ps = setup.effective_window_ps(a, b)
        seen = [int(p.matrix.result().counts[a.channel, b.channel]) for p in points]
        singles = [p.rates.result().counts for p in points]
        background = [
            accidentals(int(s[a.channel]), int(s[b.channel]), live, width_ps)
            for s, live in zip(singles, live_s, strict=True)
        ]
        counts[name], expected[name] = tuple(seen), tuple(background)
        raw[name] = fit_fringe(angles, seen, live_s=live_s)
        corrected[name] = fit_fringe(angles, seen, live_s=live_s, background=background)
    return BasisFringes(basis, tuple(angles), tuple(live_s), counts, expected, raw, corrected)


def _mean(values: list[Estimate]) -> Estimate:
    """Return the mean weighted by 1/sigma²; nan where no value is known."""
    known = [v for v in values if math.isfinite(v.value) and v.sigma > 0]
    if not known:
        return Estimate(math.nan, math.nan)
    weights = [1 / v.sigma**2 for v in known]
    value = sum(w * v.value for w, v in zip(weights, known, strict=True)) / sum(weights)
    return Estimate(value, 1 / math.sqrt(sum(weights)))


def _figure(result: Mapping[str, Any], title: str, simulated: bool) -> bytes:  # noqa: FBT001
    """Draw the fringes of the turning analyzer's plus output: H, V, D and A of the other."""
    fringes = []
    for basis in result["bases"]:
        turning = str(basis["fringes"][0]["pair"]).partition("-")[2]
        seen = [f for f in basis["fringes"] if str(f["pair"]).endswith(f"-{turning}")]
        fringes += [
            {**fringe, "name": name} for fringe, name in zip(seen, basis["basis"], strict=False)
        ]
    drawn = {"fringes": fringes, "harmonic": 2.0}
    return render(visibility_figure(drawn, title=title, simulated=simulated))


EXPERIMENT = Experiment(
    name="visibility",
    summary="Two-photon fringes in the H/V and D/A bases, fitted.",
    parameters=VisibilityParameters,
    plan=plan,
    needs_light=True,
    points=lambda parameters: len(_BASES) * parameters.angles,
    duration_s=lambda p: len(_BASES) * p.angles * (p.dwell_s + TURN_S),
    check=lambda bench, p: stations_with_plates(bench, p.stations, "visibility"),
    figure=_figure,
)
