"""a1 files as S-Fifteen's own reader, fpfind, reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fpfind.lib import parse_timestamps as fpfind

from labctl.tags.formats.a1 import FORMAT


@pytest.mark.parametrize("exchanged", [False, True])
@pytest.mark.parametrize("step", [1, 512])
def test_fpfind_reads_the_same_tags_from_the_same_file(
    tmp_path: Path, a1_bytes: Callable[..., bytes], step: int, *, exchanged: bool
) -> None:
    rng = np.random.default_rng(7)
    times = np.cumsum(rng.integers(1, 10**9 // step, 5_000)) * step
    path = tmp_path / "reference.a1"
    events = list(zip(times.tolist(), rng.integers(1, 32, 5_000).tolist(), strict=True))
    path.write_bytes(a1_bytes(events, exchanged=exchanged))

    units, patterns = fpfind.read_a1(
        path,
        legacy=exchanged,
        resolution=fpfind.TSRES.PS4,
        fractional=False,
        ignore_rollover=True,
    )
    (block,) = FORMAT.open(path).blocks()

    expected = [
        ((int(time) * 250 + 32) // 64, bit + 1)
        for time, pattern in zip(units, patterns, strict=True)
        for bit in range(4)
        if int(pattern) >> bit & 1
    ]
    assert list(zip(block.times_ps.tolist(), block.channels.tolist(), strict=True)) == expected
    assert len(expected) > 4_000
