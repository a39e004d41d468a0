from __future__ import annotations

import numpy as np
import pytest

from labctl.figures import correlation_figure, render


@pytest.mark.parametrize("bins", [1, 17, 201, 5001])
def test_a_histogram_shows_every_bin_at_its_full_width(bins: int) -> None:
    lags = (np.arange(bins) - bins // 2) * 12_500
    counts = np.random.default_rng(1).poisson(45, bins)
    figure = correlation_figure(lags, counts, [(1, 2)], title="a file")
    render(figure)
    outline = np.asarray(figure.axes[0].lines[0].get_xydata())
    assert outline[:, 1].tolist() == np.repeat(counts, 2).tolist()
    if bins == 17:
        assert outline[0, 0] == pytest.approx(-106.25)
        assert outline[-1, 0] == pytest.approx(106.25)
        assert figure.axes[0].get_xlabel() == "lag, second minus first (ns)"
        assert figure.axes[0].get_ylabel() == "counts per 12.5 ns bin"
    assert figure.axes[0].get_title(loc="left") == "1-2"


def test_many_pairs_have_a_panel_each_and_counts_must_fit_them() -> None:
    names = [f"1-{b}" for b in range(2, 9)]
    figure = correlation_figure([-100, 0, 100], np.ones((7, 3)), names, title="")
    drawn = [axes.get_title(loc="left") for axes in figure.axes if axes.axison]
    assert drawn == names
    render(figure)
    render(correlation_figure([], np.empty((0, 0)), [], title=""))
    render(correlation_figure([], np.empty((1, 0)), ["1-2"], title=""))
    with pytest.raises(ValueError, match=r"counts has shape \(1, 3\); 1 pairs and 2 lags"):
        correlation_figure([0, 1], [[1, 2, 3]], ["1-2"], title="")
