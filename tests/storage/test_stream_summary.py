"""The summary of a stream against what its blocks themselves say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labctl.storage import StreamSummary, open_run
from labctl.tags.block import TagBlock, TagFlags
from tests.storage.conftest import Adjoining, MakeBlock, Record


def test_extent_and_number_are_those_of_the_blocks(
    tmp_path: Path, record: Record, adjoining: Adjoining
) -> None:
    blocks = adjoining(5)
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        for block in blocks:
            recorder.record("tdc", block)
    with open_run(path) as run:
        summary = run.stream_summaries()["tdc"]
    assert summary == StreamSummary(
        sum(len(block) for block in blocks), blocks[0].start_ps, blocks[-1].stop_ps
    )
    assert summary.duration_s == 5.0


def test_losses_and_gaps_are_counted_by_interval(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "run.h5"
    times = np.arange(10)
    lossy = TagBlock(times + 200, np.ones(10, np.uint8), 200, 300, 0, 7, TagFlags.OVERFLOW)
    after_gap = TagBlock(times + 900, np.ones(10, np.uint8), 900, 1000, 0, 0, TagFlags.GAP)
    with record(path) as recorder:
        for one in (block(range(100, 110), start_ps=100, stop_ps=200), lossy, after_gap):
            recorder.record("tdc", one)
    with open_run(path) as run:
        summary = run.stream_summaries()["tdc"]
        assert run.tag_counts() == {"tdc": 30}
    assert (summary.start_ps, summary.stop_ps) == (100, 1000)
    assert (summary.lost, summary.lossy, summary.gaps) == (7, 1, 1)


def test_a_run_without_tags_has_no_extent(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    with record(path):
        pass
    with open_run(path) as run:
        assert run.stream_summaries() == {"tdc": StreamSummary()}
