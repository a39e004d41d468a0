from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import (
    Recorder,
    RunHeader,
    TaggerHeader,
    archive_run,
    open_run,
    run_parts,
    verify_run,
)
from labctl.storage.names import part_path
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

N_TAGS = 600_000


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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


def test_a_run_at_1_mcps_on_four_channels_takes_at_most_3_3_bytes_per_tag(
    tmp_path: Path, record: Record
) -> None:
    """The entropy is log2(e * 10^6) + 2 bits, 2.92 bytes; whole bits of the largest step 3.25."""
    path = tmp_path / "run.h5"
    rng = np.random.default_rng(11)
    # Whole chunks of 16 Ki.
    n_tags = 2**20
    times_ps = np.cumsum(rng.exponential(1e6, n_tags).astype(np.int64))
    channels = rng.integers(1, 5, n_tags).astype(np.uint8)
    with record(path, n_channels=4) as recorder:
        recorder.record("tdc", TagBlock(times_ps, channels, 0, int(times_ps[-1]) + 1))
        recorder.end("finished")

    # What does not grow with the tags: header, groups, a chunk of each stream.
    fixed_bytes = 200_000
    assert archive_run(path).bytes_after <= 3.3 * n_tags + fixed_bytes
    with h5py.File(path) as file:
        columns = [file[f"entry/tags/tdc/{name}"] for name in ("delta", "channel")]
        assert sum(column.id.get_storage_size() for column in columns) <= 3.3 * n_tags


def test_many_long_gaps_do_not_widen_the_channels(tmp_path: Path, record: Record) -> None:
    """At 100 cps nearly every tag has an escape of channel 255, yet 3 bits tell 4 channels."""
    path = tmp_path / "run.h5"
    rng = np.random.default_rng(12)
    times_ps = np.cumsum(rng.exponential(1e10, 40_000).astype(np.int64))
    channels = rng.integers(1, 5, times_ps.size).astype(np.uint8)
    with record(path, n_channels=4) as recorder:
        recorder.record("tdc", TagBlock(times_ps, channels, 0, int(times_ps[-1]) + 1))
        recorder.end("finished")

    archive_run(path)

    with h5py.File(path) as file:
        column = file["entry/tags/tdc/channel"]
        # 0 to 4 of smallest 1 and the code of the escape: 3 bits of 8, and 22 bytes of a header.
        assert column.id.get_chunk_info(0).size == column.chunks[0] * 3 // 8 + 22
    with open_run(path) as run:
        np.testing.assert_array_equal(
            np.concatenate([part.times_ps for part in run.tags()]), times_ps
        )


def test_several_taggers_with_losses_keep_everything(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    taggers = [
        TaggerHeader(name="alice", resolution_ps=1, n_channels=8, simulated=True),
        TaggerHeader(name="bob", resolution_ps=1, n_channels=300, simulated=True),
    ]
    rng = np.random.default_rng(13)
    sent: dict[str, list[TagBlock]] = {"alice": [], "bob": []}
    with Recorder(path, RunHeader(experiment="x", simulated=True), taggers) as recorder:
        for at in range(30):
            for tagger in taggers:
                start_ps = at * 10**11
                times = np.sort(rng.integers(start_ps, start_ps + 10**11, int(rng.integers(3000))))
                channels = rng.integers(0, tagger.n_channels, times.size).astype(np.uint16)
                lost = int(rng.integers(3))
                flags = TagFlags.OVERFLOW if lost else TagFlags.NONE
                block = TagBlock(times, channels, start_ps, start_ps + 10**11, at, lost, flags)
                sent[tagger.name].append(block)
                recorder.record(tagger.name, block)
        recorder.end("finished")

    archive_run(path)

    with open_run(path) as run:
        for name, blocks in sent.items():
            found = list(run.tags(name))
            for column in ("times_ps", "channels"):
                np.testing.assert_array_equal(
                    np.concatenate([getattr(block, column) for block in found]),
                    np.concatenate([getattr(block, column) for block in blocks]),
                )
            marked = [(block.start_ps, block.lost) for block in found if block.lost]
            assert marked == [(block.start_ps, block.lost) for block in blocks if block.lost]
    assert verify_run(path).state == "intact"


def test_all_parts_of_a_run_are_archived_whichever_is_named(parted: Path) -> None:
    with open_run(parted) as run:
        times_ps = np.concatenate([block.times_ps for block in run.tags()])
        before = (run.points(), run.log(), run.result)
    told: list[float] = []

    archived = archive_run(part_path(parted, 2), told.append)

    assert archived.parts == len(run_parts(parted)) == 4
    assert archived.bytes_after == sum(part.stat().st_size for part in run_parts(parted))
    for part in run_parts(parted):
        with h5py.File(part) as file:
            assert file["entry/tags/tdc/delta"].scaleoffset is not None
    with open_run(parted) as run:
        np.testing.assert_array_equal(
            np.concatenate([block.times_ps for block in run.tags()]), times_ps
        )
        assert (run.points(), run.log(), run.result) == before
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_parts_that_an_earlier_try_packed_are_left_and_the_others_follow(parted: Path) -> None:
    first, *others = run_parts(parted)
    alone = first.with_name("alone.h5")
    first.rename(alone)
    archive_run(alone)
    packed = alone.read_bytes()
    alone.rename(first)

    assert archive_run(first).parts == 1 + len(others)

    assert first.read_bytes() == packed
    with pytest.raises(RunFileError, match="archived already"):
        archive_run(others[0])


def test_a_damaged_part_keeps_the_whole_run_as_it_is(parted: Path) -> None:
    parts = run_parts(parted)
    parts[2].write_bytes(parts[2].read_bytes()[:-1000])
    before = [part.read_bytes() for part in parts]

    with pytest.raises(RunFileError, match=r"run\.part3\.h5 is damaged"):
        archive_run(parted)

    assert [part.read_bytes() for part in parts] == before


@pytest.mark.parametrize("limit_bytes", [400, 60_000, 1_000_000])
def test_a_disk_that_gets_full_keeps_the_original_and_leaves_nothing_else(
    path: Path, limit_bytes: int
) -> None:
    before = path.read_bytes()

    with (
        largest_file(limit_bytes),
        pytest.raises(RunFileError, match=r"run\.h5 could not be written: .*File too large"),
    ):
        archive_run(path)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["run.h5"]
    archive_run(path)
    assert verify_run(path).state == "intact"
