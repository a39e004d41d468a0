from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import copyfile

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError, TagLossError
from labctl.storage import Acknowledgement, Recorder, open_run
from labctl.storage.schema import INDEX_ROW
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


class Disk:
    """The system's fdatasync, which a test can stall or let fail."""

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self.error: OSError | None = None
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._fdatasync = os.fdatasync

    def fdatasync(self, descriptor: int) -> None:
        self.is_asked.set()
        assert self._may_go_on.wait(60)
        if self.error is not None:
            raise self.error
        self._fdatasync(descriptor)

    def stall(self) -> None:
        self.is_asked.clear()
        self._may_go_on.clear()

    def go_on(self) -> None:
        self._may_go_on.set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    yield disk
    disk.go_on()


def stretch(number: int) -> TagBlock:
    """Return the 2000 tags of [2000 n, 2000 n + 2000): 10 000 bytes of the file."""
    times_ps = np.arange(2000 * number, 2000 * (number + 1))
    return TagBlock(
        times_ps, np.ones(2000, np.uint8), 2000 * number, 2000 * (number + 1), sequence=number
    )


def record_one_by_one(recorder: Recorder, times_ps: range) -> None:
    """Record one tag per block, until a block is refused."""
    for time_ps in times_ps:
        recorder.record(
            "tdc",
            TagBlock(np.array([time_ps]), np.ones(1, np.uint8), time_ps, time_ps + times_ps.step),
        )


def test_a_stalled_disk_makes_an_explicit_loss(tmp_path: Path, record: Record, disk: Disk) -> None:
    """One acknowledgement under way, four times its bytes written ahead, then the queue."""
    with record(
        tmp_path / "run.h5", ack_bytes=10_000, queue_bytes=20_000, max_wait_s=0.05
    ) as recorder:
        disk.stall()
        recorder.record("tdc", stretch(0))
        assert disk.is_asked.wait(10)
        # Each is taken from the queue before the next finds room in it; the last one stays there.
        for number in range(1, 6):
            recorder.record("tdc", stretch(number))
        with pytest.raises(TagLossError, match="2000 tags from 12000 to 14000 ps") as caught:
            recorder.record("tdc", stretch(6))
        assert caught.value.device == "tdc"
        # Points have room of their own.
        recorder.point(1, 1, {"counts": 3})
        assert recorder.acknowledged.number == 0
        disk.go_on()
        assert recorder.sync().safe_until_ps == {"tdc": 14_000}
        recorder.record("tdc", stretch(7))
    with open_run(tmp_path / "run.h5") as run:
        blocks = list(run.tags())
        assert len(run.points()) == 1
    times_ps = np.concatenate([part.times_ps for part in blocks])
    assert times_ps.tolist() == [*range(12_000), *range(14_000, 16_000)]
    (lossy,) = (part for part in blocks if part.lost)
    assert (lossy.start_ps, lossy.stop_ps, lossy.lost) == (12_000, 14_000, 2000)
    assert lossy.flags == TagFlags.MISSED
    assert sum(part.live_ps for part in blocks) == 14_000


def test_nothing_is_acknowledged_before_the_disk_has_confirmed(
    tmp_path: Path, record: Record, block: MakeBlock, disk: Disk
) -> None:
    seen: list[Acknowledgement] = []
    confirmed = threading.Event()

    def on_ack(acknowledgement: Acknowledgement) -> None:
        seen.append(acknowledgement)
        confirmed.set()

    with record(tmp_path / "run.h5", ack_interval_s=0.0, on_ack=on_ack) as recorder:
        disk.stall()
        recorder.record("tdc", block([1, 2, 3], stop_ps=50))
        assert disk.is_asked.wait(10)
        assert seen == []
        assert recorder.safe_until_ps("tdc") is None
        disk.go_on()
        assert confirmed.wait(10)
        assert seen[0].safe_until_ps == {"tdc": 50}


def test_the_acknowledged_tail_survives_a_torn_write_of_the_next(
    tmp_path: Path, record: Record, block: MakeBlock, disk: Disk
) -> None:
    """Power is lost while the disk is asked: of all that was written since, nothing arrived."""
    path, image = tmp_path / "run.h5", tmp_path / "image.h5"
    with record(path, ack_interval_s=0.0, ack_bytes=5, queue_bytes=1, max_wait_s=0.05) as recorder:
        recorder.record("tdc", block([1, 2], stop_ps=10))
        recorder.sync()
        acknowledged = recorder.acknowledged
        disk.stall()
        recorder.record("tdc", block([11, 12], start_ps=10, stop_ps=20))
        assert disk.is_asked.wait(10)
        # Four tags may be written ahead; that a block is refused shows that they have been.
        with pytest.raises(TagLossError):
            record_one_by_one(recorder, range(20, 500, 10))
        copyfile(path, image)
        assert recorder.acknowledged == acknowledged
        disk.go_on()
    with h5py.File(image, "r", swmr=True) as file:
        tail = file["entry/tags/tdc/tail"]
        revisions, offset = tail["revision"].tolist(), tail.id.get_offset()
    assert sorted(revisions) == [1, 2]
    with image.open("r+b") as stream:
        stream.seek(offset + revisions.index(2) * INDEX_ROW.itemsize)
        stream.write(bytes(INDEX_ROW.itemsize))
    with open_run(image) as run:
        assert [part.times_ps.tolist() for part in run.tags()] == [[1, 2]]


def test_a_disk_that_fails_ends_the_recording_and_what_was_safe_stays_so(
    tmp_path: Path, record: Record, block: MakeBlock, disk: Disk
) -> None:
    path = tmp_path / "run.h5"
    with record(path, ack_interval_s=1000.0) as recorder:
        recorder.record("tdc", block([1, 2], stop_ps=10))
        recorder.sync()
        disk.error = OSError(errno.EIO, os.strerror(errno.EIO))
        recorder.record("tdc", block([11, 12], start_ps=10, stop_ps=20))
        with pytest.raises(RunFileError, match="Input/output error") as caught:
            recorder.sync()
        assert caught.value.hint == "All up to acknowledgement 1 is intact (tdc to 10 ps)."
        with pytest.raises(RunFileError, match="the recorder stopped"):
            recorder.record("tdc", block([21], start_ps=20, stop_ps=30))
        assert recorder.acknowledged.n_tags == {"tdc": 2}
        with pytest.raises(RunFileError, match="the recorder stopped"):
            recorder.close()
    with open_run(path) as run:
        assert run.status == "interrupted"
        assert next(iter(run.tags())).times_ps.tolist()[:2] == [1, 2]


def test_a_disk_that_fails_is_told_though_nothing_more_comes(
    tmp_path: Path, record: Record, block: MakeBlock, disk: Disk
) -> None:
    """The recorder's thread waits for items then; the failure has to wake it."""
    with record(tmp_path / "run.h5", ack_interval_s=0.0) as recorder:
        disk.stall()
        recorder.record("tdc", block([1]))
        assert disk.is_asked.wait(10)
        disk.error = OSError(errno.EIO, os.strerror(errno.EIO))
        disk.go_on()
        with pytest.raises(RunFileError, match="Input/output error"):
            recorder.sync()
        with pytest.raises(RunFileError, match="the recorder stopped"):
            recorder.close()
