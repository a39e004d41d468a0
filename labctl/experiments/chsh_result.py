"""From counts per setting to S: raw and with accidentals subtracted, and against the window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import (
    Estimate,
    Peak,
    chsh,
    correlation_from_rates,
    correlation_value,
    setting_rate,
    tsirelson_warning,
    unswapped_rates,
)
from labctl.experiments.pairs import estimate_dict

__all__ = ["ChshResult", "SettingCount", "evaluate"]

OUTPUTS = ("pp", "pm", "mp", "mm")
#: Peaks of settings that differ by more than this many sigma ...
_DIFFERENT_SIGMA = 5.0
#: ... and by more than this part of the window bias S when the window is tight.
_DIFFERENT_OF_WINDOW = 0.05


@dataclass(frozen=True, slots=True)
class SettingCount:
    """What was counted with the analyzers at one pair of angles.

    Attributes:
        counts: coincidences of the outputs ++, +-, -+, -- in the window; with one-output
            analyzers the first only.
        accidentals: expected among them, from the singles.
        widths_ps: effective width of the window for each output.
        by_window: full width -> counts like `counts`, for S against the window.
        peak: of the sum of all outputs' correlations.
    """

    alice_deg: float
    bob_deg: float
    live_s: float
    counts: tuple[int, ...]
    accidentals: tuple[Estimate, ...]
    widths_ps: tuple[int, ...]
    by_window: dict[int, tuple[int, ...]]
    peak: Peak

    def to_dict(self) -> dict[str, Any]:
        """Return the setting as JSON carries it."""
        return {
            "alice_deg": self.alice_deg,
            "bob_deg": self.bob_deg,
            "live_s": self.live_s,
            "counts": dict(zip(OUTPUTS, self.counts, strict=False)),
            "accidentals": {
                output: estimate_dict(expected)
                for output, expected in zip(OUTPUTS, self.accidentals, strict=False)
            },
            "peak_ps": estimate_dict(self.peak.position),
        }


@dataclass(frozen=True, slots=True)
class ChshResult:
    """The CHSH parameter of a run.

    Attributes:
        s: S = E(a,b) - E(a,b') + E(a',b) + E(a',b'), accidentals included: the headline.
        s_corrected: the same with accidentals subtracted.
        correlations: E of the four pairs of angles, by their name such as "ab'".
        by_window: full width -> S, raw and with accidentals subtracted.
        settings: what was counted, in the order of measurement.
        delays_ps: what was subtracted from each detector's times.
        delays_from: where these delays come from.
    """

    s: Estimate
    s_corrected: Estimate
    correlations: dict[str, Estimate]
    correlations_corrected: dict[str, Estimate]
    by_window: dict[int, tuple[Estimate, Estimate]]
    settings: tuple[SettingCount, ...]
    window_full_ps: int
    delays_ps: dict[str, int]
    delays_from: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it; an estimate is {value, sigma}."""
        return {
            "convention": "all_pairs",
            "window_full_ps": self.window_full_ps,
            "s": estimate_dict(self.s),
            "s_corrected": estimate_dict(self.s_corrected),
            "correlations": [
                {
                    "name": name,
                    "alice_deg": self.angles[name][0],
                    "bob_deg": self.angles[name][1],
                    "sign": -1 if name == "ab'" else 1,
                    "e": estimate_dict(e),
                    "e_corrected": estimate_dict(self.correlations_corrected[name]),
                }
                for name, e in self.correlations.items()
            ],
            "windows": [
                {
                    "window_full_ps": width,
                    "s": estimate_dict(s),
                    "s_corrected": estimate_dict(s_corrected),
                }
                for width, (s, s_corrected) in self.by_window.items()
            ],
            "settings": [setting.to_dict() for setting in self.settings],
            "delays_ps": self.delays_ps,
            "delays_from": self.delays_from,
            "warnings": list(self.warnings),
        }

    @property
    def angles(self) -> dict[str, tuple[float, float]]:
        """Alice's and Bob's angle of each pair of angles, by its name."""
        per_name = len(self.settings) // len(self.correlations)
        first = self.settings[::per_name]
        return {
            name: (setting.alice_deg, setting.bob_deg)
            for name, setting in zip(self.correlations, first, strict=True)
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return S and the correlations, raw and corrected."""
        rows = [("S", self.s, self.s_corrected)]
        rows += [
            (f"E({name})", e, self.correlations_corrected[name])
            for name, e in self.correlations.items()
        ]
        return [
            {"of": name, "quantity": quantity, "value": value.value, "sigma": value.sigma}
            for name, raw, corrected in rows
            for quantity, value in (("raw", raw), ("accidentals_subtracted", corrected))
        ]


def evaluate(
    names: Sequence[str],
    settings: Sequence[SettingCount],
    window_full_ps: int,
    delays_ps: dict[str, int],
    delays_from: str,
    warnings: Sequence[str],
) -> ChshResult:
    """Return S from the settings of the four pairs of angles, in the order of `names`.

    There is one setting per pair of angles, or four: (a, b), (a, b⊥), (a⊥, b), (a⊥, b⊥).
    """
    per_name = len(settings) // len(names)
    groups = [settings[n * per_name : (n + 1) * per_name] for n in range(len(names))]
    raw = [_correlation(group, None, corrected=False) for group in groups]
    corrected = [_correlation(group, None, corrected=True) for group in groups]
    by_window = {
        width: (
            _s(names, [_correlation(group, width, corrected=False) for group in groups]),
            _s(names, [_correlation(group, width, corrected=True) for group in groups]),
        )
        for width in settings[0].by_window
    }
    s = _s(names, raw)
    found = [*warnings, *_peak_warnings(settings, window_full_ps)]
    if warning := tsirelson_warning(s):
        found.append(warning)
    return ChshResult(
        s,
        _s(names, corrected),
        dict(zip(names, raw, strict=True)),
        dict(zip(names, corrected, strict=True)),
        by_window,
        tuple(settings),
        window_full_ps,
        delays_ps,
        delays_from,
        tuple(found),
    )


def _s(names: Sequence[str], values: Sequence[Estimate]) -> Estimate:
    by_name = dict(zip(names, values, strict=True))
    return chsh(by_name["ab"], by_name["ab'"], by_name["a'b"], by_name["a'b'"])


def _correlation(
    group: Sequence[SettingCount], window_ps: int | None, *, corrected: bool
) -> Estimate:
    """Return E of one pair of angles from its one or four settings."""
    counts = [s.counts if window_ps is None else s.by_window[window_ps] for s in group]
    expected = [_expected(s, window_ps, corrected=corrected) for s in group]
    if len(group) == 1:
        return correlation_value(counts[0], expected[0])
    rates = [
        [setting_rate(n, s.live_s, a) for n, a in zip(seen, expectation, strict=True)]
        for s, seen, expectation in zip(group, counts, expected, strict=True)
    ]
    if len(rates[0]) == 1:
        return correlation_from_rates([only[0] for only in rates])
    return correlation_from_rates(unswapped_rates(rates))


def _expected(
    setting: SettingCount, window_ps: int | None, *, corrected: bool
) -> tuple[Estimate, ...]:
    """Return the accidentals to subtract: none, or those of the window that was asked for."""
    if not corrected:
        return (Estimate(0.0, 0.0),) * len(setting.counts)
    if window_ps is None:
        return setting.accidentals
    return tuple(
        expected.scaled(window_ps / width_ps)
        for expected, width_ps in zip(setting.accidentals, setting.widths_ps, strict=True)
    )


def _peak_warnings(settings: Sequence[SettingCount], window_full_ps: int) -> list[str]:
    """Warn where the coincidence peak moves with the setting: S then depends on the window."""
    found = [setting.peak.position for setting in settings if setting.peak.is_found]
    if len(found) < len(settings):
        missing = len(settings) - len(found)
        return [f"{missing} of {len(settings)} settings show no coincidence peak"]
    positions: NDArray[np.float64] = np.array([peak.value for peak in found])
    sigmas: NDArray[np.float64] = np.array([peak.sigma for peak in found])
    spread_ps = float(positions.max() - positions.min())
    noise_ps = math.hypot(float(sigmas[positions.argmax()]), float(sigmas[positions.argmin()]))
    if spread_ps > max(_DIFFERENT_SIGMA * noise_ps, _DIFFERENT_OF_WINDOW * window_full_ps):
        moved = f"the coincidence peak moves by {spread_ps:.0f} ps between settings"
        return [f"{moved}; look at S against the window before trusting it"]
    return []
