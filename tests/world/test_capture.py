from __future__ import annotations

import math

import numpy as np
import pytest

from simulated_devices.world.capture import CoarseWindow, Tail

# Closed form erf(sqrt(ln 2)·t/FWHM): window over FWHM of the difference, part of the pairs inside.
CAPTURE_TABLE = [(0.25, 0.2315), (0.5, 0.4439), (1, 0.7610), (1.5, 0.9226), (2, 0.9815)]


def counting_probability(
    difference_ps: float, window_full_ps: int, resolution_ps: int, lag_ps: int
) -> float:
    """Average over the phase between light and clock, tag by tag."""
    phases = (np.arange(20_000) + 0.5) / 20_000 * resolution_ps
    a = np.floor(phases / resolution_ps) * resolution_ps
    b = np.floor((phases + difference_ps) / resolution_ps) * resolution_ps
    return float(np.mean(2 * np.abs(b - a - lag_ps) <= window_full_ps))


@pytest.mark.parametrize(("ratio", "expected"), [*CAPTURE_TABLE, (3, 0.9996)])
def test_a_fine_tagger_captures_the_published_part_of_a_gaussian(
    ratio: float, expected: float
) -> None:
    fwhm_ps = 1_000_000
    sigma_ps = fwhm_ps / (2 * math.sqrt(2 * math.log(2)))
    window = CoarseWindow(round(ratio * fwhm_ps), 1)
    assert window.capture(0.0, sigma_ps) == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize(
    ("window_full_ps", "resolution_ps", "lag_ps", "effective_ps"),
    [
        (4000, 2000, 0, 6000),  # three steps of 2 ns: 1.5 times the naive accidentals
        (6000, 2000, 0, 6000),
        (1000, 1, 0, 1001),
        (999, 1, 0, 999),
        (1999, 2000, 0, 2000),
        (1999, 2000, 1000, 0),
        (2000, 2000, 1000, 4000),
        (6000, 2000, -3000, 8000),
        (6000, 2000, 500, 6000),
    ],
)
def test_the_effective_width_counts_the_multiples_inside(
    window_full_ps: int, resolution_ps: int, lag_ps: int, effective_ps: int
) -> None:
    window = CoarseWindow(window_full_ps, resolution_ps, lag_ps)
    assert window.effective_ps == effective_ps
    assert window.overlap_ps(-1e9, 1e9) == pytest.approx(effective_ps)


@pytest.mark.parametrize("window_full_ps", [1500, 4000, 6000])
@pytest.mark.parametrize("lag_ps", [0, 700, -5000])
def test_capture_without_jitter_agrees_with_tag_by_tag_counting(
    window_full_ps: int, lag_ps: int
) -> None:
    window = CoarseWindow(window_full_ps, 2000, lag_ps)
    for difference_ps in np.linspace(-8000, 8000, 33) + 3.0:
        expected = counting_probability(difference_ps, window_full_ps, 2000, lag_ps)
        assert window.capture(difference_ps, 0.0) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("mean_ps", "sigma_ps"), [(0, 36), (900, 300), (3100, 1500), (-4000, 80)])
def test_jitter_averages_the_capture_over_a_gaussian(mean_ps: float, sigma_ps: float) -> None:
    window = CoarseWindow(6000, 2000)
    z = np.linspace(-8, 8, 4001)
    weights = np.exp(-z * z / 2)
    values = np.array([window.capture(mean_ps + sigma_ps * x, 0.0) for x in z])
    expected = float(np.sum(weights * values) / np.sum(weights))
    assert window.capture(mean_ps, sigma_ps) == pytest.approx(expected, abs=1e-6)


def test_part_of_the_width_is_the_integral_of_the_capture() -> None:
    window = CoarseWindow(6000, 2000, 700)
    x = np.linspace(-1500, 2500, 40_001)
    values = np.array([window.capture(value, 0.0) for value in x])
    expected = float(np.sum((values[1:] + values[:-1]) / 2) * (x[1] - x[0]))
    assert window.overlap_ps(-1500, 2500) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("window_full_ps", "resolution_ps"), [(0, 1), (100, 0), (-5, 1)])
def test_a_window_without_width_is_refused(window_full_ps: int, resolution_ps: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        CoarseWindow(window_full_ps, resolution_ps)


@pytest.mark.parametrize("sigma_ps", [0.0, 20.0, 300.0, 5000.0])
@pytest.mark.parametrize("shift_ps", [15.0, 400.0, 6000.0])
@pytest.mark.parametrize("mean_ps", [0.0, 900.0, -2500.0])
def test_a_tail_is_captured_as_the_integral_over_its_delays_says(
    sigma_ps: float, shift_ps: float, mean_ps: float
) -> None:
    window = CoarseWindow(3000, 500, 100)
    # Midpoints of equal parts of the exponential's probability, and its far end.
    parts = (np.arange(20_000) + 0.5) / 20_000
    delays_ps = -shift_ps * np.log1p(-parts)
    for sign in (1, -1):
        expected = 0.75 * window.capture(mean_ps, sigma_ps) + 0.25 * np.mean(
            [window.capture(mean_ps + sign * delay, sigma_ps) for delay in delays_ps.tolist()]
        )
        found = window.capture(mean_ps, sigma_ps, [Tail(0.25, sign * shift_ps)])
        assert found == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("mean_ps", [-2e6, 0.0, 2e6])
@pytest.mark.parametrize(("sigma_ps", "shift_ps"), [(1e6, 1e-3), (1e-3, 1e6), (1e3, 30.0)])
def test_extreme_tails_stay_between_nothing_and_everything(
    mean_ps: float, sigma_ps: float, shift_ps: float
) -> None:
    window = CoarseWindow(1000, 1)
    late = window.capture(mean_ps, sigma_ps, [Tail(1.0, shift_ps)])
    early = window.capture(-mean_ps, sigma_ps, [Tail(1.0, -shift_ps)])
    assert 0.0 <= late <= 1.0
    assert late == pytest.approx(early, abs=1e-9)


def test_a_vanishing_tail_changes_nothing() -> None:
    window = CoarseWindow(1000, 81)
    plain = window.capture(100.0, 200.0)
    assert window.capture(100.0, 200.0, [Tail(1.0, 0.0)]) == pytest.approx(plain)
    assert window.capture(100.0, 200.0, [Tail(1.0, 1e-6)]) == pytest.approx(plain, abs=1e-6)
