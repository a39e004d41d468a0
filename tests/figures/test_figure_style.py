"""What all figures share: names as they are, uncertainties, settings, and a light import."""

from __future__ import annotations

import math
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from labctl.figures import chsh_figure, counting_figure, render


def estimate(value: float, sigma: float) -> dict[str, float]:
    return {"value": value, "sigma": sigma}


def test_names_are_written_as_they_are() -> None:
    result = {"singles_hz": {"$a_b^c$": estimate(1, 1), "x" * 60: estimate(1, 1)}}
    figure = counting_figure(result, title="a $title$ " + "long " * 30)
    render(figure)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "$a_b^c$"


def test_an_unbounded_uncertainty_is_a_hollow_marker() -> None:
    result = {"singles_hz": {"a": estimate(2e4, 100), "b": estimate(1e4, math.inf)}}
    markers = [
        line
        for line in counting_figure(result, title="").axes[0].lines
        if line.get_marker() == "o" and np.asarray(line.get_xdata()).size
    ]
    assert [line.get_markerfacecolor() for line in markers] == ["#000000", "white"]


def test_the_users_settings_neither_show_nor_change(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = render(chsh_figure({}, title="chsh 1a2b3c"))
    monkeypatch.setitem(mpl.rcParams, "font.size", 40)
    monkeypatch.setitem(mpl.rcParams, "text.usetex", True)
    assert render(chsh_figure({}, title="chsh 1a2b3c")) == usual
    assert mpl.rcParams["font.size"] == 40
    assert mpl.rcParams["text.usetex"] is True


LIGHT = """
import sys
import labctl.figures
assert "matplotlib" not in sys.modules, "matplotlib came too early"
labctl.figures.render(labctl.figures.chsh_figure({}, title="empty"))
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules, "pyplot keeps global state"
assert "labctl.lab" not in sys.modules
"""


def test_matplotlib_is_imported_when_a_figure_is_drawn() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", LIGHT], check=True, timeout=60)
