"""The figure of a visibility run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.figures.style import COLORS, GREY, draw_points, new_figure, note_empty, styled
from labctl.figures.values import Values, columns, number, spoken

__all__ = ["visibility_figure"]

_MARKERS = ("o", "s", "D", "^", "v", "P")
_CURVE_POINTS = 361
Fringes = Sequence[Mapping[str, Any]]


def visibility_figure(result: Mapping[str, Any], *, title: str, simulated: bool = False) -> Figure:
    """Return the fringes with their fits, and the residuals in standard deviations.

    Args:
        result: what `visibility` stores. An estimate is {value, sigma}, None where there is none.

            - `harmonic`: k of N(θ) = mean·(1 + V·cos k(θ - θ0)); 2 if missing.
            - `fringes`: a list, one per setting of the analyser that stands still, of {`name`
              such as "H" or "+45°", `angles_deg`: [n], `coincidences_hz`: [n estimates, raw],
              and of the fit to them `visibility`, `theta0_deg`, `mean_hz`: estimates, `chi2`,
              `ndf`}. With a fit to counts less accidentals, also `accidentals_hz`:
              [n estimates], which are added to the curve.
        title: experiment and run.
        simulated: whether to show the badge.
    """
    fringes: Fringes = result.get("fringes") or []
    harmonic = float(result.get("harmonic") or 2.0)
    with styled():
        figure = new_figure(title, simulated=simulated, height_px=680)
        grid = figure.add_gridspec(2, 1, height_ratios=[3, 1])
        main = figure.add_subplot(grid[0])
        below = figure.add_subplot(grid[1], sharex=main)
        for index, fringe in enumerate(fringes):
            _draw_fringe(main, below, fringe, harmonic, index)
        main.set_ylabel("coincidences (/s)")
        main.set_ylim(bottom=min(0.0, main.get_ylim()[0]) if not fringes else 0.0)
        main.tick_params(labelbottom=False)
        below.set_ylabel("residual (σ)")
        below.set_xlabel("analyser angle (°)")
        below.axhline(0, color=GREY, linewidth=0.8)
        below.set_ylim(*_even(below))
        if fringes:
            main.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        else:
            note_empty(main, "no fringes")
            note_empty(below, "")
    return figure


def _draw_fringe(
    main: Axes, below: Axes, fringe: Mapping[str, Any], harmonic: float, index: int
) -> None:
    color, marker = COLORS[index % len(COLORS)], _MARKERS[index % len(_MARKERS)]
    angles = np.asarray(fringe.get("angles_deg") or [], dtype=np.float64)
    rates, sigmas = columns(fringe.get("coincidences_hz") or [])
    label = f"{fringe.get('name', '')}: V = {spoken(fringe.get('visibility'))}{_quality(fringe)}"
    draw_points(main, angles, rates, yerr=sigmas, color=color, fmt=marker, label=label)
    model = _model(fringe, harmonic, angles)
    if not angles.size or not np.isfinite(model).all():
        return
    dark, _ = columns(fringe.get("accidentals_hz") or [None] * angles.size)
    dark = np.nan_to_num(dark)
    fine = np.linspace(angles.min(), angles.max(), _CURVE_POINTS)
    order = np.argsort(angles)
    curve = _model(fringe, harmonic, fine) + np.interp(fine, angles[order], dark[order])
    main.plot(fine, curve, color=color, alpha=0.7)
    known = sigmas > 0
    residuals = (rates - dark - model)[known] / sigmas[known]
    # Side by side, else the fringes of a pair of bases hide each other.
    shift = 0.25 * (index - 1.5)
    below.plot(angles[known] + shift, residuals, marker, color=color, markersize=5)


def _model(fringe: Mapping[str, Any], harmonic: float, angles_deg: Values) -> Values:
    """Return the fitted fringe; flat if it has no angle, nan if there was no fit."""
    mean, visibility, theta0 = (
        number(fringe.get(key))[0] for key in ("mean_hz", "visibility", "theta0_deg")
    )
    if np.isnan(theta0) or np.isnan(visibility):
        return np.full(angles_deg.shape, mean)
    waves: Values = np.cos(np.radians(harmonic * (angles_deg - theta0)))
    return mean * (1 + visibility * waves)


def _quality(fringe: Mapping[str, Any]) -> str:
    chi2, ndf = fringe.get("chi2"), fringe.get("ndf")
    return "" if chi2 is None or ndf is None else f" (χ² {chi2:.1f} / {ndf})"


def _even(axes: Axes) -> tuple[float, float]:
    """Return limits alike on both sides, at least ±3."""
    largest = max(3.0, *(abs(limit) for limit in axes.get_ylim()))
    return -largest, largest
