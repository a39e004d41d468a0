from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis import RateAnalyzer, count_rates
from labctl.tags.block import TagBlock, TagFlags


@settings(deadline=None)
@given(st.lists(st.integers(0, 63), max_size=60))
def test_each_tag_counts_on_its_channel(channels: list[int]) -> None:
    times = np.arange(len(channels), dtype=np.int64)
    counts = count_rates(times, np.array(channels, dtype=np.uint8), 64).counts
    assert counts.tolist() == [channels.count(c) for c in range(64)]


def test_rates_are_counts_per_live_second() -> None:
    times = np.array([0, 5, 250_000_000_000 - 1], dtype=np.int64)
    result = count_rates(times, np.zeros(3, dtype=np.uint8), 2)
    assert result.live_s == 0.25
    assert result.rates_hz.tolist() == [12, 0]
    assert result.sigma.tolist() == [np.sqrt(3), 1]
    assert result.sigma_hz.tolist() == [4 * np.sqrt(3), 4]


def test_live_time_is_the_covered_interval_of_lossless_blocks() -> None:
    analyzer = RateAnalyzer(1)
    one = np.zeros(1, dtype=np.uint8)
    analyzer.update(TagBlock(np.array([5]), one, 0, 10**11))
    analyzer.update(
        TagBlock(np.array([10**11]), one.copy(), 10**11, 2 * 10**11, lost=7, flags=TagFlags.MISSED)
    )
    analyzer.update(
        TagBlock(np.array([4 * 10**11]), one.copy(), 4 * 10**11, 5 * 10**11, flags=TagFlags.GAP)
    )
    result = analyzer.result()
    assert result.counts.tolist() == [2]
    assert result.live_s == 0.2
    assert result.lost == 7
    assert result.flags == TagFlags.MISSED | TagFlags.GAP


@pytest.mark.parametrize(
    ("times", "channels", "message"),
    [
        ([1, 2], [0, 3], "tag 1 has channel 3"),
        ([2, 1, 3], [0, 0, 0], "not sorted: tag 1"),
        ([[1, 2]], [[0, 0]], "one dimension"),
    ],
)
def test_bad_tags_are_refused(times: list[int], channels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        count_rates(times, channels, 3)
