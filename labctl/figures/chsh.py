"""The figure of a CHSH run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labctl.analysis import CLASSICAL_BOUND, TSIRELSON_BOUND
from labctl.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    LIGHT_BLUE,
    ORANGE,
    VERMILLION,
    draw_points,
    few_ticks,
    new_figure,
    note_empty,
    styled,
)
from labctl.figures.values import columns, number, spoken, time_scale

__all__ = ["chsh_figure"]

_BOUNDS = ((TSIRELSON_BOUND, "2√2", "--"), (CLASSICAL_BOUND, "2", ":"))
#: Up to so many settings each has its angles written below.
_FEW = 6

Rows = Sequence[Mapping[str, Any]]


def chsh_figure(result: Mapping[str, Any], *, title: str, simulated: bool = False) -> Figure:
    """Return E of the four settings, S against window, and the peak position of every setting.

    Args:
        result: what `chsh` stores. An estimate is {value, sigma}, None where there is none;
            whatever is missing is left out of the figure.

            - `s`, `s_corrected`: estimates, raw and with accidentals subtracted.
            - `window_full_ps`: the window of `s`.
            - `correlations`: four of {`alice_deg`, `bob_deg` (analyser angles), `sign` (+1 or
              -1, with which it enters S), `e`, `e_corrected`}.
            - `windows`: {`window_full_ps`, `s`, `s_corrected`}, from the same data.
            - `settings`: all settings measured, 4 or 16, in the order of measurement:
              {`alice_deg`, `bob_deg`, `peak_ps`: estimate of the coincidence peak's position
              after the delays are subtracted}.
        title: experiment and run.
        simulated: whether to show the badge.
    """
    with styled():
        figure = new_figure(title, simulated=simulated, height_px=700)
        grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.25])
        _draw_correlations(figure.add_subplot(grid[:, 0]), result)
        _draw_windows(figure.add_subplot(grid[0, 1]), result)
        _draw_peaks(figure.add_subplot(grid[1, 1]), result.get("settings") or [])
    return figure


def _draw_correlations(axes: Axes, result: Mapping[str, Any]) -> None:
    rows: Rows = result.get("correlations") or []
    axes.set_title(
        f"S = {spoken(result.get('s'))} raw\n"
        f"S = {spoken(result.get('s_corrected'))} accidentals subtracted"
    )
    axes.set_ylabel("correlation value E")
    axes.set_xlabel("analyser angles, Alice over Bob")
    axes.set_ylim(-1.05, 1.05)
    if not rows:
        note_empty(axes, "no settings")
        return
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(rows)), [_angles(row) for row in rows])
    places = np.arange(len(rows), dtype=np.float64)
    raw, raw_sigma = columns(row.get("e") for row in rows)
    corrected, corrected_sigma = columns(row.get("e_corrected") for row in rows)
    axes.bar(places, np.nan_to_num(raw), width=0.62, color=LIGHT_BLUE, label="raw")
    draw_points(axes, places - 0.1, raw, yerr=raw_sigma, color=BLACK, markersize=3)
    draw_points(
        axes,
        places + 0.1,
        corrected,
        yerr=corrected_sigma,
        color=VERMILLION,
        markersize=4,
        label="accidentals subtracted",
    )
    # For S < 0 (singlet) all correlations change sign.
    sense = -1.0 if number(result.get("s"))[0] < 0 else 1.0
    signs = sense * np.array([float(row.get("sign", 1)) for row in rows])
    for bound, text, style in _BOUNDS:
        axes.hlines(
            signs * bound / 4,
            places - 0.42,
            places + 0.42,
            color=BLACK,
            linestyle=style,
            linewidth=1.6,
            label=f"for |S| = {text}",
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), borderaxespad=0, ncols=2)


def _draw_windows(axes: Axes, result: Mapping[str, Any]) -> None:
    rows: Rows = result.get("windows") or []
    axes.set_title("S against coincidence window")
    axes.set_ylabel("|S|")
    widths = np.array([float(row["window_full_ps"]) for row in rows])
    chosen = float(result.get("window_full_ps") or 0)
    scale, unit = time_scale(max([chosen, *widths.tolist()]))
    axes.set_xlabel(f"full window ({unit})")
    if not rows:
        note_empty(axes, "no windows")
        return
    for bound, text, style in _BOUNDS:
        axes.axhline(bound, color=BLACK, linestyle=style)
        axes.annotate(
            text,
            (1.0, bound),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    highest = TSIRELSON_BOUND
    for key, label, color, marker in (
        ("s", "raw", BLUE, "o"),
        ("s_corrected", "accidentals subtracted", VERMILLION, "s"),
    ):
        values, sigmas = columns(row.get(key) for row in rows)
        draw_points(
            axes,
            widths / scale,
            np.abs(values),
            yerr=sigmas,
            color=color,
            fmt=marker,
            markersize=4,
            label=label,
        )
        highest = max([highest, *np.abs(values[np.isfinite(values)]).tolist()])
    axes.set_ylim(top=highest + 0.12)
    if chosen:
        axes.axvline(chosen / scale, color=GREEN, linewidth=5, alpha=0.3, label="chosen")
    axes.set_xlim(left=0)
    axes.legend(loc="best")


def _draw_peaks(axes: Axes, rows: Rows) -> None:
    values, sigmas = columns(row.get("peak_ps") for row in rows)
    finite = np.abs(values[np.isfinite(values)])
    scale, unit = time_scale(float(finite.max()) if finite.size else 0.0)
    axes.set_title("Coincidence peak of every setting")
    axes.set_ylabel(f"peak position ({unit})")
    places = np.arange(1, len(rows) + 1)
    if not finite.size:
        note_empty(axes, "no peaks")
    else:
        weights = 1 / np.maximum(sigmas[np.isfinite(values)], 1e-9) ** 2
        mean = float(np.average(values[np.isfinite(values)], weights=weights)) / scale
        axes.axhline(mean, color=ORANGE, label="weighted mean")
        draw_points(axes, places, values / scale, yerr=sigmas / scale, color=BLUE)
        axes.legend(loc="best")
    if len(rows) <= _FEW:
        axes.set_xticks(places, [_angles(row) for row in rows])
        axes.set_xlabel("analyser angles, Alice over Bob")
    else:
        axes.set_xlabel("setting, in the order of measurement")
        axes.xaxis.set_major_locator(few_ticks(integer=True))


def _angles(row: Mapping[str, Any]) -> str:
    return f"{float(row['alice_deg']):g}°\n{float(row['bob_deg']):g}°"
