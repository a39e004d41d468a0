"""The numbers of a histogram in words: what is inside the window, where the peak is."""

from __future__ import annotations

import math
from typing import Any

from labctl.gui.histogram_counts import PairHistogram
from labctl.units import format_uncertain

__all__ = ["bin_text", "concise", "fit_text", "peak_text", "window_text"]

_PS_PER_NS = 1000


def window_text(histogram: PairHistogram, low_ps: float, high_ps: float) -> str:
    """Return counts, accidentals and their ratio inside a window."""
    inside = histogram.inside(low_ps, high_ps)
    return (
        f"{histogram.name.replace('-', ' · ')} "
        f"from {low_ps / _PS_PER_NS:g} to {high_ps / _PS_PER_NS:g} ns: "
        f"{concise(inside.counts.value, inside.counts.sigma)} counts "
        f"in {inside.width_ps / _PS_PER_NS:g} ns of bins and {histogram.live_s:.1f} s, "
        f"accidentals {concise(inside.accidentals.value, inside.accidentals.sigma)}, "
        f"CAR {concise(inside.car.value, inside.car.sigma)}"
    )


def concise(value: float, sigma: float, unit: str = "") -> str:
    """Return a value with its uncertainty in its last digits, as 0.120(30) ns; a dash for nan."""
    if not (math.isfinite(value) and math.isfinite(sigma)):
        return "–"
    suffix = f" {unit}" if unit else ""
    if sigma <= 0:
        return f"{value:.6g}(0){suffix}"
    decimals = 1 - math.floor(math.log10(sigma))
    if decimals > 0:
        last_digits = round(sigma * 10**decimals)
        return f"{value:,.{decimals}f}({last_digits}){suffix}".replace(",", "\u202f")
    step = 10.0**-decimals
    rounded, error = round(value / step) * step, round(sigma / step) * step
    return f"{rounded:,.0f}({error:.0f}){suffix}".replace(",", "\u202f")


def fit_text(histogram: PairHistogram, unit_ps: float) -> str:
    """Return the fitted peak, in the unit of the axis, or why there is none."""
    fit = histogram.fit
    if "position_ps" not in fit:
        found = f" {peak_text(histogram.peak, unit_ps)}" if histogram.peak else ""
        return f"No fit: {fit['problem']}.{found}"
    unit = "ps" if unit_ps == 1 else "ns"
    text = (
        f"Fit: position {_told(fit['position_ps'], unit_ps, unit)}, "
        f"FWHM {_told(fit['fwhm_ps'], unit_ps, unit)}, "
        f"{_told(fit['counts'])} counts on {_told(fit['background'])} per bin"
    )
    if fit["freedom"] > 0 and fit["chi2"] is not None:
        text += f", χ²/{fit['freedom']} = {fit['chi2'] / fit['freedom']:.2f}"
    return f"{text}. DOUBTFUL: {fit['problem']}" if fit["problem"] else text


def peak_text(peak: dict[str, Any] | None, unit_ps: float) -> str:
    """Return where the peak is and how wide, in the unit of the axis."""
    if not peak:
        return "No peak found."
    unit = "ps" if unit_ps == 1 else "ns"
    texts = []
    for name, key in (("Peak at", "position_ps"), ("FWHM", "fwhm_ps")):
        estimate = peak[key]
        if estimate["value"] is None or estimate["sigma"] is None:
            texts.append(f"{name} unknown")
            continue
        value, sigma = estimate["value"] / unit_ps, estimate["sigma"] / unit_ps
        texts.append(f"{name} {format_uncertain(value, sigma, unit)}")
    significance = peak.get("significance")
    if significance is not None:
        texts.append(f"{significance:.0f} σ above its background")
    return ", ".join(texts)


def bin_text(histogram: PairHistogram, lag_ps: float) -> str:
    """Return what the bin at a lag holds; empty outside of the histogram."""
    row = round((lag_ps - int(histogram.lags_ps[0])) / histogram.bin_ps)
    if not 0 <= row < histogram.counts.size:
        return ""
    count = int(histogram.counts[row])
    counts = format_uncertain(count, math.sqrt(max(count, 1)))
    text = f"{histogram.lags_ps[row] / _PS_PER_NS:g} ns: {counts} counts in the bin"
    g2 = float(histogram.g2()[row])
    if math.isfinite(g2):
        text += f" · g² {format_uncertain(g2, math.sqrt(max(count, 1)) / histogram.expected)}"
    return text


def _told(estimate: dict[str, Any], divisor: float = 1.0, unit: str = "") -> str:
    value, sigma = estimate["value"], estimate["sigma"]
    if value is None or sigma is None:
        return "–"
    return concise(value / divisor, sigma / divisor, unit)
