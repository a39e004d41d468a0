from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from simulated_devices.world.tagger_buffer import TaggerBuffer

SECOND_PS = 10**12


def flushed(times_ps: list[int], capacity: int, tag_ps: int) -> list[bool]:
    """One tag after the other through a list of the moments at which each has left."""
    leaves_at: list[int] = []
    kept, is_flushing = [], False
    for time in times_ps:
        waiting = [moment for moment in leaves_at if moment > time]
        if is_flushing and waiting:
            kept.append(False)
            continue
        is_flushing = False
        # What is partly transferred still needs its place.
        if math.ceil((max([time, *waiting]) - time) / tag_ps) + 1 > capacity:
            is_flushing = bool(waiting)
            kept.append(False)
            continue
        leaves_at.append(max([time, *leaves_at]) + tag_ps)
        kept.append(True)
    return kept


@given(
    gaps=st.lists(st.integers(0, 30), max_size=80),
    capacity=st.integers(1, 8),
    tag_ps=st.integers(1, 40),
)
def test_admission_agrees_with_one_tag_at_a_time(
    gaps: list[int], capacity: int, tag_ps: int
) -> None:
    times = np.cumsum(np.array(gaps, dtype=np.int64))
    buffer = TaggerBuffer(capacity, 1e12 / tag_ps)
    admission = buffer.admit(times, 10_000)
    assert admission.kept.tolist() == flushed(times.tolist(), capacity, tag_ps)


@given(
    gaps=st.lists(st.integers(0, 30), max_size=80),
    cuts=st.lists(st.integers(0, 2500), max_size=6),
    capacity=st.integers(1, 8),
)
def test_admission_does_not_depend_on_how_time_is_cut(
    gaps: list[int], cuts: list[int], capacity: int
) -> None:
    times = np.cumsum(np.array(gaps, dtype=np.int64))
    whole = TaggerBuffer(capacity, 1e12 / 20).admit(times, 2500)
    pieces = TaggerBuffer(capacity, 1e12 / 20)
    kept: list[bool] = []
    spans: list[tuple[int, int, int]] = []
    start = 0
    for stop in [*sorted(cuts), 2500]:
        part = pieces.admit(times[(times >= start) & (times < stop)], stop)
        kept += part.kept.tolist()
        for loss in part.losses:
            assert start <= loss.begin_ps <= loss.end_ps <= stop
            spans.append((loss.begin_ps, loss.end_ps, loss.tags))
        start = stop
    assert kept == whole.kept.tolist()
    assert sum(tags for *_, tags in spans) == whole.kept.size - np.count_nonzero(whole.kept)
    joined: list[list[int]] = []
    for begin, end, tags in spans:
        if joined and joined[-1][1] == begin:
            joined[-1] = [joined[-1][0], end, joined[-1][2] + tags]
        else:
            joined.append([begin, end, tags])
    assert [loss for loss in joined if loss[2]] == joined
    # A gap that begins where the one before ends is one gap, also in the uncut account.
    uncut: list[list[int]] = []
    for loss in whole.losses:
        if uncut and uncut[-1][1] == loss.begin_ps:
            uncut[-1] = [uncut[-1][0], loss.end_ps, uncut[-1][2] + loss.tags]
        else:
            uncut.append([loss.begin_ps, loss.end_ps, loss.tags])
    assert joined == uncut


def test_a_burst_fits_and_the_next_tag_is_lost_until_the_memory_is_empty() -> None:
    buffer = TaggerBuffer(512, 1e7)
    times = np.arange(600, dtype=np.int64)
    admission = buffer.admit(times, SECOND_PS)
    assert admission.kept.tolist() == [True] * 512 + [False] * 88
    (loss,) = admission.losses
    # 512 tags of 100 ns each leave within 51.2 us of the first.
    assert (loss.begin_ps, loss.end_ps, loss.tags) == (512, 51_200_000, 88)


def test_tags_below_the_transfer_rate_all_pass() -> None:
    buffer = TaggerBuffer(1, 1e7)
    for k in range(5):
        times = k * SECOND_PS + np.arange(0, SECOND_PS, 10**8, dtype=np.int64)
        admission = buffer.admit(times, (k + 1) * SECOND_PS)
        assert admission.kept.all()
        assert admission.losses == ()


@pytest.mark.parametrize("seed", range(3))
def test_under_overload_as_many_pass_as_the_cable_carries(seed: int) -> None:
    times = np.sort(np.random.default_rng(seed).integers(0, SECOND_PS // 10, 2_000_000))
    admission = TaggerBuffer(512, 1e7).admit(times, SECOND_PS // 10)
    kept = np.count_nonzero(admission.kept)
    assert sum(loss.tags for loss in admission.losses) == times.size - kept
    # 20 M/s into 10 M/s. In a cycle the memory fills at n - R = 1e7/s (512 tags: 51.2 us,
    # n times this kept), empties in 51.2 us, and waits 50 ns for the next tag.
    cycles = 0.1 / (2 * 51.2e-6 + 0.05e-6)
    # The time to fill varies by sqrt(1024)/(n - R), a part of 1/16, and the tags kept with it.
    assert abs(kept / (cycles * 1024) - 1) < 5 / 16 / math.sqrt(cycles)


@pytest.mark.parametrize(
    ("capacity", "rate_hz", "message"),
    [(0, 1e6, "capacity_tags = 0"), (1, 0.0, "rate_hz = 0"), (1, math.nan, "rate_hz = nan")],
)
def test_an_impossible_memory_is_refused(capacity: int, rate_hz: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TaggerBuffer(capacity, rate_hz)
