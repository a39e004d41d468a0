"""Figures: what is written on them, their size, and that poor data draw without a warning."""

from __future__ import annotations

import math
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from labctl.figures import (
    chsh_figure,
    counting_figure,
    delays_figure,
    render,
    render_svg,
    visibility_figure,
)

Draw = Callable[..., Figure]
Result = dict[str, Any]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
UNKNOWN = {"value": None, "sigma": None}
PAIRS = ("alice_h-bob_h", "alice_h-bob_v")


def estimate(value: float, sigma: float) -> dict[str, float]:
    return {"value": value, "sigma": sigma}


def counting(rate: float = 12_000.0) -> Result:
    keys = ("coincidences_hz", "accidentals_hz", "accidentals_delayed_hz")
    number = estimate(rate, math.sqrt(rate or 1))
    pair = dict.fromkeys(keys, number) | {"car": estimate(800, 5) if rate else UNKNOWN}
    pair |= {"heralding_a": estimate(0.25, 0.01), "heralding_b": UNKNOWN}
    return {
        "window_full_ps": 6000,
        "singles_hz": dict.fromkeys(("alice_h", "bob_h", "bob_v"), number),
        "pairs": [{"pair": name, **pair} for name in PAIRS],
    }


def chsh(sign: float = 1.0) -> Result:
    angles = ((0, 22.5, 1), (0, 67.5, -1), (45, 22.5, 1), (45, 67.5, 1))
    e = estimate(0.67 * sign, 0.0074)
    minus = estimate(-0.67 * sign, 0.0074)
    s = estimate(2.6864 * sign, 0.0148)
    rows = [{"alice_deg": a, "bob_deg": b, "sign": k} for a, b, k in angles]
    return {
        "s": s,
        "s_corrected": s,
        "window_full_ps": 6000,
        "correlations": [
            row | dict.fromkeys(("e", "e_corrected"), e if row["sign"] > 0 else minus)
            for row in rows
        ],
        "windows": [{"window_full_ps": w, "s": s, "s_corrected": s} for w in (2000, 6000, 10_000)],
        "settings": [row | {"peak_ps": estimate(3, 5)} for row in rows],
    }


def visibility() -> Result:
    angles = list(range(0, 180, 15))
    rates = [1000 * (1 + 0.95 * math.cos(math.radians(2 * angle))) for angle in angles]
    fit = {
        "visibility": estimate(0.95, 0.004),
        "theta0_deg": estimate(0, 0.1),
        "mean_hz": estimate(1000, 9),
        "chi2": 9.1,
        "ndf": 9,
    }
    points = [estimate(rate, math.sqrt(max(rate, 1))) for rate in rates]
    return {"fringes": [{"name": "H", "angles_deg": angles, "coincidences_hz": points} | fit]}


def delays() -> Result:
    lags = np.arange(-500, 501) * 2000
    counts = np.where(lags == 4000, 900, 1).tolist()
    found = {
        "is_found": True,
        "position_ps": estimate(4000, 7),
        "fwhm_ps": estimate(900, 30),
        "background": estimate(1, 0.03),
        "significance": 80.0,
    }
    lost = {"is_found": False, "position_ps": UNKNOWN, "fwhm_ps": UNKNOWN, "significance": 1.2}
    return {
        "lags_ps": lags.tolist(),
        "pairs": [
            {"pair": PAIRS[0], "counts": counts} | found,
            {"pair": PAIRS[1], "counts": [0] * lags.size} | lost,
        ],
        "reference": "alice_h",
        "delays_ps": {"alice_h": estimate(0, 0), "bob_h": estimate(4000, 7), "bob_v": UNKNOWN},
        "chi2": 0.2,
        "ndf": 1,
    }


FIGURES: list[tuple[Draw, Result]] = [
    (counting_figure, counting()),
    (chsh_figure, chsh()),
    (visibility_figure, visibility()),
    (delays_figure, delays()),
]
POOR: list[tuple[Draw, Result]] = [
    (counting_figure, counting(0.0)),
    (counting_figure, {"singles_hz": {}, "pairs": []}),
    (chsh_figure, chsh() | {"s": UNKNOWN, "settings": [], "windows": []}),
    (
        chsh_figure,
        {
            "correlations": [
                {"alice_deg": 0, "bob_deg": 0, "sign": 1, "e": UNKNOWN, "e_corrected": UNKNOWN}
            ],
            "settings": [{"alice_deg": 0, "bob_deg": 0, "peak_ps": UNKNOWN}] * 16,
            "windows": [{"window_full_ps": 2000, "s": UNKNOWN, "s_corrected": UNKNOWN}],
        },
    ),
    (
        visibility_figure,
        {
            "fringes": [
                {
                    "name": "H",
                    "angles_deg": [0, 45, 90],
                    "coincidences_hz": [estimate(0, 1)] * 3,
                    "visibility": UNKNOWN,
                    "theta0_deg": UNKNOWN,
                    "mean_hz": estimate(0, 0.5),
                }
            ]
        },
    ),
    (delays_figure, {"lags_ps": [0], "pairs": [{"pair": "1-2", "counts": [0]}]}),
    *((draw, {}) for draw, _ in FIGURES),
]


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(PNG_SIGNATURE)
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def axes_of(figure: Figure) -> list[Axes]:
    return [*figure.axes, *(axes for part in figure.subfigs for axes in part.axes)]


def labels_of(figure: Figure) -> set[str]:
    return {label for axes in axes_of(figure) for label in (axes.get_xlabel(), axes.get_ylabel())}


def words_of(figure: Figure) -> str:
    """Return everything written above the axes, in them and over them all."""
    titles = [axes.get_title(loc="left") for axes in axes_of(figure)]
    inside = [text.get_text() for axes in axes_of(figure) for text in axes.texts]
    return "\n".join(
        [figure.get_suptitle(), *titles, *inside, *(t.get_text() for t in figure.texts)]
    )


@pytest.mark.parametrize(("draw", "result"), FIGURES)
def test_a_figure_is_1000_pixels_wide_and_the_same_each_time(draw: Draw, result: Result) -> None:
    first = render(draw(result, title="run 1a2b3c", simulated=True))
    width, height = size_of(first)
    assert width == 1000
    assert 400 <= height <= 1200
    assert first == render(draw(result, title="run 1a2b3c", simulated=True))


@pytest.mark.parametrize(("draw", "result"), FIGURES)
def test_svg_is_well_formed_and_the_same_each_time(draw: Draw, result: Result) -> None:
    first = render_svg(draw(result, title="run 1a2b3c"))
    assert ET.fromstring(first).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert first == render_svg(draw(result, title="run 1a2b3c"))


@pytest.mark.parametrize(("draw", "result"), POOR)
def test_empty_and_zero_data_are_drawn_without_a_warning(draw: Draw, result: Result) -> None:
    assert size_of(render(draw(result, title="", simulated=True)))[0] == 1000


@pytest.mark.parametrize(("draw", "result"), [*FIGURES, *POOR])
def test_title_and_badge_are_on_every_figure(draw: Draw, result: Result) -> None:
    simulated = draw(result, title="counting 1a2b3c", simulated=True)
    assert simulated.get_suptitle() == "counting 1a2b3c"
    badge = next(text for text in simulated.texts if text.get_text() == "SIMULATED")
    patch = badge.get_bbox_patch()
    assert patch is not None
    assert mpl.colors.to_hex(patch.get_facecolor()) == "#f0e442"
    real = draw(result, title="counting 1a2b3c", simulated=False)
    assert "SIMULATED" not in words_of(real)


@pytest.mark.parametrize(
    ("draw", "result", "labels"),
    [
        (counting_figure, counting(), {"rate (10³/s)", "rate (/s)", "less accidentals (%)"}),
        (chsh_figure, chsh(), {"correlation value E", "full window (ns)", "peak position (ps)"}),
        (
            visibility_figure,
            visibility(),
            {"coincidences (/s)", "analyser angle (°)", "residual (σ)"},
        ),
        (
            delays_figure,
            delays(),
            {"counts per 2 ns bin", "lag, second minus first (ns)", "delay (ps)"},
        ),
    ],
)
def test_axes_carry_their_units(draw: Draw, result: Result, labels: set[str]) -> None:
    assert labels <= labels_of(draw(result, title=""))


def test_numbers_are_written_with_their_uncertainties() -> None:
    assert "S = 2.686 ± 0.015 raw" in words_of(chsh_figure(chsh(), title=""))
    told = words_of(delays_figure(delays(), title=""))
    assert "alice_h-bob_h: 4\u202f000.0 ± 7.0 ps" in told
    assert "alice_h-bob_v: no peak (1.2 σ)" in told
    assert "not found" in told
    legend = visibility_figure(visibility(), title="").axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "H: V = 0.9500 ± 0.0040 (χ² 9.1 / 9)"
    ]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_bounds_stand_on_the_side_of_the_state(sign: float) -> None:
    """A quarter of 2√2 and of 2, with the sign of each setting; all reversed for S < 0."""
    axes = chsh_figure(chsh(sign), title="").axes[0]
    drawn = {
        str(lines.get_label()): [float(s[0][1]) for s in lines.get_segments()]
        for lines in axes.collections
        if isinstance(lines, LineCollection)
    }
    signs = [sign, -sign, sign, sign]
    assert drawn["for |S| = 2√2"] == pytest.approx([math.sqrt(0.5) * s for s in signs])
    assert drawn["for |S| = 2"] == pytest.approx([0.5 * s for s in signs])


def test_s_is_drawn_between_its_bounds() -> None:
    lines = chsh_figure(chsh(-1), title="").axes[1].lines
    levels = {round(float(np.asarray(line.get_ydata())[0]), 4) for line in lines}
    assert {2.0, 2.6864, 2.8284} <= levels
