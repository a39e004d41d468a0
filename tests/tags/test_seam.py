"""A stream that was interrupted goes on in the same tag time, flagged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis import MatrixAnalyzer
from labctl.tags import TagBlock, TagFlags
from labctl.tags.seam import Seam

MakeBlock = Callable[..., TagBlock]
RESOLUTION_PS = 2000


def test_without_an_interruption_blocks_pass_as_they_are(block: MakeBlock) -> None:
    seam = Seam(RESOLUTION_PS)
    one = block([0, 2000])
    assert seam.joined(one, 1.0) is one


@given(
    stop=st.integers(0, 10**6),
    start=st.integers(0, 10**6),
    away_s=st.floats(0.0, 1e5),
    offset_s=st.floats(-1e3, 1e3),
)
def test_a_tagger_that_begins_anew_is_shifted_by_the_time_that_passed(
    block: MakeBlock, stop: int, start: int, away_s: float, offset_s: float
) -> None:
    stop_ps, first_ps = stop * RESOLUTION_PS, start * RESOLUTION_PS
    seam = Seam(RESOLUTION_PS)
    seam.interrupt(stop_ps, offset_s)
    now_s = offset_s + stop_ps * 1e-12 + away_s
    one = block([first_ps, first_ps + RESOLUTION_PS])

    joined = seam.joined(one, now_s)

    assert joined.flags == TagFlags.GAP
    assert joined.start_ps >= stop_ps
    shift_ps = joined.start_ps - one.start_ps
    assert shift_ps % RESOLUTION_PS == 0
    assert np.array_equal(joined.times_ps, one.times_ps + shift_ps)
    if shift_ps and joined.start_ps >= stop_ps + RESOLUTION_PS:
        # Float seconds carry some ps over a day: 1e5 s times 2^-52, doubled for the difference.
        assert abs(joined.stop_ps * 1e-12 - (now_s - offset_s)) <= 2e-9 + 1e-10
    # Blocks that follow keep the same shift and carry no flag of their own.
    after = seam.joined(block([first_ps + 4 * RESOLUTION_PS]), now_s + 1.0)
    assert after.start_ps - (first_ps + 4 * RESOLUTION_PS) == shift_ps
    assert after.flags is TagFlags.NONE


def test_a_tagger_whose_clock_went_on_is_not_shifted(block: MakeBlock) -> None:
    seam = Seam(1)
    seam.interrupt(10 * 10**12, 0.0)
    one = block([15 * 10**12])
    joined = seam.joined(one, 15.02)
    assert (joined.start_ps, joined.flags) == (one.start_ps, TagFlags.GAP)


def test_interrupted_twice_without_a_block_in_between_is_one_seam(block: MakeBlock) -> None:
    seam = Seam(1)
    seam.interrupt(10**12, 0.0)
    seam.interrupt(10**12, None)
    joined = seam.joined(block([0]), 50.0)
    assert joined.flags is TagFlags.GAP
    assert joined.stop_ps == 50 * 10**12


def test_nothing_coincides_across_a_seam() -> None:
    """Two tags a step apart in the joined time, one before the seam and one after it."""
    matrix = MatrixAnalyzer(3, 6000)
    before = TagBlock(np.array([10_000]), np.array([1], np.uint8), 0, 12_000)
    seam = Seam(RESOLUTION_PS)
    seam.interrupt(before.stop_ps, None)
    restarted = TagBlock(np.array([0]), np.array([2], np.uint8), 0, 2000)
    after = seam.joined(restarted, 0.0)
    assert after.start_ps == before.stop_ps
    for one in (before, after):
        matrix.update(one)
    assert matrix.result().counts[1, 2] == 0
