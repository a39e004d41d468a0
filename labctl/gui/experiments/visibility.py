"""The panel of `visibility`: the fringes of each basis with their fits, and V."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from labctl.analysis import Estimate, Fringe, fit_fringe, poisson_sigma
from labctl.gui.experiments.base import Cells, ExperimentPanel
from labctl.gui.experiments.drawing import (
    Points,
    big,
    clear_keeping_names,
    column,
    dress,
    faint,
    headline,
    new_plot,
    show_warnings,
    spoken,
    warning_line,
    with_room,
)
from labctl.gui.theme import Theme

__all__ = ["VisibilityPanel", "fringes_of", "mean_visibility"]

_BASES: Final = ("HV", "DA")
_OTHERS: Final = ("number", "total", "basis", "angle_deg", "live_s")
#: Three parameters and one point to judge them by.
_FEWEST: Final = 4
_CURVE_POINTS: Final = 181


@dataclass(frozen=True, slots=True)
class _Fringe:
    """The counts of one pair of detectors over the angle, and their fit where there is one."""

    pair: str
    angles_deg: NDArray[np.float64]
    rates_hz: NDArray[np.float64]
    sigmas_hz: NDArray[np.float64]
    fit: Fringe | None


class VisibilityPanel(ExperimentPanel):
    """One plot per basis: points, fitted curves, V as the weighted mean over the pairs."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("visibility")
        self.warnings = warning_line(self)
        self._series: dict[str, dict[str, Points]] = {basis: {} for basis in _BASES}
        self._fringes: dict[str, list[_Fringe]] = {}
        self._fitted = -1
        self._plots: dict[str, Any] = {}
        plots = QHBoxLayout()
        for basis in _BASES:
            plot = new_plot(f"fringes in {basis}", "analyzer angle (°)", "coincidences (/s)")
            plot.addLegend(offset=(-8, 4), labelTextSize="8pt", colCount=2)
            plot.setTitle(f"{basis} basis")
            plot.setXRange(0, 180, padding=0.02)
            self._plots[basis] = plot
            plots.addWidget(plot, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.warnings)
        layout.addLayout(plots, 1)
        self.dress()
        self.draw()

    def take_points(self, rows: Sequence[Mapping[str, Any]], is_new_run: bool) -> None:  # noqa: FBT001
        """Fit anew: only points change the fringes."""
        self._fitted = -1
        super().take_points(rows, is_new_run)

    def draw(self) -> None:
        """Show the fringes of what there is."""
        if self._fitted != len(self.rows):
            self._fringes = {basis: fringes_of(self.rows, basis) for basis in _BASES}
            self._fitted = len(self.rows)
        for basis, plot in self._plots.items():
            self._draw_basis(basis, plot)
        self.headline.setText(self._headline())
        show_warnings(self.warnings, self.result, self.theme)

    def draw_now(self) -> None:
        """Between points nothing of a fringe is known."""

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        for basis, plot in self._plots.items():
            dress(plot, self.theme)
            plot.setTitle(f"{basis} basis", color=self.theme.colors.text)

    def table(self) -> tuple[list[str], Cells]:
        """Return the rate of every pair at every angle."""
        rows: Cells = [
            [basis, one.pair, float(angle), float(rate), float(sigma)]
            for basis in _BASES
            for one in self._fringes.get(basis, [])
            for angle, rate, sigma in zip(one.angles_deg, one.rates_hz, one.sigmas_hz, strict=True)
        ]
        return ["basis", "pair", "angle_deg", "coincidences_hz", "sigma_hz"], rows

    def _draw_basis(self, basis: str, plot: Any) -> None:
        fringes, series = self._fringes[basis], self._series[basis]
        if clear_keeping_names(series, [one.pair for one in fringes]):
            for number, one in enumerate(fringes):
                series[one.pair] = Points(plot, one.pair, number)
        with_room(plot, [one.rates_hz + one.sigmas_hz for one in fringes], from_zero=True)
        angles = np.linspace(0, 180, _CURVE_POINTS)
        for one in fringes:
            points = series[one.pair]
            points.show(self.theme, one.angles_deg, one.rates_hz, one.sigmas_hz)
            if one.fit is None:
                points.show_curve(self.theme, [], [])
            else:
                points.show_curve(self.theme, angles, one.fit.expected(angles))

    def _headline(self) -> str:
        theme = self.theme
        parts = []
        for basis in _BASES:
            found = _of_basis(self.result, basis)
            if found is not None:
                raw = spoken(found.get("visibility"))
                more = f"corrected {spoken(found.get('visibility_corrected'))}"
            else:
                v = mean_visibility(self._fringes[basis])
                raw = "–" if v is None else spoken({"value": v.value, "sigma": v.sigma})
                taken = len(self._fringes[basis][0].angles_deg) if self._fringes[basis] else 0
                more = f"{taken} angles"
            parts.append(f"{big(f'V({basis}) = {raw}', theme)} {faint(more, theme)}")
        return " &nbsp; &nbsp; ".join(parts)


def fringes_of(rows: Sequence[Mapping[str, Any]], basis: str) -> list[_Fringe]:
    """Return the fringe of every pair in one basis, fitted where there are angles enough."""
    here = [row for row in rows if row.get("basis") == basis]
    if not here:
        return []
    angles, live_s = column(here, "angle_deg"), column(here, "live_s")
    found = []
    for pair in [name for name in here[0] if name not in _OTHERS]:
        counts = column(here, pair)
        sigmas = poisson_sigma(counts.astype(np.int64))
        fit = _fit(angles, counts, live_s)
        found.append(_Fringe(pair, angles, counts / live_s, sigmas / live_s, fit))
    return found


def mean_visibility(fringes: Sequence[_Fringe]) -> Estimate | None:
    """Return the mean of the fitted visibilities weighted by 1/σ²; None without a fit."""
    fits = [one.fit.visibility for one in fringes if one.fit is not None]
    known = [v for v in fits if math.isfinite(v.value) and v.sigma > 0]
    if not known:
        return None
    weights = [v.sigma**-2 for v in known]
    value = sum(w * v.value for w, v in zip(weights, known, strict=True)) / sum(weights)
    return Estimate(value, sum(weights) ** -0.5)


def _fit(
    angles: NDArray[np.float64], counts: NDArray[np.float64], live_s: NDArray[np.float64]
) -> Fringe | None:
    if len(angles) < _FEWEST or not counts.any():
        return None
    try:
        return fit_fringe(angles, counts, live_s=live_s)
    except ValueError:
        # These angles do not determine a fringe yet.
        return None


def _of_basis(result: Mapping[str, Any] | None, basis: str) -> Mapping[str, Any] | None:
    for found in (result or {}).get("bases") or []:
        if found["basis"] == basis:
            return dict(found)
    return None
