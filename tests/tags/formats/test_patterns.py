"""Detector patterns, against the bits of each number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.tags.formats.patterns import N_CHANNELS, tags_of_patterns


def expanded(patterns: list[int]) -> list[tuple[int, int]]:
    times_ps = np.arange(len(patterns), dtype=np.int64) * 7
    tags = tags_of_patterns(times_ps, np.array(patterns, np.uint8))
    return [(int(time_ps), int(channel)) for time_ps, channel in zip(*tags, strict=True)]


def slowly(patterns: list[int]) -> list[tuple[int, int]]:
    return [(n * 7, k + 1) for n, one in enumerate(patterns) for k in range(4) if one >> k & 1]


@pytest.mark.parametrize("pattern", range(16))
def test_each_pattern_gives_its_channels_in_order(pattern: int) -> None:
    assert expanded([pattern]) == slowly([pattern])
    assert all(channel < N_CHANNELS for _, channel in expanded([pattern]))


@settings(deadline=None)
@given(st.lists(st.integers(0, 15) | st.sampled_from([1, 2, 4, 8]), max_size=300))
def test_any_patterns_give_one_tag_per_bit(patterns: list[int]) -> None:
    assert expanded(patterns) == slowly(patterns)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 1.0])
def test_long_streams_give_one_tag_per_bit_however_many_patterns_have_several(share: float) -> None:
    rng = np.random.default_rng(11)
    singles = 1 << rng.integers(0, 4, 20_000)
    patterns = np.where(rng.random(20_000) < share, rng.integers(0, 16, 20_000), singles).tolist()

    assert expanded(patterns) == slowly(patterns)


def test_single_clicks_keep_the_array_of_times() -> None:
    times_ps = np.array([5, 6], np.int64)

    assert tags_of_patterns(times_ps, np.array([1, 8], np.uint8))[0] is times_ps
