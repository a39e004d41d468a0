from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LimitError
from simulated_devices.world import COMMON_PATH_PS, SLICE_PS, Detector, DetectorParameters
from simulated_devices.world.detector import FWHM_PER_SIGMA, JITTER_LIMIT_SIGMA
from simulated_devices.world.kernels import register, register_with_afterpulses
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.slices import Times

SECOND_SLICES = 100


def make_detector(seed: int = 0, **parameters: float) -> Detector:
    ideal = {"efficiency": 1.0, "dark_rate_hz": 0.0, "jitter_fwhm_ps": 0.0, "delay_ps": 0}
    table = DetectorParameters.model_validate(ideal | {"dead_time_ns": 0.0} | parameters)
    return Detector("apd", table, seed)


def run(detector: Detector, slices: int) -> Times:
    return np.concatenate(
        [detector.clicks(k * SLICE_PS, (k + 1) * SLICE_PS) for k in range(slices)]
    )


def live_clicks(candidates: Times, dead_ps: int) -> list[int]:
    """Non-paralyzable dead time, one candidate after the other."""
    clicks: list[int] = []
    for time in candidates.tolist():
        if not clicks or time >= clicks[-1] + dead_ps:
            clicks.append(time)
    return clicks


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


def test_an_afterpulse_follows_the_rearming_with_an_exponential_delay() -> None:
    starts = np.arange(1, 20_001, dtype=np.int64) * 100_000_000
    clicks, pending, _live = register_with_afterpulses(
        starts,
        np.empty(0, dtype=np.int64),
        0,
        10**13,
        50_000,
        0.5,
        200_000.0,
        component_generator(0, "test"),
    )
    assert pending.size == 0
    phase = clicks % 100_000_000
    first = phase[np.flatnonzero(phase == 0)[:-1] + 1]
    delays = first[first > 0] - 50_000
    count = delays.size
    assert abs(count - 10_000) < 5 * math.sqrt(20_000 * 0.25)
    assert delays.min() >= 0
    assert abs(delays.mean() - 200_000) < 5 * 200_000 / math.sqrt(count)
    # Var of an exponential's sample variance is 8 T^4/n.
    assert abs(delays.std() / 200_000 - 1) < 5 * math.sqrt(2 / count)


@pytest.mark.parametrize("dead_time_ns", [0.0, 50.0, 1e6])
def test_slice_boundaries_leave_no_trace(dead_time_ns: float) -> None:
    detector = make_detector(dead_time_ns=dead_time_ns)
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
        assert clicks[-1].min() >= start_ps
        assert clicks[-1].max() < start_ps + SLICE_PS
    candidates = np.sort(np.concatenate(light)) + COMMON_PATH_PS
    due = candidates[candidates < 20 * SLICE_PS]
    expected = live_clicks(due, round(dead_time_ns * 1000))
    assert np.concatenate(clicks).tolist() == expected


def test_the_dead_time_of_the_last_click_reaches_into_the_next_slice() -> None:
    detector = make_detector(dead_time_ns=50.0)
    last = SLICE_PS - 10_000
    detector.absorb(np.array([last, last + 49_999, last + 50_000]) - COMMON_PATH_PS)
    assert detector.clicks(0, SLICE_PS).tolist() == [last]
    assert detector.clicks(SLICE_PS, 2 * SLICE_PS).tolist() == [last + 50_000]


@given(
    cuts=st.lists(st.integers(0, 1_000_000_000), max_size=8),
    dead_ps=st.sampled_from([0, 50_000, 3_000_000]),
    decay_ps=st.sampled_from([1_000.0, 1e6, 1e8]),
    seed=st.integers(0, 100),
)
def test_afterpulses_do_not_depend_on_how_time_is_cut(
    cuts: list[int], dead_ps: int, decay_ps: float, seed: int
) -> None:
    light = poisson_times(component_generator(seed, "light"), 5e5, 0, 1_000_000_000)

    def in_pieces(stops: list[int]) -> tuple[list[int], list[int], int]:
        generator = component_generator(seed, "afterpulses")
        pending, live_from_ps, start = np.empty(0, dtype=np.int64), 0, 0
        clicks: list[int] = []
        for stop in stops:
            piece = light[(light >= start) & (light < stop)]
            new, pending, live_from_ps = register_with_afterpulses(
                piece, pending, live_from_ps, stop, dead_ps, 0.6, decay_ps, generator
            )
            clicks += new.tolist()
            start = stop
        return clicks, pending.tolist(), live_from_ps

    assert in_pieces([*sorted(cuts), 1_000_000_000]) == in_pieces([1_000_000_000])


def test_many_afterpulses_may_be_under_way_at_once() -> None:
    light = np.arange(5_000, dtype=np.int64)
    clicks, pending, _live = register_with_afterpulses(
        light, np.empty(0, dtype=np.int64), 0, 5_000, 0, 1.0, 1e12, component_generator(0, "test")
    )
    assert clicks.tolist() == light.tolist()
    assert pending.size == 5_000
    assert np.all(np.diff(pending) >= 0)


@given(
    gaps=st.lists(st.integers(0, 40), max_size=60),
    dead_ps=st.integers(0, 50),
)
def test_registration_agrees_with_one_candidate_at_a_time(gaps: list[int], dead_ps: int) -> None:
    candidates = np.cumsum(np.array(gaps, dtype=np.int64))
    clicks, _live = register(candidates, 0, dead_ps)
    assert clicks.tolist() == live_clicks(candidates, dead_ps)


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
