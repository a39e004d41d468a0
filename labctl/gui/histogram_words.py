"""The numbers of a histogram in words: what is inside the window, where the peak is."""

from __future__ import annotations

import math
from typing import Any

from labctl.gui.histogram_counts import PairHistogram
from labctl.units import format_uncertain

__all__ = ["bin_text", "peak_text", "window_text"]

_PS_PER_NS = 1000


def window_text(histogram: PairHistogram, low_ps: float, high_ps: float) -> str:
    """Return counts, accidentals and their ratio inside a window."""
    inside = histogram.inside(low_ps, high_ps)
    return (
        f"{histogram.name.replace('-', ' · ')} "
        f"from {low_ps / _PS_PER_NS:g} to {high_ps / _PS_PER_NS:g} ns: "
        f"{format_uncertain(inside.counts.value, inside.counts.sigma)} counts, "
        f"accidentals {_uncertain(inside.accidentals.value, inside.accidentals.sigma)}, "
        f"CAR {_uncertain(inside.car.value, inside.car.sigma)}, "
        f"effective width {inside.width_ps / _PS_PER_NS:g} ns, {histogram.live_s:.1f} s live"
    )


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


def _uncertain(value: float, sigma: float) -> str:
    return format_uncertain(value, sigma) if math.isfinite(value) else "–"
