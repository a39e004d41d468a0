from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world.detector import (
    COMMON_PATH_PS,
    FWHM_PER_SIGMA,
    JITTER_LIMIT_SIGMA,
    MAX_AFTERPULSE_PROBABILITY,
    MAX_DARK_RATE_HZ,
    Detector,
)
from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.drive import Drive
from simulated_devices.world.kernels import ALWAYS_LIVE_PS, register, register_paralyzable
from simulated_devices.world.slices import SLICE_PS, Times

SECOND_SLICES = 100


def make_detector(seed: int = 0, **parameters: float | str) -> Detector:
    ideal: dict[str, float | str] = {
        "efficiency": 1.0,
        "dark_rate_hz": 0.0,
        "jitter_fwhm_ps": 0.0,
        "dead_time_ns": 0.0,
        "delay_ps": 0,
    }
    table = DetectorParameters.model_validate(ideal | parameters)
    return Detector("apd", table, seed)


def run(detector: Detector, slices: int) -> Times:
    return np.concatenate(
        [detector.clicks(k * SLICE_PS, (k + 1) * SLICE_PS) for k in range(slices)]
    )


@pytest.mark.parametrize("seed", range(3))
def test_darks_are_poissonian_at_their_rate(seed: int) -> None:
    clicks = run(make_detector(seed, dark_rate_hz=1e5), SECOND_SLICES)
    assert abs(clicks.size - 1e5) < 5 * math.sqrt(1e5)


@pytest.mark.parametrize("seed", range(3))
def test_dead_time_saturates_the_rate_as_a_non_paralyzable_counter(seed: int) -> None:
    clicks = run(make_detector(seed, dark_rate_hz=5e6, dead_time_ns=100.0), SECOND_SLICES)
    # n/(1 + n tau) = 3333333; renewal counting variance N/(1 + n tau)^2.
    expected = 3_333_333
    assert abs(clicks.size - expected) < 5 * math.sqrt(expected / 1.5**2)
    assert np.diff(clicks).min() >= 100_000


@pytest.mark.parametrize("seed", range(3))
def test_a_paralyzable_detector_falls_behind_a_non_paralyzable_one(seed: int) -> None:
    detector = make_detector(
        seed, dark_rate_hz=5e6, dead_time_ns=100.0, dead_time_model="paralyzable"
    )
    clicks = run(detector, SECOND_SLICES)
    # n exp(-n tau) = 3032653. Clicks more than tau apart are independent and there are none
    # closer, so the variance is N (1 - 2 tau n exp(-n tau)).
    expected = 3_032_653
    assert abs(clicks.size - expected) < 5 * math.sqrt(expected * (1 - 2 * 1e-7 * expected))
    assert np.diff(clicks).min() >= 100_000


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rate_hz", "recovery_ns"), [(5e6, 100.0), (3e7, 20.0), (1e6, 2000.0)])
def test_the_efficiency_recovers_gradually(seed: int, rate_hz: float, recovery_ns: float) -> None:
    dead_s, recovery_s = 20e-9, recovery_ns * 1e-9
    detector = make_detector(seed, dark_rate_hz=rate_hz, dead_time_ns=20.0, recovery_ns=recovery_ns)
    intervals_s = np.diff(run(detector, 20)) * 1e-12
    # Renewal theory: at x after the dead time the next click comes at the rate
    # n (1 - exp(-x/R)); S(x) is the probability that it has not come.
    x = np.linspace(0.0, 40.0 * (1 / rate_hz + recovery_s), 400_001)
    survival = np.exp(-rate_hz * (x + recovery_s * np.expm1(-x / recovery_s)))
    mean_s = dead_s + np.trapezoid(survival, x)
    variance_s2 = 2 * np.trapezoid(x * survival, x) - (mean_s - dead_s) ** 2
    count = intervals_s.size
    assert abs(intervals_s.mean() - mean_s) < 5 * math.sqrt(variance_s2 / count)
    for quantile in (0.9, 0.5, 0.1):
        at = float(np.interp(-quantile, -survival, x))
        later = np.count_nonzero(intervals_s > dead_s + at)
        assert abs(later - quantile * count) < 5 * math.sqrt(quantile * (1 - quantile) * count)


def test_a_detector_that_has_never_clicked_has_recovered() -> None:
    detector = make_detector(recovery_ns=1e6)
    detector.absorb(np.array([0]))
    assert detector.clicks(0, SLICE_PS).tolist() == [COMMON_PATH_PS]


def test_recovery_and_a_paralyzable_dead_time_exclude_each_other() -> None:
    detector = make_detector(recovery_ns=10.0)
    with pytest.raises(LimitError, match="recovery_ns = 10 goes with"):
        detector.change(dead_time_model="paralyzable")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("probability", [0.02, 0.3])
# Traps of 1 ms carry a tenth of the afterpulses into the next slice.
@pytest.mark.parametrize("decay_ns", [50.0, 1e6])
def test_afterpulses_cascade(seed: int, probability: float, decay_ns: float) -> None:
    detector = make_detector(
        seed,
        dark_rate_hz=1e6,
        afterpulse_probability=probability,
        afterpulse_decay_ns=decay_ns,
    )
    clicks = run(detector, SECOND_SLICES)
    # Clusters of geometric size G: mean r E[G] = r/(1-p), variance r E[G^2] = r(1+p)/(1-p)^2.
    expected = 1e6 / (1 - probability)
    sigma = math.sqrt(1e6 * (1 + probability)) / (1 - probability)
    assert abs(clicks.size - expected) < 5 * sigma


@pytest.mark.parametrize("dead_time_ns", [0.0, 50.0, 1e6])
@pytest.mark.parametrize("model", ["nonparalyzable", "paralyzable"])
def test_slice_boundaries_leave_no_trace(dead_time_ns: float, model: str) -> None:
    detector = make_detector(dead_time_ns=dead_time_ns, dead_time_model=model)
    rng = np.random.default_rng(5)
    light, clicks = [], []
    for k in range(20):
        start_ps = k * SLICE_PS
        created = rng.integers(start_ps, start_ps + SLICE_PS, 3000)
        # Up to three slices on the way, and bunches at the very boundary.
        arrivals = created + rng.integers(0, 3 * SLICE_PS, created.size)
        edge = start_ps + SLICE_PS - COMMON_PATH_PS + rng.integers(-100_000, 100_000, 20)
        light += [arrivals, edge]
        detector.absorb(arrivals)
        detector.absorb(edge)
        clicks.append(detector.clicks(start_ps, start_ps + SLICE_PS))
        assert np.all((clicks[-1] >= start_ps) & (clicks[-1] < start_ps + SLICE_PS))
    candidates = np.sort(np.concatenate(light)) + COMMON_PATH_PS
    due = candidates[candidates < 20 * SLICE_PS]
    loop = register_paralyzable if model == "paralyzable" else register
    expected, _live = loop(due, ALWAYS_LIVE_PS, round(dead_time_ns * 1000))
    assert np.array_equal(np.concatenate(clicks), expected)


def test_the_dead_time_of_the_last_click_reaches_into_the_next_slice() -> None:
    detector = make_detector(dead_time_ns=50.0)
    last = SLICE_PS - 10_000
    detector.absorb(np.array([last, last + 49_999, last + 50_000]) - COMMON_PATH_PS)
    assert detector.clicks(0, SLICE_PS).tolist() == [last]
    assert detector.clicks(SLICE_PS, 2 * SLICE_PS).tolist() == [last + 50_000]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fwhm_ps", [60.0, 20_000.0])
def test_jitter_is_gaussian_with_its_fwhm(seed: int, fwhm_ps: float) -> None:
    detector = make_detector(seed, jitter_fwhm_ps=fwhm_ps)
    arrivals = np.arange(9_000, dtype=np.int64) * 1_000_000
    detector.absorb_paired(arrivals)
    jitter = detector.clicks(0, SLICE_PS) - arrivals - COMMON_PATH_PS
    sigma_ps = fwhm_ps / (2 * math.sqrt(2 * math.log(2)))
    count = arrivals.size
    assert abs(jitter.mean()) < 5 * sigma_ps / math.sqrt(count)
    # Whole picoseconds add 1/12 ps^2 to the variance.
    assert abs(jitter.var() / (sigma_ps**2 + 1 / 12) - 1) < 5 * math.sqrt(2 / count)
    inside = np.count_nonzero(np.abs(jitter) <= fwhm_ps / 2)
    # Half a picosecond of rounding widens the interval by 1 ps.
    probability = math.erf((fwhm_ps + 1) / (2 * math.sqrt(2) * sigma_ps))
    assert abs(inside - count * probability) < 5 * math.sqrt(
        count * probability * (1 - probability)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("fraction", "tail_ps"), [(0.1, 500.0), (0.5, 30_000.0), (1.0, 200.0)])
def test_late_photons_add_an_exponential_tail(seed: int, fraction: float, tail_ps: float) -> None:
    fwhm_ps = 300.0
    detector = make_detector(
        seed, jitter_fwhm_ps=fwhm_ps, jitter_tail_fraction=fraction, jitter_tail_ps=tail_ps
    )
    arrivals = np.arange(9_000, dtype=np.int64) * 1_000_000
    detector.absorb_paired(arrivals)
    jitter = (detector.clicks(0, SLICE_PS) - arrivals - COMMON_PATH_PS).astype(np.float64)
    # Moments of g + l: g Gaussian, l zero or exponential. <l^k> = fraction k! tail^k. Whole
    # picoseconds, rounded twice, add 1/6 ps^2.
    g2 = (fwhm_ps / FWHM_PER_SIGMA) ** 2 + 1 / 6
    l1, l2, l3, l4 = (fraction * math.factorial(k) * tail_ps**k for k in (1, 2, 3, 4))
    mean, second, third = l1, g2 + l2, 3 * g2 * l1 + l3
    fourth = 3 * g2**2 + 6 * g2 * l2 + l4
    variance = second - mean**2
    central = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    count = arrivals.size
    assert abs(jitter.mean() - mean) < 5 * math.sqrt(variance / count)
    assert abs(jitter.var() - variance) < 5 * math.sqrt((central - variance**2) / count)
    # Beyond what a Gaussian reaches, the exponential is alone: exp(s^2/2T^2 - x/T).
    far = 6 * math.sqrt(g2)
    expected = count * fraction * math.exp(g2 / (2 * tail_ps**2) - far / tail_ps)
    assert abs(np.count_nonzero(jitter > far) - expected) < 5 * math.sqrt(expected) + 1


def test_a_tail_leaves_the_other_randomness_alone() -> None:
    plain = make_detector(4, jitter_fwhm_ps=100.0, dark_rate_hz=1e5, afterpulse_probability=0.1)
    tailed = make_detector(
        4,
        jitter_fwhm_ps=100.0,
        dark_rate_hz=1e5,
        afterpulse_probability=0.1,
        jitter_tail_fraction=1e-9,
    )
    arrivals = np.arange(9_000, dtype=np.int64) * 1_000_000
    for detector in (plain, tailed):
        detector.absorb_paired(arrivals)
    assert np.array_equal(run(plain, 2), run(tailed, 2))


def test_the_drive_scales_darks_efficiency_and_afterpulses() -> None:
    detector = make_detector(dark_rate_hz=1e6, efficiency=0.4, afterpulse_probability=0.1)
    detector.drive = Drive(2.0, 3.0, 5.0)
    driven = (detector.efficiency, detector.dark_rate_hz, detector.afterpulse_probability)
    assert driven == pytest.approx((0.8, 3e6, 0.5))
    clicks = run(detector, 10).size
    # As for the cascade: clusters of mean 1/(1-p), second moment (1+p)/(1-p)^2.
    assert abs(clicks - 6e5) < 5 * math.sqrt(3e5 * 1.5) / 0.5
    detector.drive = Drive(1e9, 1e9, 1e9)
    limits = (1.0, MAX_DARK_RATE_HZ, MAX_AFTERPULSE_PROBABILITY)
    assert (
        detector.efficiency,
        detector.dark_rate_hz,
        detector.afterpulse_probability,
    ) == limits


def test_a_detector_that_is_off_misses_the_light_and_the_traps_of_before() -> None:
    detector = make_detector(afterpulse_probability=0.9, afterpulse_decay_ns=1e6)
    in_flight = np.arange(1000) * 1000 + SLICE_PS // 2
    detector.absorb(in_flight)
    assert detector.clicks(0, SLICE_PS).size >= 1000
    detector.absorb(in_flight + SLICE_PS)
    detector.absorb(in_flight[:10] + 2 * SLICE_PS)
    detector.drive = Drive(0.0, 0.0)
    assert detector.clicks(SLICE_PS, 2 * SLICE_PS).size == 0
    # Traps of a millisecond are empty, but for exp(-10), when the bias is back; the light is not.
    detector.change(afterpulse_probability=0.0)
    detector.drive = Drive()
    assert 10 <= detector.clicks(2 * SLICE_PS, 3 * SLICE_PS).size <= 12


def test_no_jitter_can_precede_the_creation_of_the_light() -> None:
    limits = DetectorParameters.model_fields["jitter_fwhm_ps"].metadata
    largest = max(getattr(limit, "le", 0.0) for limit in limits)
    assert JITTER_LIMIT_SIGMA * largest / FWHM_PER_SIGMA < COMMON_PATH_PS


def test_the_cable_delays_every_click_of_light() -> None:
    detector = make_detector(delay_ps=7_000)
    detector.absorb(np.array([1_000_000]))
    detector.absorb_paired(np.array([2_000_000]))
    expected = [1_007_000 + COMMON_PATH_PS, 2_007_000 + COMMON_PATH_PS]
    assert detector.clicks(0, SLICE_PS).tolist() == expected


def test_parameters_change_with_the_next_slice() -> None:
    detector = make_detector(dark_rate_hz=0.0)
    assert detector.clicks(0, SLICE_PS).size == 0
    detector.change(dark_rate_hz=1e6)
    assert abs(detector.clicks(SLICE_PS, 2 * SLICE_PS).size - 1e4) < 500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"efficiency": 1.5}, "efficiency"),
        ({"dark_rate": 5.0}, 'did you mean "dark_rate_hz"'),
    ],
)
def test_an_impossible_change_is_refused(changes: dict[str, float], message: str) -> None:
    detector = make_detector()
    before = detector.parameters
    with pytest.raises(LimitError, match=message):
        detector.change(**changes)
    assert detector.parameters is before
