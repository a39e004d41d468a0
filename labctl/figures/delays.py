"""The figure of a delays run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.figures.correlation import draw_histogram
from labctl.figures.style import (
    BLUE,
    COLORS,
    GREY,
    VERMILLION,
    draw_points,
    new_figure,
    note_empty,
    set_names,
    styled,
)
from labctl.figures.values import Values, columns, number, spoken, time_scale

__all__ = ["delays_figure"]

#: Shown of a histogram on either side of its peaks: so many widths, and so many bins.
_WIDTHS_SHOWN = 6
_BINS_SHOWN = 12

Pairs = Sequence[Mapping[str, Any]]


def delays_figure(result: Mapping[str, Any], *, title: str, simulated: bool = False) -> Figure:
    """Return the cross-correlation of each pair around its peak, and the delays of the channels.

    Args:
        result: what `delays` stores. An estimate is {value, sigma}, None where there is none.

            - `lags_ps`: [n] bin centres, the same for all pairs.
            - `pairs`: a list of {`pair`: name, `counts`: [n], `is_found`, `position_ps`,
              `fwhm_ps`, `background`: estimates, the last in counts per bin, `significance`}.
            - `reference`: name of the detector whose delay is 0.
            - `delays_ps`: {detector: estimate}, the reference included.
            - `chi2`, `ndf`: of the delays against the pairs.
        title: experiment and run.
        simulated: whether to show the badge.
    """
    pairs: Pairs = result.get("pairs") or []
    delays: Mapping[str, Any] = result.get("delays_ps") or {}
    lags = np.asarray(result.get("lags_ps") or [], dtype=np.float64)
    n_rows = max(1, -(-len(pairs) // 2))
    with styled():
        below = 120 + 34 * max(len(delays), 3)
        height = 120 + 260 * n_rows + below
        figure = new_figure(title, simulated=simulated, height_px=height)
        # Apart, so that the words beside the delays do not narrow the histograms.
        parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[260.0 * n_rows, below])
        above, beneath = parts[:, 0]
        for index, pair in enumerate(pairs):
            axes = above.add_subplot(n_rows, 2, index + 1)
            _draw_pair(axes, pair, lags, COLORS[index % len(COLORS)])
        if not pairs:
            note_empty(above.add_subplot(), "no pairs")
        _draw_delays(beneath.add_subplot(), delays, result)
    return figure


def _draw_pair(axes: Axes, pair: Mapping[str, Any], lags_ps: Values, color: str) -> None:
    counts = np.asarray(pair.get("counts") or [], dtype=np.float64)
    shown = _shown(pair, lags_ps)
    draw_histogram(axes, lags_ps[shown], counts[shown] if counts.size else counts, color)
    largest = float(np.abs(lags_ps[shown]).max()) if shown.any() else 0.0
    scale, unit = time_scale(largest)
    axes.set_xlabel(f"lag, second minus first ({unit})")
    name = str(pair.get("pair", ""))
    if not pair.get("is_found"):
        axes.set_title(f"{name}: no peak ({float(pair.get('significance') or 0):.1f} σ)")
        return
    position, sigma = number(pair.get("position_ps"))
    axes.set_title(f"{name}: {spoken(pair.get('position_ps'), 'ps')}")
    axes.axvline(position / scale, color=GREY, linestyle="--")
    axes.axvspan((position - sigma) / scale, (position + sigma) / scale, color=GREY, alpha=0.3)
    background = number(pair.get("background"))[0]
    if np.isfinite(background):
        axes.axhline(background, color=GREY, linestyle=":")


def _shown(pair: Mapping[str, Any], lags_ps: Values) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which bins lie around the peak; all of them if there is none."""
    position, _ = number(pair.get("position_ps"))
    if not pair.get("is_found") or not np.isfinite(position) or lags_ps.size < _BINS_SHOWN:
        return np.ones(lags_ps.shape, dtype=np.bool_)
    width = np.nan_to_num(number(pair.get("fwhm_ps"))[0])
    reach = max(_WIDTHS_SHOWN * float(width), _BINS_SHOWN * float(lags_ps[1] - lags_ps[0]))
    return np.asarray(np.abs(lags_ps - position) <= reach)


def _draw_delays(axes: Axes, delays: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    chi2, ndf = result.get("chi2"), result.get("ndf")
    quality = "" if chi2 is None or not ndf else f", χ² {chi2:.1f} / {ndf}"
    axes.set_title(f"Delays relative to {result.get('reference', 'the reference')}{quality}")
    values, sigmas = columns(delays.values())
    finite = np.abs(values[np.isfinite(values)])
    scale, unit = time_scale(float(finite.max()) if finite.size else 0.0)
    axes.set_xlabel(f"delay ({unit})")
    if not delays:
        note_empty(axes, "no delays")
        return
    axes.axvline(0, color=GREY, linewidth=0.8)
    rows = np.arange(len(delays), dtype=np.float64)
    draw_points(axes, values / scale, rows, xerr=sigmas / scale, color=BLUE)
    axes.margins(x=0.12)
    for row, (name, delay) in enumerate(delays.items()):
        words = "reference" if name == result.get("reference") else spoken(delay, "ps")
        is_unknown = bool(np.isnan(number(delay)[0]))
        axes.annotate(
            "not found" if is_unknown else words,
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=VERMILLION if is_unknown else GREY,
        )
    set_names(axes, list(delays))
