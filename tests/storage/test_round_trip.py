from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.storage import Recorder, RunFile, RunHeader, TaggerHeader, open_run
from labctl.tags.block import Channels, TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

#: Gaps inside a block, between blocks that adjoin, and up to half of the whole int64 range.
GAPS = st.one_of(st.integers(0, 1000), st.integers(2**32 - 2, 2**34), st.just(2**61))


@st.composite
def streams(draw: st.DrawFn, largest_channel: int) -> list[TagBlock]:
    start_ps = draw(st.sampled_from([0, -(2**62), -3, 2**61]))
    stream = []
    for sequence in range(draw(st.integers(0, 6))):
        times, now = [], start_ps
        for gap in draw(st.lists(GAPS, max_size=8)):
            now = min(now + gap, max(now, 2**62))
            times.append(now)
        channels = draw(
            st.lists(st.integers(0, largest_channel), min_size=len(times), max_size=len(times))
        )
        lost = draw(st.sampled_from([0, 0, 5]))
        flags = draw(st.sampled_from([TagFlags.NONE, TagFlags.NONE, TagFlags.GAP]))
        is_wide = largest_channel > 254
        numbers: Channels = (
            np.array(channels, np.uint16) if is_wide else np.array(channels, np.uint8)
        )
        stop_ps = now + draw(st.integers(1, 100))
        stream.append(
            TagBlock(
                np.array(times, np.int64),
                numbers,
                start_ps,
                stop_ps,
                sequence,
                lost,
                flags,
            )
        )
        start_ps = stop_ps + draw(st.sampled_from([0, 0, 1, -1]))
    return stream


def tags_of(blocks: list[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time), int(channel))
        for block in blocks
        for time, channel in zip(block.times_ps, block.channels, strict=True)
    ]


def coverage(blocks: list[TagBlock]) -> list[tuple[int, int, int, int]]:
    """Return intervals with losses and flags; clean ones that adjoin become one."""
    intervals: list[tuple[int, int, int, int]] = []
    for block in blocks:
        here = (block.start_ps, block.stop_ps, block.lost, int(block.flags))
        if intervals and intervals[-1][1:] == (block.start_ps, 0, 0) == (here[0], *here[2:]):
            intervals[-1] = (intervals[-1][0], block.stop_ps, 0, 0)
        else:
            intervals.append(here)
    return intervals


@settings(max_examples=25, deadline=None)
@given(data=st.data(), largest_channel=st.sampled_from([254, 65_534]))
def test_every_stream_comes_back(data: st.DataObject, largest_channel: int, record: Record) -> None:
    stream = data.draw(streams(largest_channel))
    syncs = data.draw(st.sets(st.integers(0, 5)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        with record(path, n_channels=largest_channel) as recorder:
            for at, block in enumerate(stream):
                recorder.record("tdc", block)
                if at in syncs:
                    recorder.sync()
            recorder.end("finished")
        with open_run(path) as run:
            blocks = list(run.tags())
    assert tags_of(blocks) == tags_of(stream)
    assert coverage(blocks) == coverage(stream)
    assert [block.sequence for block in blocks] == list(range(len(blocks)))


def test_a_time_range_is_cut_out_of_the_blocks(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        for second in range(10):
            times = [second * 10**12 + tenth * 10**11 for tenth in range(10)]
            recorder.record("tdc", block(times, start_ps=times[0], stop_ps=times[0] + 10**12))
            if second == 4:
                recorder.sync()
    with open_run(tmp_path / "run.h5") as run:
        blocks = list(run.tags("tdc", start_s=3.45, stop_s=6.2))
    assert tags_of(blocks) == [(tenth * 10**11, 1) for tenth in range(35, 62)]
    assert (blocks[0].start_ps, blocks[-1].stop_ps) == (3_450_000_000_000, 6_200_000_000_000)


def test_blocks_hold_at_most_the_tags_asked_for(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block(range(700_000)))
    with open_run(tmp_path / "run.h5") as run:
        sizes = [len(part) for part in run.tags()]
    assert sum(sizes) == 700_000
    assert max(sizes) == 65_536


def test_what_is_known_at_the_start_is_in_the_metadata(tmp_path: Path, record: Record) -> None:
    configuration = 'version = 1\n[instruments.pumpe]\nnotiz = "größer als 3 µW"\n'
    header = RunHeader(
        experiment="chsh",
        simulated=True,
        uid="1a2b3c",
        parameters={"dwell_s": 2.0, "angles_deg": np.array([0.0, 22.5])},
        operator="Ada",
        configuration=configuration,
        seed=7,
        planned=16,
        start=datetime(2026, 11, 23, 7, 15, 2, tzinfo=UTC),
    )
    with record(tmp_path / "run.h5", header=header), open_run(tmp_path / "run.h5") as run:
        metadata = run.metadata
        assert run.configuration == configuration
        assert run.status == "running"
    assert metadata["configuration_sha256"] == hashlib.sha256(configuration.encode()).hexdigest()
    assert metadata["parameters"] == {"dwell_s": 2.0, "angles_deg": [0.0, 22.5]}
    assert metadata["start_utc"] == "2026-11-23T07:15:02.000000+00:00"
    assert (metadata["uid"], metadata["seed"], metadata["planned"]) == ("1a2b3c", 7, 16)
    assert metadata["simulated"] is True
    assert "speed" not in metadata


def test_records_come_back_with_their_time(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.point(1, 2, {"angle_deg": np.float64(22.5), "coincidences": np.int64(814)})
        recorder.point(2, 2, {"angle_deg": float("nan")})
        recorder.event("warning", "pump", {"text": "drift"})
        recorder.parameter("pump", "power_mw", 3.0, "mW")
        recorder.snapshot("start", {"pump": {"power_mw": 3.0}})
        recorder.log("línea")
        recorder.end("aborted", "operator", {"s": 2.7}, planned=2, taken=1, repeated=1)
    with open_run(tmp_path / "run.h5") as run:
        first, second = run.points()
        assert (first["angle_deg"], first["coincidences"]) == (22.5, 814)
        assert (first["number"], first["total"]) == (1, 2)
        assert np.isnan(second["angle_deg"])
        assert run.events()[0]["payload"] == {"text": "drift"}
        assert run.parameters()[0]["unit"] == "mW"
        assert run.snapshots()[0]["instruments"] == {"pump": {"power_mw": 3.0}}
        assert run.log() == ["línea"]
        assert run.status == "aborted"
        assert run.result == {"s": 2.7}
        assert (run.end["planned"], run.end["taken"], run.end["repeated"]) == (2, 1, 1)
        assert first["utc_ns"] <= second["utc_ns"] <= run.end["utc_ns"]


def test_a_file_without_an_end_was_interrupted(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5"):
        pass
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "interrupted"
        assert run.result is None


def test_a_growing_file_shows_what_is_acknowledged(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    def count(run: RunFile) -> int:
        return sum(len(part) for part in run.tags())

    with record(tmp_path / "run.h5", ack_interval_s=1000.0) as recorder:
        with open_run(tmp_path / "run.h5") as run:
            assert count(run) == 0
            for step in range(1, 8):
                recorder.record(
                    "tdc", block([10 * step], start_ps=10 * step, stop_ps=10 * step + 10)
                )
                recorder.point(step, 7, {})
                recorder.sync()
                assert (count(run), len(run.points())) == (step, step)
            many = block(range(80, 5000), start_ps=80, stop_ps=5000)
            recorder.record("tdc", many)
            assert count(run) == 7
            assert recorder.sync().n_tags == {"tdc": 4927}
            assert count(run) == 4927
        assert recorder.safe_until_ps("tdc") == 5000


def test_several_taggers_keep_apart_in_the_order_given(tmp_path: Path, block: MakeBlock) -> None:
    taggers = [
        TaggerHeader(
            name=name,
            resolution_ps=125,
            n_channels=4,
            simulated=False,
            channel_names={1: f"{name} H"},
        )
        for name in ("bob", "alice")
    ]
    header = RunHeader(experiment="sync", simulated=False)
    with Recorder(tmp_path / "run.h5", header, taggers) as recorder:
        recorder.record("bob", block([5]))
        recorder.record("alice", block([6, 7]))
    with open_run(tmp_path / "run.h5") as run:
        assert list(run.taggers.values()) == taggers
        assert tags_of(list(run.tags("alice"))) == [(6, 1), (7, 1)]
        with pytest.raises(ValueError, match="bob, alice"):
            run.tags()
        with pytest.raises(ValueError, match='did you mean "alice"'):
            run.tags("alic")
