"""The figure of cross-correlations, and the panel that it shares with others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from labctl.figures.style import COLORS, few_ticks, new_figure, note_empty, styled
from labctl.figures.values import PICO, Values, time_scale

__all__ = ["correlation_figure", "draw_histogram", "spoken_width"]

#: Up to so many bins each has its own uncertainty bar; more have a band.
_MANY_BINS = 60
#: Up to so many bins a band is worth its time; beyond, neighbours show the scatter.
_VERY_MANY_BINS = 2000
_ONE_COLUMN = 2


def correlation_figure(
    lags_ps: ArrayLike,
    counts: ArrayLike,
    pairs: Sequence[str | tuple[int, int]],
    *,
    title: str,
    simulated: bool = False,
) -> Figure:
    """Return one histogram of lags per pair, with Poisson uncertainties.

    Args:
        lags_ps: (n,) bin centres, equally spaced.
        counts: (k, n), or (n,) for one pair.
        pairs: k names, or pairs of channels (a, b) whose lag is t_b - t_a.
        title: file or run.
        simulated: whether to show the badge.

    Raises:
        ValueError: counts are not k rows of n.
    """
    lags = np.asarray(lags_ps, dtype=np.float64)
    rows = np.atleast_2d(np.asarray(counts, dtype=np.float64)) if len(pairs) else np.empty((0, 0))
    if len(pairs) and rows.shape != (len(pairs), lags.size):
        raise ValueError(
            f"counts has shape {rows.shape}; {len(pairs)} pairs and {lags.size} lags need "
            f"({len(pairs)}, {lags.size})"
        )
    n_columns = 1 if len(pairs) <= _ONE_COLUMN else 2
    n_rows = max(1, -(-len(pairs) // n_columns))
    with styled():
        height = 560 if n_rows == 1 else 120 + 260 * n_rows
        figure = new_figure(title, simulated=simulated, height_px=height)
        panels = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True)
        flat = [axes for row in panels for axes in row]
        for number, (axes, pair) in enumerate(zip(flat, pairs, strict=False)):
            name = pair if isinstance(pair, str) else f"{pair[0]}-{pair[1]}"
            draw_histogram(axes, lags, rows[number], COLORS[number % len(COLORS)])
            axes.set_title(name)
            if number >= len(pairs) - n_columns:
                axes.tick_params(labelbottom=True)
                axes.set_xlabel(_lag_label(lags))
        for axes in flat[len(pairs) :]:
            axes.set_axis_off()
        if not pairs:
            note_empty(flat[0], "no pairs")
    return figure


def draw_histogram(axes: Axes, lags_ps: Values, counts: Values, color: str) -> None:
    """Draw counts against lag, the lags in the unit that suits them."""
    axes.set_ylabel(f"counts per {spoken_width(lags_ps)} bin")
    if not counts.size:
        note_empty(axes, "no bins")
        return
    scale, _ = time_scale(_largest(lags_ps))
    half = (lags_ps[1] - lags_ps[0]) / 2 if lags_ps.size > 1 else 0.5
    # Steps as an outline: every bin has its full width, the first and the last too.
    edges = np.stack((lags_ps - half, lags_ps + half), axis=1).ravel() / scale
    width = 1.6 if counts.size <= _MANY_BINS * 5 else 0.8
    axes.plot(edges, np.repeat(counts, 2), color=color, linewidth=width)
    sigma = np.sqrt(np.maximum(counts, 1))
    if counts.size <= _MANY_BINS:
        axes.errorbar(
            lags_ps / scale, counts, sigma, fmt="none", ecolor=color, elinewidth=1.2, capsize=2
        )
    elif counts.size <= _VERY_MANY_BINS:
        low, high = np.maximum(counts - sigma, 0), counts + sigma
        axes.fill_between(
            edges, np.repeat(low, 2), np.repeat(high, 2), color=color, alpha=0.25, linewidth=0
        )
    axes.set_ylim(0, 1.08 * max(1.0, float((counts + sigma).max())))
    axes.margins(x=0.01)
    axes.yaxis.set_major_locator(few_ticks(integer=True))


def spoken_width(lags_ps: Values) -> str:
    """Return the width of the bins with its unit, or a blank for less than two."""
    if lags_ps.size < 2:  # noqa: PLR2004 - two lags make a difference
        return ""
    width = float(lags_ps[1] - lags_ps[0])
    scale, unit = next((pair for pair in PICO if width >= pair[0]), PICO[-1])
    return f"{width / scale:g} {unit}"


def _lag_label(lags_ps: Values) -> str:
    return f"lag, second minus first ({time_scale(_largest(lags_ps))[1]})"


def _largest(lags_ps: Values) -> float:
    return float(np.abs(lags_ps).max()) if lags_ps.size else 0.0
