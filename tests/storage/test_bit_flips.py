"""One bit after the other is flipped, anywhere in a run of two taggers with points and a log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run, recover_run, verify_run
from labctl.storage.superblock import ClosedView
from labctl.tags.block import TagBlock

MakeBlock = Callable[..., TagBlock]


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
    flip_many_bits(TwoTaggers(tmp_path / "two.h5", block, was_closed=was_closed), 30)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("was_closed", [True, False])
def test_500_flipped_bits_are_told_or_harmless(
    tmp_path: Path, block: MakeBlock, *, was_closed: bool
) -> None:
    flip_many_bits(TwoTaggers(tmp_path / "two.h5", block, was_closed=was_closed), 500)


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
