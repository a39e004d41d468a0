"""`chsh`: the Bell parameter S of two stations with half-wave plates and analyzers.

With two-output analyzers four pairs of angles suffice; sixteen settings (each angle and its
orthogonal) serve one-output analyzers and average out unequal detector efficiencies. Delays
come from the calibration, or are found first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from labctl.analysis import (
    CorrelationAnalyzer,
    MatrixAnalyzer,
    RateAnalyzer,
    accidentals,
    find_peak,
    poisson_sigma,
    window_warning,
)
from labctl.errors import ConfigError
from labctl.experiments.chsh_result import ChshResult, SettingCount, evaluate
from labctl.experiments.delays import DelaysResult, measure_delays
from labctl.experiments.pairs import TURN_S, PairSetup, split_words, stations_with_plates
from labctl.figures import chsh_figure, render
from labctl.lab import Bench, Station
from labctl.runs import (
    Experiment,
    Parameters,
    Plan,
    Point,
    Progress,
    Warned,
    dwell,
    set_analyzers,
    surviving,
)

__all__ = ["EXPERIMENT", "ChshParameters"]

#: S is shown for these parts of the window.
_WINDOWS = (1 / 3, 1.0, 5 / 3, 7 / 3, 3.0)
_DELAY_DWELL_S = 0.5
_DELAY_RANGE_PS = 100_000
_TWO = 2


class ChshParameters(Parameters):
    """What can be chosen; angles are of linear polarization, twice those of the plates."""

    dwell_s: float = Field(1.0, gt=0, le=86_400, description="Tag time per setting.")
    settings: Literal[4, 16] = Field(4, description="4, or 16 with every angle's orthogonal too.")
    alice_angles_deg: tuple[float, float] = Field(
        (0.0, 45.0), description="Alice's a and a' (polarization)."
    )
    bob_angles_deg: tuple[float, float] = Field(
        (22.5, 67.5), description="Bob's b and b' (polarization)."
    )
    stations: tuple[str, ...] = Field(
        (), description="Alice's and Bob's station; by default the first two with a plate."
    )
    window_full_ps: int | None = Field(
        None, gt=0, description="Full width of the window; by default the bench's."
    )
    delays: Literal["auto", "find", "known"] = Field(
        "auto",
        description="find: measure them first; known: as configured or calibrated; "
        "auto: calibrated where there is a calibration, else find.",
    )

    _split = field_validator("stations", "alice_angles_deg", "bob_angles_deg", mode="before")(
        split_words
    )


@dataclass(frozen=True, slots=True)
class _Counters:
    rates: RateAnalyzer
    matrix: MatrixAnalyzer
    correlator: CorrelationAnalyzer

    def __iter__(self) -> Iterator[Any]:
        return iter((self.rates, self.matrix, self.correlator))


def plan(bench: Bench, parameters: ChshParameters) -> Plan[ChshResult]:
    """Turn the plates through all settings, count, and return S."""
    alice, bob = _stations(bench, parameters)
    pairs = [(a, b) for a in alice.detectors for b in bob.detectors]
    setup = PairSetup(bench, pairs, parameters.window_full_ps)
    warnings = []
    if warning := window_warning(setup.window_full_ps, setup.resolution_ps):
        warnings.append(warning)
        yield Warned(warning)
    names, angles = _angles(parameters)
    finds = _finds_delays(bench, parameters)
    steps = len(angles) + (1 if finds else 0)
    if finds:
        first = {alice.name: angles[0][0], bob.name: angles[0][1]}
        find = partial(_find_delays, bench, setup, first, (0.0, 1 / steps))
        found = yield from surviving(bench, find)
        _add_delays(setup, found.delays_ps)
    settings: list[SettingCount] = []
    for number, (alice_deg, bob_deg) in enumerate(angles, 1):
        done = (steps - len(angles) + number - 1) / steps
        turned = {alice.name: alice_deg, bob.name: bob_deg}
        step = partial(_count, bench, setup, parameters.dwell_s, turned, (done, steps))
        setting = yield from surviving(bench, step)
        settings.append(setting)
        yield Point(number, len(angles), _point(setup, setting))
    delays = {d.name: int(setup.delays_ps[d.channel]) for d in setup.detectors}
    result = evaluate(
        names, settings, setup.window_full_ps, delays, _origin(bench, finds=finds), warnings
    )
    for warning in result.warnings[len(warnings) :]:
        yield Warned(warning)
    return result


def _stations(bench: Bench, parameters: ChshParameters) -> tuple[Station, Station]:
    alice, bob = stations_with_plates(bench, parameters.stations, "chsh")
    for station in (alice, bob):
        if len(station.detectors) < _TWO and parameters.settings == 4:  # noqa: PLR2004
            raise ConfigError(
                f"station {station.name} has one detector; with one-output analyzers chsh "
                "needs settings=16"
            )
    if len(alice.detectors) != len(bob.detectors) or len(alice.detectors) > _TWO:
        raise ConfigError(
            f"stations {alice.name} and {bob.name} need one detector each, or two each "
            f"(plus, minus); they have {len(alice.detectors)} and {len(bob.detectors)}"
        )
    return alice, bob


def _angles(parameters: ChshParameters) -> tuple[list[str], list[tuple[float, float]]]:
    """Return the names of the four pairs of angles and all settings, in order of measurement.

    b' comes twice in a row, so that only one plate turns between pairs of angles.
    """
    (a, a2), (b, b2) = parameters.alice_angles_deg, parameters.bob_angles_deg
    pairs = {"ab": (a, b), "ab'": (a, b2), "a'b'": (a2, b2), "a'b": (a2, b)}
    if parameters.settings == 4:  # noqa: PLR2004  the model allows 4 and 16
        return list(pairs), list(pairs.values())
    orthogonal = (0.0, 90.0)
    return list(pairs), [
        (one + turn, other + swing)
        for one, other in pairs.values()
        for turn in orthogonal
        for swing in orthogonal
    ]


def _finds_delays(bench: Bench, parameters: ChshParameters) -> bool:
    if parameters.delays == "auto":
        return bench.calibration is None
    return parameters.delays == "find"


def _add_delays(setup: PairSetup, delays_ps: dict[str, int]) -> None:
    for detector in setup.detectors:
        setup.delays_ps[detector.channel] += delays_ps[detector.name]


def _origin(bench: Bench, *, finds: bool) -> str:
    if finds:
        return "found at the beginning of this run"
    return str(bench.calibration) if bench.calibration is not None else "the configuration"


def _find_delays(
    bench: Bench,
    setup: PairSetup,
    angles_deg: Mapping[str, float],
    part_of_run: tuple[float, float],
) -> Plan[DelaysResult]:
    yield from set_analyzers(bench, angles_deg)
    return (yield from measure_delays(bench, setup, _DELAY_DWELL_S, _DELAY_RANGE_PS, part_of_run))


def _count(
    bench: Bench,
    setup: PairSetup,
    dwell_s: float,
    angles_deg: Mapping[str, float],
    place: tuple[float, int],
) -> Plan[SettingCount]:
    counters: list[_Counters] = []
    widest_ps = round(max(_WINDOWS) * setup.window_full_ps)
    done, steps = place
    alice_deg, bob_deg = angles_deg.values()
    yield from set_analyzers(bench, angles_deg, fraction=done)

    def make() -> _Counters:
        counters[:] = [
            _Counters(
                RateAnalyzer(setup.n_channels),
                MatrixAnalyzer(setup.n_channels, setup.window_full_ps, setup.delays_ps),
                setup.correlator(max(widest_ps, 20 * setup.bin_ps)),
            )
        ]
        return counters[0]

    def progress(fraction: float) -> Progress:
        text = f"analyzers at {alice_deg:g}° and {bob_deg:g}°"
        return Progress(done + fraction / steps, text, _live(setup, counters[0]))

    yield from dwell(bench, setup.pump, dwell_s, make, progress)
    return _setting(setup, counters[0], (alice_deg, bob_deg))


def _setting(
    setup: PairSetup, counters: _Counters, angles_deg: tuple[float, float]
) -> SettingCount:
    rates = counters.rates.result()
    matrix = counters.matrix.result().counts
    histogram = counters.correlator.result()
    counts = tuple(int(matrix[a.channel, b.channel]) for a, b in setup.pairs)
    widths_ps = tuple(setup.effective_window_ps(a, b) for a, b in setup.pairs)
    expected = tuple(
        accidentals(
            int(rates.counts[a.channel]),
            int(rates.counts[b.channel]),
            rates.live_s,
            width_ps,
            coincidences=float(count),
        )
        for (a, b), count, width_ps in zip(setup.pairs, counts, widths_ps, strict=True)
    )
    peak = find_peak(
        histogram.counts.sum(axis=0),
        histogram.lags_ps,
        histogram.bin_ps,
        resolution_ps=setup.resolution_ps,
    )
    by_window = _by_window(setup, histogram.lags_ps, histogram.counts)
    return SettingCount(*angles_deg, rates.live_s, counts, expected, widths_ps, by_window, peak)


def _by_window(setup: PairSetup, lags_ps: Any, counts: Any) -> dict[int, tuple[int, ...]]:
    """Return the counts in windows of odd numbers of bins around the ones in `_WINDOWS`."""
    found: dict[int, tuple[int, ...]] = {}
    for part in _WINDOWS:
        per_side = round((part * setup.window_full_ps / setup.bin_ps - 1) / 2)
        inside = np.abs(lags_ps) <= per_side * setup.bin_ps
        width_ps = (2 * per_side + 1) * setup.bin_ps
        found[width_ps] = tuple(int(n) for n in counts[:, inside].sum(axis=1))
    return found


def _figure(result: Mapping[str, Any], title: str, simulated: bool) -> bytes:  # noqa: FBT001
    return render(chsh_figure(result, title=title, simulated=simulated))


def _live(setup: PairSetup, counters: _Counters) -> dict[str, Any]:
    rates = counters.rates.result()
    matrix = counters.matrix.result().counts
    values: dict[str, Any] = {}
    for a, b in setup.pairs:
        count = float(matrix[a.channel, b.channel])
        live_s = rates.live_s or None
        values[f"{a.name}-{b.name}_hz"] = count / live_s if live_s else None
        values[f"{a.name}-{b.name}_sigma_hz"] = poisson_sigma(count) / live_s if live_s else None
    return values


def _point(setup: PairSetup, setting: SettingCount) -> dict[str, Any]:
    names: Sequence[str] = [f"{a.name}-{b.name}" for a, b in setup.pairs]
    return {
        "alice_deg": setting.alice_deg,
        "bob_deg": setting.bob_deg,
        "live_s": setting.live_s,
        **dict(zip(names, setting.counts, strict=True)),
        "peak_ps": setting.peak.position.value,
    }


EXPERIMENT = Experiment(
    name="chsh",
    summary="Bell parameter S of two stations with half-wave plates and analyzers.",
    parameters=ChshParameters,
    plan=plan,
    needs_light=True,
    points=lambda parameters: parameters.settings,
    duration_s=lambda parameters: parameters.settings * (parameters.dwell_s + TURN_S),
    check=_stations,
    figure=_figure,
)
