from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from labctl.errors import RunFileError
from labctl.storage import (
    Acknowledgement,
    Recorder,
    RunFile,
    open_part,
    open_run,
    run_parts,
    verify_run,
)
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]
Adjoining = Callable[[int], list[TagBlock]]

SECOND_PS = 10**12


def tags_of(blocks: list[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time), int(channel))
        for block in blocks
        for time, channel in zip(block.times_ps, block.channels, strict=True)
    ]


def test_a_full_file_is_followed_by_the_next_part(parted: Path) -> None:
    parts = run_parts(parted)
    assert [part.name for part in parts] == [
        "run.h5",
        "run.part2.h5",
        "run.part3.h5",
        "run.part4.h5",
    ]
    headers = []
    for part in parts:
        assert verify_run(part).state == "intact"
        with open_part(part) as run:
            headers.append((run.metadata["part"], run.metadata["former_part"]))
            uid = run.metadata["uid"]
    assert headers == [(1, ""), (2, "run.h5"), (3, "run.part2.h5"), (4, "run.part3.h5")]
    with open_run(parted) as run:
        assert run.metadata["uid"] == uid


@pytest.mark.parametrize("name", ["run.h5", "run.part2.h5", "run.part4.h5", "run.nxs"])
def test_any_part_opens_the_whole_run(parted: Path, name: str, adjoining: Adjoining) -> None:
    with open_run(parted.with_name(name)) as run:
        assert run.path == parted
        assert run.parts == run_parts(parted)
        assert tags_of(list(run.tags())) == tags_of(adjoining(9))
        assert [block.sequence for block in run.tags()] == list(range(len(list(run.tags()))))
        assert [(point["number"], point["n"]) for point in run.points()] == [(1, 2), (2, 5), (3, 8)]
        assert [event["payload"] for event in run.events()] == ["block 2", "block 5", "block 8"]
        assert run.log() == ["line 2", "line 5", "line 8"]
        assert run.figures() == {"result": b"\x89PNG\x08"}
        assert (run.status, run.result) == ("finished", {"answer": 42})
        assert run.tag_counts() == {"tdc": sum(len(block) for block in adjoining(9))}


def test_the_seam_leaves_no_gap(parted: Path) -> None:
    with open_run(parted) as run:
        blocks = list(run.tags())
    assert blocks[0].start_ps == 0
    assert all(a.stop_ps == b.start_ps for a, b in itertools.pairwise(blocks))
    assert blocks[-1].stop_ps == 9 * SECOND_PS
    assert not any(block.flags for block in blocks)


@pytest.mark.parametrize(("start_s", "stop_s"), [(2.5, 3.25), (5.0, 6.0), (0.0, 9.0), (8.5, None)])
def test_an_interval_counts_from_the_beginning_of_the_run(
    parted: Path, start_s: float, stop_s: float | None, adjoining: Adjoining
) -> None:
    first_ps = round(start_s * SECOND_PS)
    stop_ps = round((9 if stop_s is None else stop_s) * SECOND_PS)
    with open_run(parted) as run:
        blocks = list(run.tags(start_s=start_s, stop_s=stop_s))
    assert (blocks[0].start_ps, blocks[-1].stop_ps) == (first_ps, stop_ps)
    inside = [
        (time, channel) for time, channel in tags_of(adjoining(9)) if first_ps <= time < stop_ps
    ]
    assert tags_of(blocks) == inside


def test_acknowledgements_count_the_whole_run(
    tmp_path: Path, record: Record, adjoining: Adjoining
) -> None:
    acknowledgements: list[Acknowledgement] = []
    blocks = adjoining(6)
    with record(
        tmp_path / "run.h5", file_limit_bytes=1, on_ack=acknowledgements.append
    ) as recorder:
        for n, block in enumerate(blocks, 1):
            recorder.record("tdc", block)
            recorder.point(n, 6, {})
            assert recorder.sync().n_tags["tdc"] == sum(len(block) for block in blocks[:n])
            assert recorder.safe_until_ps("tdc") == block.stop_ps
    numbers = [acknowledgement.number for acknowledgement in acknowledgements]
    assert numbers == sorted(set(numbers))
    assert acknowledgements[-1].n_records["points"] == 6


def test_a_reader_follows_a_growing_run_into_its_next_parts(
    tmp_path: Path, record: Record, adjoining: Adjoining
) -> None:
    path = tmp_path / "run.h5"
    blocks = adjoining(6)
    with record(path, file_limit_bytes=1) as recorder, open_run(path) as run:
        for n, block in enumerate(blocks, 1):
            recorder.record("tdc", block)
            recorder.sync()
            assert tags_of(list(run.tags())) == tags_of(blocks[:n])
            assert (run.status, len(run.parts)) == ("running", n + 1)
        recorder.end("aborted", "enough")
        recorder.close()
        assert (run.status, run.end["reason"]) == ("aborted", "enough")


def test_the_former_part_is_closed_before_the_next_takes_data(
    tmp_path: Path, record: Record, adjoining: Adjoining
) -> None:
    path = tmp_path / "run.h5"
    with record(path, file_limit_bytes=1) as recorder:
        for block in adjoining(3):
            recorder.record("tdc", block)
            recorder.sync()
            *former, newest = run_parts(path)
            assert all(verify_run(part).state == "intact" for part in former)
            with open_part(newest) as run:
                assert run.tag_counts() == {"tdc": 0}


def test_two_taggers_go_on_together(tmp_path: Path, adjoining: Adjoining) -> None:
    from labctl.storage import RunHeader, TaggerHeader  # noqa: PLC0415 - used here only

    taggers = [
        TaggerHeader(name=name, resolution_ps=1, n_channels=n_channels, simulated=True)
        for name, n_channels in (("b", 8), ("a", 300))
    ]
    path = tmp_path / "run.h5"
    blocks = adjoining(4)
    header = RunHeader(experiment="two", simulated=True)
    with Recorder(path, header, taggers, file_limit_bytes=1) as recorder:
        for n, block in enumerate(blocks):
            recorder.record("ab"[n % 2], block)
            recorder.sync()
        recorder.end("finished")
    with open_run(path) as run:
        assert list(run.taggers) == ["b", "a"]
        assert tags_of(list(run.tags("a"))) == tags_of(blocks[0::2])
        assert tags_of(list(run.tags("b", start_s=0.0))) == tags_of(blocks[1::2])


def test_a_next_part_that_cannot_be_made_stops_the_recorder_with_all_it_acknowledged(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "run.h5"
    (tmp_path / "run.part2.h5").write_bytes(b"somebody's")
    with record(path, file_limit_bytes=1) as recorder:
        recorder.record("tdc", block([1, 2, 3]))
        with pytest.raises(RunFileError, match=r"run\.part2\.h5 exists"):
            recorder.sync()
        with pytest.raises(RunFileError, match=r"run\.part2\.h5 exists"):
            recorder.close()
    assert (tmp_path / "run.part2.h5").read_bytes() == b"somebody's"
    with open_part(path) as run:
        assert tags_of(list(run.tags())) == [(1, 1), (2, 1), (3, 1)]


def test_reading_while_the_recorder_rolls_over_sees_a_beginning_of_the_stream(
    tmp_path: Path, record: Record, adjoining: Adjoining
) -> None:
    path = tmp_path / "run.h5"
    expected = tags_of(adjoining(15))
    seen: list[int] = []
    done = threading.Event()
    faults: list[BaseException] = []

    def read() -> None:
        try:
            with open_run(path) as run:
                while not done.is_set():
                    tags = tags_of(list(run.tags()))
                    assert tags == expected[: len(tags)]
                    seen.append(len(tags))
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            faults.append(error)

    with record(path, file_limit_bytes=1, ack_interval_s=0.0) as recorder:
        reader = threading.Thread(target=read)
        reader.start()
        for block in adjoining(15):
            recorder.record("tdc", block)
            recorder.sync()
        done.set()
        reader.join()
    assert not faults
    assert seen == sorted(seen)


def test_a_run_of_one_file_has_one_part(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        assert isinstance(run, RunFile)
        assert run.parts == (tmp_path / "run.h5",)
