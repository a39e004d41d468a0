from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, TaggerHeader
from labctl.storage.tag_source import FORMAT
from labctl.tags.block import TagBlock, TagFlags
from labctl.tags.formats.source import Disorder, TagFileFormat, TagSource

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


def test_a_run_file_is_a_tag_file(tmp_path: Path, record: Record, block: MakeBlock) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block(range(100_000)))
        recorder.end("finished")
    run_format: TagFileFormat = FORMAT
    assert run_format.recognizes(path, path.read_bytes()[:512])
    assert not run_format.recognizes(path, b"PQTTTR")
    source: TagSource = run_format.open(path)
    assert (source.format_name, source.resolution_ps, source.n_channels) == ("run", 1, 255)
    assert source.metadata["experiment"] == "test"
    assert source.warnings == ("The tags are simulated.",)
    for _ in range(2):
        parts = list(source.blocks(30_000))
        assert [len(part) for part in parts] == [30_000, 30_000, 30_000, 10_000]
        assert [part.sequence for part in parts] == [0, 1, 2, 3]
        assert np.concatenate([part.times_ps for part in parts]).tolist() == list(range(100_000))
    assert source.disorder == Disorder()
    with pytest.raises(ValueError, match="max_tags = 0"):
        source.blocks(0)


def test_the_first_of_several_taggers_is_read_with_a_warning(
    tmp_path: Path, block: MakeBlock
) -> None:
    taggers = [
        TaggerHeader(name=name, resolution_ps=4, n_channels=300, simulated=False)
        for name in ("zeta", "alpha")
    ]
    with Recorder(
        tmp_path / "run.h5", RunHeader(experiment="x", simulated=False), taggers
    ) as recorder:
        recorder.record("alpha", block([1]))
        recorder.record("zeta", block([2], [299]))
    source = FORMAT.open(tmp_path / "run.h5")
    assert [part.channels.tolist() for part in source.blocks()] == [[299]]
    assert "only zeta, the first, is read" in source.warnings[0]
    assert "has no end (status interrupted)" in source.warnings[1]


def test_what_the_file_does_not_cover_has_no_live_time(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block([5], start_ps=0, stop_ps=10))
        recorder.record("tdc", block([25], start_ps=20, stop_ps=30))
    parts = list(FORMAT.open(tmp_path / "run.h5").blocks())
    assert [(part.start_ps, part.stop_ps, part.live_ps) for part in parts] == [
        (0, 10, 10),
        (10, 20, 0),
        (20, 30, 10),
    ]
    assert parts[1].flags == TagFlags.GAP | TagFlags.MISSED


def test_a_step_backward_is_joined_and_counted(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block([5], start_ps=0, stop_ps=10))
        recorder.record("tdc", block([3, 12], start_ps=2, stop_ps=15))
    source = FORMAT.open(tmp_path / "run.h5")
    parts = list(source.blocks())
    assert [part.times_ps.tolist() for part in parts] == [[5], [10, 12]]
    assert [(part.start_ps, part.stop_ps) for part in parts] == [(0, 10), (10, 15)]
    assert parts[1].flags == TagFlags.UNSORTED
    assert source.disorder == Disorder(steps_backward=1, largest_ps=7, displaced=1)


def test_a_run_without_a_tagger_has_no_tags(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run.h5", RunHeader(experiment="x", simulated=True), []):
        pass
    with pytest.raises(RunFileError, match="used no tagger"):
        FORMAT.open(tmp_path / "run.h5")
