from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from labctl.errors import RunFileError
from labctl.storage import Acknowledgement, Recorder, open_run
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


def test_an_acknowledgement_comes_without_being_asked_for(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    arrived = threading.Event()
    seen: list[Acknowledgement] = []

    def on_ack(acknowledgement: Acknowledgement) -> None:
        seen.append(acknowledgement)
        arrived.set()

    with record(tmp_path / "run.h5", ack_interval_s=0.01, on_ack=on_ack) as recorder:
        assert recorder.safe_until_ps("tdc") is None
        recorder.record("tdc", block([1, 2, 3], stop_ps=50))
        assert arrived.wait(10)
        assert recorder.safe_until_ps("tdc") == 50
        assert recorder.acknowledged == seen[0]
    assert seen[0].number == 1
    assert seen[0].n_tags == {"tdc": 3}


def test_enough_bytes_are_acknowledged_before_the_time_is_up(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    arrived = threading.Event()
    with record(
        tmp_path / "run.h5",
        ack_interval_s=1000.0,
        ack_bytes=500,
        on_ack=lambda _: arrived.set(),
    ) as recorder:
        # 99 tags are 495 bytes, 100 are 500.
        recorder.record("tdc", block(range(99)))
        assert not arrived.is_set()
        recorder.record("tdc", block([99]))
        assert arrived.wait(10)


def test_a_failing_consumer_does_not_end_the_recording(
    tmp_path: Path, record: Record, block: MakeBlock, caplog: pytest.LogCaptureFixture
) -> None:
    def on_ack(_: Acknowledgement) -> None:
        raise ZeroDivisionError

    with record(tmp_path / "run.h5", on_ack=on_ack) as recorder:
        recorder.record("tdc", block([1]))
        recorder.sync()
        recorder.record("tdc", block([2]))
        assert recorder.sync().n_tags == {"tdc": 2}
    assert "on_ack" in caplog.text


FORGETFUL = """
import sys
from pathlib import Path
from labctl.storage import Recorder, RunHeader
recorder = Recorder(
    Path(sys.argv[1]), RunHeader(experiment="test", simulated=True), [], ack_interval_s=0.0
)
for number in range(1, 1001):
    recorder.point(number, 1000, {"counts": number})
"""


def test_a_program_that_forgets_to_close_ends_and_keeps_what_it_recorded(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    subprocess.run([sys.executable, "-c", FORGETFUL, str(path)], check=True, timeout=60)
    with open_run(path) as run:
        assert run.status == "interrupted"
        assert len(run.points()) == 1000


def test_a_run_is_never_overwritten(tmp_path: Path, record: Record, block: MakeBlock) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([1, 2]))
    content = path.read_bytes()
    with pytest.raises(RunFileError, match="never overwritten"), record(path):
        pass
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, record: Record) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunFileError, match="could not be created"),
        record(tmp_path / "file" / "run.h5"),
    ):
        pass


def test_after_its_end_a_run_takes_nothing_more(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        with pytest.raises(ValueError, match="finished, aborted, failed"):
            recorder.end("done")  # type: ignore[arg-type] # what a script without types may do
        recorder.end("failed", "interlock")
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.record("tdc", block([1]))
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.point(1, 1, {})
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.end("finished")
        recorder.close()
        recorder.close()
    with open_run(tmp_path / "run.h5") as run:
        assert (run.status, run.end["reason"]) == ("failed", "interlock")


def test_unknown_taggers_and_the_reserved_channel_are_refused(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        with pytest.raises(ValueError, match="'tdx' is not a tagger"):
            recorder.record("tdx", block([1]))
        with pytest.raises(ValueError, match="channel 255 is outside 0 to 254"):
            recorder.record("tdc", block([1], [255]))
        with pytest.raises(TypeError, match="cannot be stored as JSON"):
            recorder.point(1, 1, {"recorder": recorder})
