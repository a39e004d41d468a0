"""What all figures share: size, type, colours, the title line and the badge."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from labctl.figures.values import Values

__all__ = [
    "BLACK",
    "BLUE",
    "COLORS",
    "GREEN",
    "GREY",
    "LIGHT_BLUE",
    "ORANGE",
    "PURPLE",
    "VERMILLION",
    "draw_points",
    "few_ticks",
    "new_figure",
    "note_empty",
    "set_names",
    "styled",
]

# Okabe and Ito, "Color Universal Design" (2008): told apart by all kinds of colour vision.
BLACK = "#000000"
ORANGE = "#E69F00"
LIGHT_BLUE = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#666666"
#: Order for things of one kind; yellow is the badge's and too light for lines.
COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, LIGHT_BLUE)

_DPI = 100
_WIDTH_PX = 1000
_TITLE_CHARACTERS = 72
_NAME_CHARACTERS = 28

#: Any: the stubs of matplotlib list the keys of each release.
_STYLE: Any = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "errorbar.capsize": 3,
    # Long histograms overflow Agg's cell buffer as one path.
    "agg.path.chunksize": 20_000,
    # A $ in the name of a detector is a $.
    "text.parse_math": False,
    # Element names in SVG are random otherwise.
    "svg.hashsalt": "labctl",
}

#: matplotlib's settings belong to the process; one figure at a time changes them.
_SETTINGS = threading.RLock()


@contextmanager
def styled() -> Iterator[None]:
    """Draw in our style whatever the user's matplotlibrc says, and leave the settings as found."""
    with _SETTINGS, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(title: str, *, simulated: bool, height_px: int) -> Figure:
    """Return an empty figure with its title and, for simulated data, the badge."""
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure((_WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI, layout=layout)
    FigureCanvasAgg(figure)
    # A blank title keeps the badge's room.
    words = textwrap.fill(title, _TITLE_CHARACTERS) or " "
    figure.suptitle(words, x=0.012, ha="left", fontsize=14, fontweight="bold")
    if simulated:
        figure.text(
            0.988,
            1 - 10 / height_px,
            "SIMULATED",
            ha="right",
            va="top",
            fontsize=14,
            fontweight="bold",
            color=BLACK,
            bbox={"boxstyle": "square,pad=0.25", "facecolor": YELLOW, "edgecolor": BLACK},
        )
    return figure


def draw_points(
    axes: Axes,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    xerr: Values | None = None,
    yerr: Values | None = None,
    **style: Any,
) -> None:
    """Draw markers with uncertainty bars; one without a finite uncertainty is hollow."""
    style = {"fmt": "o", "elinewidth": 1.4, **style}
    sigma = xerr if xerr is not None else yerr
    known = np.ones(x.shape, dtype=np.bool_) if sigma is None else np.isfinite(sigma)
    x_bars = None if xerr is None else xerr[known]
    y_bars = None if yerr is None else yerr[known]
    axes.errorbar(x[known], y[known], xerr=x_bars, yerr=y_bars, **style)
    if not known.all():
        style.pop("label", None)
        axes.errorbar(x[~known], y[~known], **style, markerfacecolor="white")


def few_ticks(*, integer: bool = False) -> MaxNLocator:
    """Return ticks at about five round numbers."""
    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=integer)


def note_empty(axes: Axes, text: str) -> None:
    """Write into empty axes why they are, instead of numbers that mean nothing."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)
    axes.grid(visible=False)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)


def set_names(axes: Axes, names: Sequence[str]) -> None:
    """Write names along the vertical axis, the first on top."""
    short = [textwrap.shorten(name, _NAME_CHARACTERS, placeholder="…") for name in names]
    axes.set_yticks(range(len(names)), short)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(few_ticks())
