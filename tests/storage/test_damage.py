from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run, recover_run, verify_run
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

N_APPENDS = 3
N_TAGS = 5000


@pytest.fixture
def path(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    """Return a finished run of three appends of 5000 tags, 10 ps apart."""
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        for at in range(N_APPENDS):
            times = np.arange(at * N_TAGS, (at + 1) * N_TAGS) * 10
            start_ps = at * N_TAGS * 10
            recorder.record("tdc", block(times, start_ps=start_ps, stop_ps=start_ps + N_TAGS * 10))
            recorder.sync()
        recorder.point(1, 1, {"counts": 1})
        recorder.end("finished")
    return path


@pytest.fixture
def left_behind(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    """Return the same tags as a writer leaves them that dies after its last acknowledgement."""
    copy = tmp_path / "left_behind.h5"
    with record(tmp_path / "growing.h5") as recorder:
        for at in range(N_APPENDS):
            times = np.arange(at * N_TAGS, (at + 1) * N_TAGS) * 10
            start_ps = at * N_TAGS * 10
            recorder.record("tdc", block(times, start_ps=start_ps, stop_ps=start_ps + N_TAGS * 10))
            recorder.sync()
        shutil.copy(tmp_path / "growing.h5", copy)
    return copy


def test_a_file_left_behind_is_read_and_stays_as_it_is(left_behind: Path) -> None:
    content = left_behind.read_bytes()
    with open_run(left_behind) as run:
        assert run.status == "interrupted"
        assert sum(len(part) for part in run.tags()) == N_APPENDS * N_TAGS
    assert left_behind.read_bytes() == content


def flip_bit(path: Path, dataset: str, byte: int) -> None:
    """Invert one bit of a byte of a dataset where it lies in the file."""
    with h5py.File(path, "r") as file:
        rows = file[dataset]
        if rows.chunks is None:
            offset = rows.id.get_offset()
        else:
            offset = rows.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as stream:
        stream.seek(offset + byte)
        value = stream.read(1)[0]
        stream.seek(offset + byte)
        stream.write(bytes([value ^ 0x10]))


@pytest.mark.parametrize(
    ("dataset", "byte", "what"),
    [
        ("entry/tags/tdc/delta", 4 * (N_TAGS + 17), "times fail their checksum"),
        ("entry/tags/tdc/channel", N_TAGS + 4999, "channels fail their checksum"),
    ],
)
def test_a_flipped_bit_is_reported_with_its_append(
    path: Path, dataset: str, byte: int, what: str
) -> None:
    flip_bit(path, dataset, byte)
    with open_run(path) as run:
        with pytest.raises(RunFileError, match=f"append 1 of tdc .*{what}.*1 appends before"):
            list(run.tags())
        blocks = list(run.tags(on_damage="flag"))
    assert [len(part) for part in blocks] == [N_TAGS, 0, N_TAGS]
    assert [part.lost for part in blocks] == [0, N_TAGS, 0]
    assert blocks[1].flags == TagFlags.MISSED
    assert (blocks[1].start_ps, blocks[1].stop_ps) == (50_000, 100_000)
    assert blocks[2].times_ps[0] == 100_000


def test_a_flipped_bit_in_a_commit_row_costs_that_append(path: Path) -> None:
    row_bytes = 84
    flip_bit(path, "entry/tags/tdc/index", row_bytes + 30)
    with open_run(path) as run:
        with pytest.raises(RunFileError, match="append 1 of tdc: its index row fails its check"):
            list(run.tags())
        blocks = list(run.tags(on_damage="flag"))
    assert [part.start_ps for part in blocks] == [0, 100_000]
    assert blocks[1].flags == TagFlags.GAP


def test_a_damaged_point_leaves_the_tags_readable(path: Path) -> None:
    flip_bit(path, "entry/points/data", 3)
    with open_run(path) as run:
        with pytest.raises(RunFileError, match="record 0 of points"):
            run.points()
        assert sum(len(part) for part in run.tags()) == N_APPENDS * N_TAGS
        assert run.status == "finished"


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.02, 0.3, 0.9])
def test_a_truncated_file_is_told(path: Path, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(RunFileError, match=r"does not begin|truncated|not intact"):
        open_run(path)


def test_rows_behind_the_commit_index_are_not_trusted(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        tdc = file["entry/tags/tdc"]
        for name in ("delta", "channel"):
            tdc[name].resize((N_APPENDS * N_TAGS + 100,))
        # A writer that died after HDF5 had extended the index, before the rows came.
        tdc["index"].resize((N_APPENDS + 5,))
    with open_run(path) as run:
        assert sum(len(part) for part in run.tags()) == N_APPENDS * N_TAGS


def test_a_file_of_a_later_version_gives_one_clear_error(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = np.int64(99)
    message = r"format version 99; this labctl reads 1 to \d+. Update labctl"
    for read in (open_run, recover_run):
        with pytest.raises(RunFileError, match=message):
            read(path)
    (damage,) = verify_run(path).damages
    assert "format version 99" in damage.what
