from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.errors import LimitError
from simulated_devices.world.randomness import component_generator
from simulated_devices.world.site_clock import ClockSegment, SiteClock, SiteClockParameters
from simulated_devices.world.slices import PS_PER_S, SLICE_PS

DAY_S = 86_400


def make_clock(seed: int = 0, **parameters: float | str) -> SiteClock:
    return SiteClock("alice", SiteClockParameters.model_validate(parameters), seed)


def offsets_ps(clock: SiteClock, slices: int, slice_ps: int = SLICE_PS) -> NDArray[np.float64]:
    """The true phase at the ends of slices, the begin included."""
    phases = [clock.offset_ps]
    for k in range(slices):
        clock.advance(k * slice_ps, (k + 1) * slice_ps)
        phases.append(clock.offset_ps)
    return np.array(phases)


def allan_deviation(phase_s: NDArray[np.float64], every: int, tau_s: float) -> tuple[float, int]:
    """Return the Allan deviation of non-overlapping averages, and their number."""
    x = phase_s[::every]
    second = x[2:] - 2 * x[1:-1] + x[:-2]
    return math.sqrt(np.mean(second**2) / 2) / tau_s, second.size


def test_the_default_clock_shows_world_time() -> None:
    clock = make_clock()
    times = np.array([0, 1, SLICE_PS - 1, SLICE_PS])
    clock.advance(0, SLICE_PS)
    assert clock.reading_ps(times).tolist() == times.tolist()
    assert clock.offset_ps == clock.frequency_offset == 0.0


@given(
    offset_ps=st.integers(-(10**18), 10**18),
    fraction_ps=st.floats(0.0, 1.0, exclude_max=True),
    rate=st.floats(-1e-3, 1e-3),
    start_ps=st.integers(0, 10 * DAY_S * PS_PER_S),
    since_ps=st.lists(st.integers(0, SLICE_PS), max_size=20),
)
def test_a_segment_is_exact_to_a_picosecond(
    offset_ps: int, fraction_ps: float, rate: float, start_ps: int, since_ps: list[int]
) -> None:
    segment = ClockSegment(start_ps, start_ps + SLICE_PS, offset_ps, fraction_ps, rate)
    times = np.array(sorted(start_ps + t for t in since_ps), dtype=np.int64)
    for time, shown in zip(times.tolist(), segment.reading_ps(times).tolist(), strict=True):
        exact = time + offset_ps + Fraction(fraction_ps) + Fraction(rate) * (time - start_ps)
        assert 0 <= exact - shown < 1 + Fraction(1, 10**6) or abs(exact - shown) < Fraction(
            1, 10**6
        )


@pytest.mark.parametrize("ppb", [100.0, -50_000.0])
def test_a_constant_frequency_offset_stays_exact_over_days(ppb: float) -> None:
    clock = make_clock(frequency_offset_ppb=ppb, offset_ps=-123_456)
    for second in range(2 * DAY_S):
        clock.advance(second * PS_PER_S, (second + 1) * PS_PER_S)
    end = np.array([2 * DAY_S * PS_PER_S])
    # ppb is not a multiple of 2^-k: 1e9 of its float errors are far below 1 ps.
    expected = end[0] - 123_456 + round(ppb * 1000) * 2 * DAY_S
    assert abs(int(clock.reading_ps(end)[0]) - expected) <= 1
    assert clock.frequency_offset == pytest.approx(ppb * 1e-9)


def test_the_reading_is_continuous_and_never_falls() -> None:
    clock = make_clock(
        frequency_offset_ppb=-40_000.0, white_fm=1e-8, random_walk_fm=1e-8, reference="external"
    )
    rng = np.random.default_rng(1)
    last = -1
    for k in range(40):
        clock.has_reference = bool(rng.integers(2))
        start = k * SLICE_PS
        clock.advance(start, start + SLICE_PS)
        times = np.sort(rng.integers(start, start + SLICE_PS, 200))
        times = np.unique(np.concatenate((times, [start - 1, start, start + SLICE_PS])))
        readings = clock.reading_ps(times[times >= 0])
        assert np.all(np.diff(readings) >= 0)
        # Strictly rising to the resolution of a float over a slice.
        far = np.diff(times[times >= 0]) > 1
        assert np.all(np.diff(readings)[far] > 0)
        if last >= 0:
            at_start = clock.reading_ps(np.array([start]))[0]
            assert at_start == last
        last = int(clock.reading_ps(np.array([start + SLICE_PS]))[0])


@pytest.mark.parametrize("seed", range(5))
def test_white_frequency_noise_has_its_allan_deviation(seed: int) -> None:
    clock = make_clock(seed, white_fm=1e-9)
    phase_s = offsets_ps(clock, 20_000) * 1e-12
    for every in (1, 10, 100):
        tau_s = every * SLICE_PS / PS_PER_S
        found, count = allan_deviation(phase_s, every, tau_s)
        # adev = s/sqrt(tau). Neighboring second differences correlate by -1/2, so that the
        # variance estimate varies by sqrt(2 (1 + 2/4)/n) = sqrt(3/n), the deviation by half.
        assert abs(found / (1e-9 / math.sqrt(tau_s)) - 1) < 5 * math.sqrt(3 / count) / 2


@pytest.mark.parametrize("seed", range(5))
def test_random_walk_frequency_noise_has_its_allan_deviation(seed: int) -> None:
    clock = make_clock(seed, random_walk_fm=1e-9)
    phase_s = offsets_ps(clock, 20_000) * 1e-12
    for every in (1, 10, 100):
        tau_s = every * SLICE_PS / PS_PER_S
        found, count = allan_deviation(phase_s, every, tau_s)
        # adev = r sqrt(tau). Averages of a Wiener process: neighboring differences correlate
        # by 1/4, so the variance estimate varies by sqrt(2 (1 + 2/16)/n), the deviation by half.
        assert abs(found / (1e-9 * math.sqrt(tau_s)) - 1) < 5 * math.sqrt(2.25 / count) / 2


def test_a_slice_may_be_cut_without_changing_the_law_of_the_noise() -> None:
    """The variance of the phase after 1 s of both noises, in one step and in a hundred."""
    for slices in (1, 100):
        ends = np.array(
            [
                offsets_ps(
                    make_clock(seed, white_fm=1e-9, random_walk_fm=1e-9),
                    slices,
                    PS_PER_S // slices,
                )[-1]
                for seed in range(400)
            ]
        )
        # s^2 T + q T^3/3 with q = 3 r^2, in s^2: 2e-18, that is 2e6 ps^2.
        assert abs(ends.var() / 2e6 - 1) < 5 * math.sqrt(2 / 400)


def test_a_locked_clock_keeps_its_phase_and_a_lost_reference_sets_it_free() -> None:
    clock = make_clock(offset_ps=500, frequency_offset_ppb=200.0, reference="external")
    phases = []
    for k, has_reference in enumerate((True, True, False, False, True)):
        clock.has_reference = has_reference
        assert clock.is_locked is has_reference
        clock.advance(k * SLICE_PS, (k + 1) * SLICE_PS)
        phases.append(clock.offset_ps)
    # 200 ppb of 10 ms are 2000 ps.
    assert phases == pytest.approx([500, 500, 2500, 4500, 4500])


def test_a_free_clock_ignores_the_reference() -> None:
    clock = make_clock(frequency_offset_ppb=200.0)
    clock.has_reference = True
    clock.advance(0, SLICE_PS)
    assert clock.offset_ps == pytest.approx(2000)


def test_the_oscillator_wanders_on_behind_a_reference() -> None:
    locked = make_clock(3, white_fm=1e-9, random_walk_fm=1e-9, reference="external")
    free = make_clock(3, white_fm=1e-9, random_walk_fm=1e-9)
    for k in range(20):
        locked.has_reference = k < 10
        for clock in (locked, free):
            clock.advance(k * SLICE_PS, (k + 1) * SLICE_PS)
        if k >= 10:
            assert locked.frequency_offset == free.frequency_offset


def test_each_clock_has_its_own_noise() -> None:
    pair = [
        SiteClock(name, SiteClockParameters(white_fm=1e-9), 0) for name in ("alice", "bob", "alice")
    ]
    ends = [offsets_ps(clock, 10)[-1] for clock in pair]
    assert ends[0] == ends[2] != ends[1]
    assert component_generator(0, "clock/alice").random() != ends[0]


def test_several_instruments_may_advance_one_clock() -> None:
    shared, own = make_clock(white_fm=1e-9), make_clock(white_fm=1e-9)
    for k in range(5):
        for _ in range(3):
            shared.advance(k * SLICE_PS, (k + 1) * SLICE_PS)
        own.advance(k * SLICE_PS, (k + 1) * SLICE_PS)
    assert shared.offset_ps == own.offset_ps


def test_time_must_pass_in_order() -> None:
    clock = make_clock()
    with pytest.raises(ValueError, match="has not been advanced"):
        clock.reading_ps(np.array([0]))
    clock.advance(0, SLICE_PS)
    with pytest.raises(ValueError, match="does not follow"):
        clock.advance(2 * SLICE_PS, 3 * SLICE_PS)
    with pytest.raises(ValueError, match="not in 1 ps to 1 s"):
        clock.advance(SLICE_PS, SLICE_PS + 2 * PS_PER_S)


def test_the_frequency_may_change_but_not_the_first_offset() -> None:
    clock = make_clock()
    clock.change(frequency_offset_ppb=1000.0)
    clock.advance(0, SLICE_PS)
    assert clock.offset_ps == pytest.approx(10_000)
    with pytest.raises(LimitError, match="offset_ps cannot be changed"):
        clock.change(offset_ps=3)
