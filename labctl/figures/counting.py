"""The figure of a counting run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from labctl.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    LIGHT_BLUE,
    ORANGE,
    VERMILLION,
    draw_points,
    new_figure,
    note_empty,
    set_names,
    styled,
)
from labctl.figures.values import columns

__all__ = ["counting_figure"]

#: Room between the panels and their titles, for a legend of three lines.
_LEGEND_POINTS = 58

Pairs = Sequence[Mapping[str, Any]]


def counting_figure(result: Mapping[str, Any], *, title: str, simulated: bool = False) -> Figure:
    """Return singles, coincidences with accidentals, heralding and CAR of a counting run.

    Args:
        result: what `counting` stores: `singles_hz` {detector: estimate}, `window_full_ps`,
            `live_s` and `pairs`, a list of {`pair`, `coincidences_hz`, `accidentals_hz`,
            `accidentals_delayed_hz`, `car`, `heralding_a`, `heralding_b`}; an estimate is
            {value, sigma}, None where there is no number.
        title: experiment and run.
        simulated: whether to show the badge.
    """
    singles: Mapping[str, Any] = result.get("singles_hz") or {}
    pairs: Pairs = result.get("pairs") or []
    rows = (max(len(singles), 2), max(len(pairs), 3))
    with styled():
        figure = new_figure(title, simulated=simulated, height_px=330 + 36 * sum(rows))
        grid = figure.add_gridspec(2, 3, height_ratios=[row + 1.0 for row in rows])
        _draw_singles(figure.add_subplot(grid[0, :]), singles)
        first = figure.add_subplot(grid[1, 0])
        _draw_coincidences(first, pairs, result.get("window_full_ps"))
        for column, draw in ((1, _draw_heralding), (2, _draw_car)):
            axes = figure.add_subplot(grid[1, column], sharey=first)
            draw(axes, pairs)
            axes.tick_params(labelleft=False)
    return figure


def _draw_singles(axes: Axes, singles: Mapping[str, Any]) -> None:
    values, sigmas = columns(singles.values(), 1e3)
    rows = np.arange(len(singles), dtype=np.float64)
    axes.barh(rows, np.nan_to_num(values), height=0.6, color=LIGHT_BLUE)
    draw_points(axes, values, rows, xerr=sigmas, color=BLACK, markersize=3)
    axes.set_title("Singles")
    axes.set_xlabel("rate (10³/s)")
    axes.set_xlim(left=0)
    set_names(axes, list(singles))
    if not singles:
        note_empty(axes, "no detectors")


def _draw_heralding(axes: Axes, pairs: Pairs) -> None:
    for key, color, marker, shift in (
        ("heralding_a", BLUE, "o", -0.14),
        ("heralding_b", VERMILLION, "s", 0.14),
    ):
        values, sigmas = columns((pair.get(key) for pair in pairs), 0.01)
        rows = np.arange(len(pairs)) + shift
        label = f"of {'first' if key.endswith('a') else 'second'} detector"
        draw_points(axes, values, rows, xerr=sigmas, color=color, fmt=marker, label=label)
    axes.set_title("Heralding efficiency", pad=_LEGEND_POINTS)
    axes.set_xlabel("less accidentals (%)")
    _include_zero(axes)
    _finish(axes, pairs, legend=True)


def _draw_coincidences(axes: Axes, pairs: Pairs, window_full_ps: int | None) -> None:
    smallest = np.inf
    for key, label, color, marker, shift in (
        ("coincidences_hz", "all (raw)", BLUE, "o", 0.0),
        ("accidentals_hz", "accidentals by singles", ORANGE, "s", -0.16),
        ("accidentals_delayed_hz", "accidentals delayed", GREEN, "D", 0.16),
    ):
        values, sigmas = columns(pair.get(key) for pair in pairs)
        rows = np.arange(len(pairs)) + shift
        draw_points(axes, values, rows, xerr=sigmas, color=color, fmt=marker, label=label)
        finite = values[np.isfinite(values)]
        smallest = min(smallest, float(finite.min())) if finite.size else smallest
    # A rate of zero has no place on a logarithmic axis.
    if 0 < smallest < np.inf:
        axes.set_xscale("log", nonpositive="clip")
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    window = f" in {window_full_ps / 1000:g} ns" if window_full_ps else ""
    axes.set_title(f"Coincidences{window}", pad=_LEGEND_POINTS)
    axes.set_xlabel("rate (/s)")
    _finish(axes, pairs, legend=True)


def _draw_car(axes: Axes, pairs: Pairs) -> None:
    values, sigmas = columns(pair.get("car") for pair in pairs)
    rows = np.arange(len(pairs), dtype=np.float64)
    draw_points(axes, values, rows, xerr=sigmas, color=BLUE)
    axes.set_title("CAR", pad=_LEGEND_POINTS)
    axes.set_xlabel("coincidences to accidentals")
    _include_zero(axes)
    _finish(axes, pairs, legend=False)


def _include_zero(axes: Axes) -> None:
    """Let the horizontal axis show zero, with room for the markers at both ends."""
    left, right = (min(0.0, axes.get_xlim()[0]), max(0.0, axes.get_xlim()[1]))
    room = 0.04 * (right - left)
    axes.set_xlim(left - room, right + room)


def _finish(axes: Axes, pairs: Pairs, *, legend: bool) -> None:
    set_names(axes, [str(pair.get("pair", "")) for pair in pairs])
    if not pairs:
        note_empty(axes, "no pairs")
    elif legend:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.04, 1.0), borderaxespad=0.1)
