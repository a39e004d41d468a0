"""The figure of a scan: lines over one setting, maps over two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.figures.style import (
    COLORS,
    draw_points,
    few_ticks,
    new_figure,
    note_empty,
    styled,
)
from labctl.figures.values import Values, columns
from labctl.units import unit_of

__all__ = ["scan_figure"]

_MARKERS = ("o", "s", "D", "^", "v", "P")
_COLUMNS = 2
_MAP_COLUMNS = 4
#: More panels than these are not looked at; the numbers are all in the table.
_MAX_PANELS = 8
_LINES_PER_PANEL = 6
_ROW_PX = 310
_MAP_ROW_PX = 260
_TITLE_PX = 70

Series = Mapping[str, Any]


def scan_figure(result: Mapping[str, Any], *, title: str, simulated: bool = False) -> Figure:
    """Return a panel per quantity over one axis, or a map per number over two.

    Args:
        result: what `scan` stores: `axes`, one or two of {`setting`, `values`}; `points`, the
            values of the axes in the order in which they were taken; `quantities`, a list of
            {`of`, `quantity`, `estimates`: one {value, sigma} or None per point}.
        title: experiment and run.
        simulated: whether to show the badge.
    """
    axes: Sequence[Mapping[str, Any]] = result.get("axes") or []
    quantities: Sequence[Series] = result.get("quantities") or []
    with styled():
        if len(axes) == _COLUMNS:
            return _draw_maps(result, quantities, title, simulated=simulated)
        return _draw_lines(result, quantities, title, simulated=simulated)


def _draw_lines(
    result: Mapping[str, Any], quantities: Sequence[Series], title: str, *, simulated: bool
) -> Figure:
    groups: dict[str, list[Series]] = {}
    for series in quantities:
        groups.setdefault(str(series["quantity"]), []).append(series)
    shown = list(groups.items())[:_MAX_PANELS]
    panels, figure = _panels(len(shown), _COLUMNS, _ROW_PX, title, simulated=simulated)
    setting = str(result["axes"][0]["setting"]) if result.get("axes") else ""
    for axes, (quantity, several) in zip(panels, shown, strict=False):
        _draw_panel(axes, result.get("points") or [], several)
        axes.set_title(_words(quantity))
        axes.set_xlabel(_axis(setting))
    if not shown:
        note_empty(panels[0], "no numbers")
    return figure


def _draw_panel(axes: Axes, points: Sequence[Sequence[Any]], several: Sequence[Series]) -> None:
    places, names = _places([point[0] for point in points])
    order = np.argsort(places, kind="stable")
    for index, series in enumerate(several[:_LINES_PER_PANEL]):
        values, sigmas = columns(series["estimates"])
        draw_points(
            axes,
            places[order],
            values[order],
            yerr=sigmas[order],
            color=COLORS[index % len(COLORS)],
            fmt=_MARKERS[index % len(_MARKERS)],
            linestyle="-",
            linewidth=1.0,
            markersize=4,
            label=str(series["of"]),
        )
    if names:
        axes.set_xticks(range(len(names)), names)
    else:
        axes.xaxis.set_major_locator(few_ticks())
    more = len(several) - _LINES_PER_PANEL
    heading = f"first {_LINES_PER_PANEL} of {len(several)}" if more > 0 else None
    axes.legend(
        loc="best",
        fontsize=9,
        title=heading,
        title_fontsize=9,
        frameon=True,
        edgecolor="none",
        framealpha=0.8,
    )


def _draw_maps(
    result: Mapping[str, Any], quantities: Sequence[Series], title: str, *, simulated: bool
) -> Figure:
    # Things of one quantity beside each other: a thing's quantities have nothing in common.
    ordered = sorted(quantities, key=_order_of([str(q["quantity"]) for q in quantities]))
    shown = ordered[:_MAX_PANELS]
    if len(ordered) > len(shown):
        title = f"{title} (first {len(shown)} of {len(ordered)} numbers)"
    panels, figure = _panels(len(shown), _MAP_COLUMNS, _MAP_ROW_PX, title, simulated=simulated)
    slow, fast = result["axes"]
    points: Sequence[Sequence[Any]] = result.get("points") or []
    for axes, series in zip(panels, shown, strict=False):
        rows, row_names = _places([point[0] for point in points])
        places, place_names = _places([point[1] for point in points])
        values, _ = columns(series["estimates"])
        _draw_map(figure, axes, (places, rows, values), (place_names, row_names))
        axes.set_title(f"{series['of']}\n{_words(str(series['quantity']))}", fontsize=9)
        axes.set_xlabel(_axis(str(fast["setting"])), fontsize=10)
        axes.set_ylabel(_axis(str(slow["setting"])), fontsize=10)
    if not shown:
        note_empty(panels[0], "no numbers")
    return figure


def _draw_map(
    figure: Figure,
    axes: Axes,
    taken: tuple[Values, Values, Values],
    names: tuple[list[str], list[str]],
) -> None:
    x, y, values = taken
    xs, ys = np.unique(x), np.unique(y)
    image = np.full((ys.size, xs.size), np.nan)
    image[np.searchsorted(ys, y), np.searchsorted(xs, x)] = values
    mesh = axes.pcolormesh(_edges(xs), _edges(ys), image, cmap="viridis", rasterized=True)
    axes.grid(visible=False)
    figure.colorbar(mesh, ax=axes, orientation="horizontal").ax.tick_params(labelsize=8)
    axes.tick_params(labelsize=9)
    for place, words in ((axes.xaxis, names[0]), (axes.yaxis, names[1])):
        if words:
            place.set_ticks(range(len(words)), words)
        else:
            place.set_major_locator(few_ticks())


def _panels(
    count: int, width: int, row_px: int, title: str, *, simulated: bool
) -> tuple[list[Axes], Figure]:
    rows = max(1, math.ceil(count / width))
    figure = new_figure(title, simulated=simulated, height_px=_TITLE_PX + row_px * rows)
    across = min(width, max(1, count))
    panels = [figure.add_subplot(rows, across, n + 1) for n in range(max(1, count))]
    return panels, figure


def _places(values: Sequence[Any]) -> tuple[Values, list[str]]:
    """Return where the values stand on an axis; words stand at 0, 1, ... and are given too."""
    if all(isinstance(value, (int, float)) for value in values):
        return np.array(values, dtype=np.float64), []
    words = list(dict.fromkeys(str(value) for value in values))
    return np.array([words.index(str(value)) for value in values], dtype=np.float64), words


def _edges(centers: Values) -> Values:
    """Return the borders of cells around the centers, half-way between them."""
    if centers.size == 1:
        return np.array([centers[0] - 0.5, centers[0] + 0.5])
    middles = (centers[1:] + centers[:-1]) / 2
    first, last = 2 * centers[0] - middles[0], 2 * centers[-1] - middles[-1]
    return np.concatenate(([first], middles, [last]))


def _order_of(names: Sequence[str]) -> Any:
    """Return a sort key by the first time that a quantity is named."""
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    return lambda series: first[str(series["quantity"])]


def _words(quantity: str) -> str:
    return _axis(quantity).replace("_", " ")


def _axis(name: str) -> str:
    """Return a name with its unit behind it; the name of an instrument stays as it is."""
    unit = unit_of(name)
    return f"{name.rpartition('_')[0]} ({unit})" if unit else name
