from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, archive_run, open_run, verify_run
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

N_TAGS = 600_000


@pytest.fixture
def tags() -> tuple[np.ndarray, np.ndarray]:
    """Return a second of Poissonian tags on eight channels, behind a gap of two seconds."""
    rng = np.random.default_rng(4)
    times_ps = 2 * 10**12 + np.cumsum(rng.exponential(1e12 / N_TAGS, N_TAGS).astype(np.int64))
    return times_ps, rng.integers(0, 8, N_TAGS).astype(np.uint8)


@pytest.fixture
def path(tmp_path: Path, record: Record, tags: tuple[np.ndarray, np.ndarray]) -> Path:
    path = tmp_path / "run.h5"
    times_ps, channels = tags
    with record(path) as recorder:
        recorder.record("tdc", TagBlock(times_ps, channels, 0, int(times_ps[-1]) + 1))
        recorder.point(1, 1, {"visibility": float("nan")})
        recorder.figure("plot", b"\x89PNG")
        recorder.end("finished", result={"car": 12.5})
    return path


def test_the_archived_run_is_the_same_to_our_reader_and_smaller(
    path: Path, tags: tuple[np.ndarray, np.ndarray]
) -> None:
    before = path.stat().st_size

    archived = archive_run(path)

    assert (archived.bytes_before, archived.bytes_after) == (before, path.stat().st_size)
    # At 600 kcps the largest of 600 000 gaps is near 1.67 us * ln(600 000): 25 bits of a step and
    # 8 of the escape's channel in the first chunk, 3 in the others, rounded up to whole chunks.
    assert archived.bytes_after < 0.75 * before
    with open_run(path) as run:
        blocks = list(run.tags())
        assert (run.status, run.result, run.figures()) == (
            "finished",
            {"car": 12.5},
            {"plot": b"\x89PNG"},
        )
        assert np.isnan(run.points()[0]["visibility"])
    np.testing.assert_array_equal(np.concatenate([part.times_ps for part in blocks]), tags[0])
    np.testing.assert_array_equal(np.concatenate([part.channels for part in blocks]), tags[1])
    assert verify_run(path).state == "intact"
    assert [file.name for file in path.parent.iterdir()] == ["run.h5"]


def test_h5py_alone_reads_the_same_rows(path: Path) -> None:
    with h5py.File(path, "r") as file:
        delta, channel = (file[f"entry/tags/tdc/{name}"][:] for name in ("delta", "channel"))

    archive_run(path)

    with h5py.File(path, "r") as file:
        tdc = file["entry/tags/tdc"]
        np.testing.assert_array_equal(tdc["delta"][:], delta)
        np.testing.assert_array_equal(tdc["channel"][:], channel)
        assert (tdc["delta"].dtype, tdc["channel"].dtype) == (np.uint32, np.uint8)
        assert tdc.attrs["signal"] == "rate_hz"


def test_steps_of_all_32_bits_are_kept(tmp_path: Path, record: Record, block: MakeBlock) -> None:
    path = tmp_path / "wide.h5"
    times = np.cumsum([0, 2**32 - 1, 2**32, 2**62, 1, 0])
    with record(path) as recorder:
        recorder.record("tdc", block(times, [0, 254, 1, 2, 3, 254]))
        recorder.end("finished")

    archive_run(path)

    with open_run(path) as run:
        (part,) = run.tags()
    assert part.times_ps.tolist() == times.tolist()
    assert part.channels.tolist() == [0, 254, 1, 2, 3, 254]


def test_an_archived_file_is_not_archived_again(path: Path) -> None:
    archive_run(path)
    content = path.read_bytes()

    with pytest.raises(RunFileError, match="archived already"):
        archive_run(path)

    assert path.read_bytes() == content


def test_a_file_that_is_being_written_is_refused(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "growing.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([1, 2, 3]))
        recorder.sync()
        with pytest.raises(RunFileError, match="still being written"):
            archive_run(path)


def test_a_damaged_file_is_refused_and_stays(path: Path) -> None:
    content = path.read_bytes()[:-1000]
    path.write_bytes(content)

    with pytest.raises(RunFileError, match="is damaged; only files that are closed and intact"):
        archive_run(path)

    assert path.read_bytes() == content
