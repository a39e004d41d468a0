from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis import bin_warning, effective_window_ps, window_warning


@given(st.integers(1, 500), st.integers(2, 60), st.integers(-300, 300))
def test_the_effective_window_counts_the_steps_inside(w: int, r: int, d: int) -> None:
    steps = sum(2 * abs(k * r - d) <= w for k in range(-1000, 1001))
    assert effective_window_ps(w, r, d) == steps * r


@pytest.mark.parametrize(
    ("window", "resolution", "difference", "effective"),
    [
        (4000, 2000, 0, 6000),  # three steps of 2 ns: 1.5 times the product's prediction
        (6000, 2000, 0, 6000),
        (4000, 2000, 1000, 4000),
        (1000, 2000, 1000, 0),
        (1000, 1, 7, 1000),
        (1000, None, 7, 1000),
    ],
)
def test_known_effective_windows(
    window: int, resolution: int | None, difference: int, effective: int
) -> None:
    assert effective_window_ps(window, resolution, difference) == effective


@given(st.integers(1, 400), st.integers(2, 50))
def test_only_windows_that_are_no_odd_multiple_warn(window: int, resolution: int) -> None:
    is_odd_multiple = window % resolution == 0 and window // resolution % 2 == 1
    assert (window_warning(window, resolution) is None) == is_odd_multiple


def test_the_warning_names_the_effect_and_the_remedy() -> None:
    text = window_warning(4000, 2000)
    assert text is not None
    assert "acts as 6000 ps; use 2000 or 6000 ps" in text
    text = window_warning(500, 2000)
    assert text is not None
    assert text.endswith("use 2000 ps.")
    assert window_warning(4000, None) is None
    assert window_warning(4001, 1) is None


def test_bins_that_are_no_multiple_warn() -> None:
    assert bin_warning(4000, 2000) is None
    assert bin_warning(100, None) is None
    text = bin_warning(3000, 2000)
    assert text is not None
    assert text.endswith("use 4000 ps.")


def test_widths_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ValueError, match="window_full_ps = 0 ps"):
        effective_window_ps(0, 2000)
    with pytest.raises(ValueError, match="resolution_ps = -5 ps"):
        effective_window_ps(100, -5)
    with pytest.raises(ValueError, match="bin_ps = 0 ps"):
        bin_warning(0, None)
