from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run, recover_run, verify_run
from labctl.storage.superblock import ClosedView
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


@pytest.mark.parametrize("was_closed", [True, False])
def test_every_flipped_byte_is_found_or_harmless(
    path: Path, left_behind: Path, *, was_closed: bool
) -> None:
    path = path if was_closed else left_behind
    content = path.read_bytes()
    rng = np.random.default_rng(5)
    expected = np.arange(N_APPENDS * N_TAGS) * 10
    # Metadata are a small part of the file and lie at its beginning.
    places = np.append(rng.integers(0, len(content), 40), rng.integers(0, 20_000, 80))
    for at in places:
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            with open_run(path) as run:
                times = np.concatenate([part.times_ps for part in run.tags()])
        except RunFileError:
            continue
        np.testing.assert_array_equal(times, expected)


class TwoTaggers:
    """A run of two taggers, points and a log, and the contents that it must have."""

    names = ("left", "right")

    def __init__(self, path: Path, block: MakeBlock, *, was_closed: bool) -> None:
        self.path = path
        self.times = {"left": np.arange(0, 90_000, 7), "right": np.arange(0, 90_000, 11)}
        self.n_points = 20
        taggers = [
            TaggerHeader(name=name, resolution_ps=1, n_channels=8, simulated=True)
            for name in self.names
        ]
        growing = path.with_name("growing.h5")
        header = RunHeader(experiment="damaged", simulated=True)
        with Recorder(growing, header, taggers) as recorder:
            for at in range(3):
                first, stop = at * 30_000, (at + 1) * 30_000
                for name, times in self.times.items():
                    part = times[(times >= first) & (times < stop)]
                    recorder.record(name, block(part, start_ps=first, stop_ps=stop))
                recorder.sync()
            for number in range(1, self.n_points + 1):
                recorder.point(number, self.n_points, {"counts": number * 3})
                recorder.log(f"line {number}")
            recorder.sync()
            shutil.copy(growing, path)
            recorder.end("finished")
        if was_closed:
            growing.replace(path)
        self.content = path.read_bytes()

    def places(self, rng: np.random.Generator, n_places: int) -> list[int]:
        """Return random places in each kind of bytes that the file has."""
        areas = [(0, 48), (0, 40_000), (0, len(self.content))]
        with h5py.File(ClosedView(self.path), "r") as file:
            entry = file["entry"]
            for name in ("tags/left", "tags/right", "points", "log", "end", "header"):
                for column in entry[name].values():
                    areas += _areas(column)
        return [int(rng.integers(*areas[at % len(areas)])) for at in range(n_places)]

    def compare(self, path: Path) -> int:
        """Return how many taggers were read whole; nothing wrong may be told without a flag."""
        n_whole = 0
        with open_run(path) as run:
            for name in run.taggers:
                try:
                    found = list(run.tags(name, on_damage="flag"))
                except RunFileError:
                    continue
                times = np.concatenate([np.empty(0, np.int64), *(part.times_ps for part in found)])
                truth = self.times[name]
                assert np.isin(times, truth).all()
                is_flagged = any(part.flags or part.lost for part in found)
                # The last rows of the index may be gone without a row behind them to carry a flag.
                np.testing.assert_array_equal(
                    times, truth[: times.size] if not is_flagged else times
                )
                n_whole += times.size == truth.size
            with suppress(RunFileError):
                counts = [point["counts"] for point in run.points()]
                assert counts == sorted(set(counts) & set(range(3, 3 * self.n_points + 3, 3)))
        return n_whole


def _areas(column: h5py.Dataset) -> list[tuple[int, int]]:
    """Return where the bytes of a dataset lie in the file that anything was written to."""
    n_bytes = column.size * column.dtype.itemsize
    if not n_bytes:
        return []
    at = (
        column.id.get_offset() if column.chunks is None else column.id.get_chunk_info(0).byte_offset
    )
    return [(at, at + n_bytes)]


def flip_many_bits(two: TwoTaggers, n_flips: int) -> None:
    """Flip one bit at a time and read, verify and recover what is left."""
    rng = np.random.default_rng(8)
    for number, at in enumerate(two.places(rng, n_flips)):
        damaged = bytearray(two.content)
        damaged[at] ^= 1 << int(rng.integers(8))
        two.path.write_bytes(damaged)
        found = verify_run(two.path)
        with suppress(RunFileError):
            n_whole = two.compare(two.path)
            if found.is_sound:
                assert n_whole == len(two.names)
                assert found.records["points"] == two.n_points
        if not found.is_sound and number % 4 == 0:
            with suppress(RunFileError):
                copy = recover_run(two.path).path
                assert verify_run(copy).is_sound
                two.compare(copy)
            two.path.with_name("two.recovered.h5").unlink(missing_ok=True)


@pytest.mark.parametrize("was_closed", [True, False])
def test_a_flipped_bit_anywhere_is_told_or_harmless(
    tmp_path: Path, block: MakeBlock, *, was_closed: bool
) -> None:
    flip_many_bits(TwoTaggers(tmp_path / "two.h5", block, was_closed=was_closed), 60)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("was_closed", [True, False])
def test_2000_flipped_bits_are_told_or_harmless(
    tmp_path: Path, block: MakeBlock, *, was_closed: bool
) -> None:
    flip_many_bits(TwoTaggers(tmp_path / "two.h5", block, was_closed=was_closed), 2000)


@pytest.mark.parametrize("dataset", ["points/data", "points/index", "log/data", "log/index"])
def test_damage_to_a_stream_of_records_costs_one_record(
    tmp_path: Path, block: MakeBlock, dataset: str
) -> None:
    two = TwoTaggers(tmp_path / "two.h5", block, was_closed=True)
    flip_bit(two.path, f"entry/{dataset}", 2)

    found = verify_run(two.path)

    stream = dataset.partition("/")[0]
    assert [damage.where for damage in found.damages] == [f"record 0 of {stream}"]
    assert found.records[stream] == two.n_points - 1
    assert two.compare(two.path) == len(two.names)


@pytest.mark.parametrize("byte", [9, 20, 44])
def test_tags_behind_a_damaged_superblock_are_recovered(
    tmp_path: Path, block: MakeBlock, byte: int
) -> None:
    two = TwoTaggers(tmp_path / "two.h5", block, was_closed=True)
    damaged = bytearray(two.content)
    damaged[byte] ^= 1
    two.path.write_bytes(damaged)
    with pytest.raises(RunFileError, match=r"damaged: its first 48 bytes are not intact"):
        open_run(two.path)

    assert verify_run(two.path).damages[0].where == "file"
    if byte == 44:  # the checksum itself; the others say how the rest is to be read
        assert two.compare(recover_run(two.path).path) == len(two.names)


def test_a_file_of_a_later_version_gives_one_clear_error(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = np.int64(99)
    message = r"format version 99; this labctl reads 1 to \d+. Update labctl"
    for read in (open_run, recover_run):
        with pytest.raises(RunFileError, match=message):
            read(path)
    (damage,) = verify_run(path).damages
    assert "format version 99" in damage.what
