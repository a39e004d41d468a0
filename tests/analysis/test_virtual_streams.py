"""Virtual channels of streams with gaps, losses and lags.

What one stretch gives is tested with `with_virtual`; here it is the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labctl.analysis import (
    Coincidence,
    CorrelationAnalyzer,
    Delayed,
    Divided,
    Gated,
    VirtualChannels,
    VirtualSpec,
    with_virtual,
)
from labctl.tags.block import TagBlock, TagFlags

N = 4
SPECS: list[list[VirtualSpec]] = [
    [Coincidence((0, 1), 30)],
    [Coincidence((2, 0, 1), 30), Coincidence((0, 1, 2, 3), 60)],
    [Delayed(0, 25)],
    [Delayed(0, -25), Delayed(4, 25), Delayed(1, 10**9)],
    [Gated(0, 2, 3), Gated(2, 2, 3), Divided(1, 3, 2)],
    [Delayed(1, -7), Coincidence((0, 4), 20), Divided(5, 2), Gated(0, 5, 6), Delayed(7, 5)],
    [Divided(0, 1), Coincidence((0, 4), 10), Delayed(5, -(10**9))],
]


def pairs_of(tags: tuple[Any, ...]) -> list[tuple[int, int]]:
    """Return (time, channel) of each tag."""
    return list(zip(tags[0].tolist(), tags[1].tolist(), strict=True))


INTERRUPTIONS: dict[str, tuple[list[tuple[int, int]], list[dict[str, Any]]]] = {
    "a gap flag": ([(0, 300), (300, 600), (600, 900)], [{}, {"flags": TagFlags.GAP}, {}]),
    "a hole in time": ([(0, 300), (310, 600), (600, 900)], [{}, {}, {}]),
    "a clock that starts again": ([(0, 300), (100, 400), (400, 700)], [{}, {}, {}]),
    "a loss": ([(0, 300), (300, 600), (600, 900)], [{}, {"lost": 4}, {}]),
    "an overflow": ([(0, 300), (300, 600), (600, 900)], [{}, {"flags": TagFlags.OVERFLOW}, {}]),
    "a loss at first": ([(0, 300), (300, 600), (600, 900)], [{"lost": 1}, {}, {}]),
    "short stretches": (
        [(0, 10), (20, 30), (30, 40), (50, 350)],
        [{}, {}, {"lost": 1}, {"flags": TagFlags.GAP | TagFlags.UNSORTED}],
    ),
}


def stretches_of(blocks: list[TagBlock]) -> list[list[TagBlock]]:
    """Group the lossless blocks that follow each other without a gap."""
    groups: list[list[TagBlock]] = []
    stop = None
    for block in blocks:
        if block.is_lossless:
            if stop != block.start_ps or block.flags & TagFlags.GAP or not groups:
                groups.append([])
            groups[-1].append(block)
        stop = block.stop_ps if block.is_lossless else None
    return groups


@pytest.mark.parametrize("specs", SPECS)
@pytest.mark.parametrize("name", sorted(INTERRUPTIONS))
def test_gaps_and_losses_pass_through_and_nothing_spans_them(
    name: str, specs: list[VirtualSpec]
) -> None:
    """Each stretch is what it would be alone, without copies that leave it at a gap."""
    rng = np.random.default_rng(11)
    blocks = []
    for (start, stop), more in zip(*INTERRUPTIONS[name], strict=True):
        times = np.sort(rng.integers(start, stop, 40))
        blocks.append(TagBlock(times, rng.integers(0, N, 40).astype(np.uint8), start, stop, **more))
    virtual = VirtualChannels(N, specs)
    out = [virtual.transform(block) for block in blocks]
    out += virtual.finish()
    groups = stretches_of(blocks)
    expected = []
    for k, group in enumerate(groups):
        tags = (
            np.concatenate([block.times_ps for block in group]),
            np.concatenate([block.channels for block in group]),
        )
        low = group[0].start_ps if group[0] is not blocks[0] else -(2**60)
        high = group[-1].stop_ps if k < len(groups) - 1 else 2**60
        alone = with_virtual(*tags, N, specs)
        expected += [tag for tag in pairs_of(alone) if low <= tag[0] < high]
    found = [(b.times_ps, b.channels) for b in out if b.is_lossless]
    assert [tag for part in found for tag in pairs_of(part)] == expected
    assert [b.times_ps.tolist() for b in out if not b.is_lossless] == [
        b.times_ps.tolist() for b in blocks if not b.is_lossless
    ]
    assert sum(block.lost for block in out) == sum(block.lost for block in blocks)
    edge = sum(abs(spec.delay_ps) for spec in specs if isinstance(spec, Delayed))
    live_ps = sum(block.live_ps for block in blocks)
    assert live_ps <= sum(block.live_ps for block in out) <= live_ps + edge
    assert len(stretches_of([b for b in out if b.stop_ps > b.start_ps])) == len(groups)
    for flag in (TagFlags.GAP, TagFlags.OVERFLOW, TagFlags.UNSORTED):
        assert any(b.flags & flag for b in out) == any(b.flags & flag for b in blocks)


@pytest.mark.parametrize("delay_ps", [-(10**6), 0, 10**6])
def test_a_negative_delay_lags_and_a_positive_one_does_not(delay_ps: int) -> None:
    virtual = VirtualChannels(2, [Delayed(0, delay_ps)])
    rng = np.random.default_rng(2)
    for k in range(5):
        times = np.sort(rng.integers(k * 10**7, (k + 1) * 10**7, 100))
        channels = rng.integers(0, 2, 100).astype(np.uint8)
        out = virtual.transform(TagBlock(times, channels, k * 10**7, (k + 1) * 10**7))
        assert out.stop_ps == (k + 1) * 10**7 - virtual.lag_ps
    assert virtual.lag_ps == max(0, -delay_ps)


def test_an_unsorted_flag_stays_with_the_tags_it_marks() -> None:
    virtual = VirtualChannels(1, [Delayed(0, -50)])
    flags = [TagFlags.NONE, TagFlags.UNSORTED, TagFlags.NONE, TagFlags.NONE]
    out = []
    for k, flag in enumerate(flags):
        times = np.array([100 * k + 10])
        block = TagBlock(times, np.zeros(1, np.uint8), 100 * k, 100 * k + 100, flags=flag)
        out.append(virtual.transform(block))
    marked = [bool(block.flags & TagFlags.UNSORTED) for block in [*out, *virtual.finish()]]
    assert marked == [False, True, True, False, False]


def test_one_analyzer_follows_both_real_and_virtual_channels() -> None:
    rng = np.random.default_rng(4)
    virtual = VirtualChannels(2, [Delayed(1, -500), Coincidence((0, 2), 100)])
    analyzer = CorrelationAnalyzer(virtual.n_channels, [(0, 1), (0, 3)], 1000, 10)
    for k in range(4):
        times = np.sort(rng.integers(k * 10**5, (k + 1) * 10**5, 500))
        block = TagBlock(
            times, rng.integers(0, 2, 500).astype(np.uint8), k * 10**5, (k + 1) * 10**5
        )
        analyzer.update(virtual.transform(block))
    for block in virtual.finish():
        analyzer.update(block)
    assert analyzer.result().counts.sum(axis=1).min() > 0


def test_a_refused_block_ends_the_stream() -> None:
    virtual = VirtualChannels(1, [Divided(0, 2)])
    with pytest.raises(ValueError, match="tag 1 has channel 1"):
        virtual.transform(TagBlock(np.array([5, 6]), np.array([0, 1], dtype=np.uint8), 0, 10))
    with pytest.raises(ValueError, match="counts are void"):
        virtual.finish()
