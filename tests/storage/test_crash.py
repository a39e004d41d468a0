from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, open_run, recover_run, verify_run
from labctl.storage.superblock import has_begun
from labctl.storage.writer_lock import has_live_writer
from tests.storage.recording_process import TAGGERS, Recording
from tests.storage.recordings import (
    Outcome,
    Server,
    assert_published_is_there,
    counted_recordings,
    done_alone,
)

NOTHING = {"n_tags": {"near": 0, "far": 0}, "safe_until_ps": {}, "n_points": 0, "n_ends": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counted_recordings(tmp_path_factory.mktemp("interposer")) as server:
        yield server


def n_calls_of(server: Server, folder: Path, recording: Recording) -> int:
    """Return how many calls to the disk the recording makes, from its creation to its close."""
    folder.mkdir()
    outcome = server.run(replace(recording, path=str(folder / "run.h5")))
    assert (outcome.return_code, outcome.error) == (0, "")
    return outcome.n_calls


def killed(server: Server, folder: Path, recording: Recording) -> tuple[str, Outcome]:
    """Kill a recording at one of its calls, look at what is left, and tell in a word what it was.

    At a write, some or all of its whole pages arrive before the death.
    """
    folder.mkdir()
    path = folder / "run.h5"
    outcome = server.run(replace(recording, path=str(path)))
    assert (outcome.return_code, outcome.error) == (-signal.SIGKILL, "")
    assert not has_live_writer(path)
    assert_a_new_recorder_can_start(folder)
    told = outcome.published[-1] if outcome.published else NOTHING
    if not path.exists() or not has_begun(path):
        assert told is NOTHING
        if not opens_as_a_run_without_records(path, recording):
            return "not begun", outcome
    assert_published_is_there(path, recording, told)
    found = verify_run(path)
    # A write that arrived in part is told; it can have been nothing but a row or a table of HDF5.
    assert not any(damage.tags_unreadable for damage in found.damages), found.damages
    assert recording.tear_permille or found.is_sound, found.damages
    if found.state == "intact":
        return "closed", outcome
    recovery = recover_run(path)
    assert (len(recovery.problems), recovery.tags_lost) == (len(found.damages), 0)
    assert verify_run(recovery.path).state == "intact"
    assert_published_is_there(recovery.path, recording, told)
    return "recovered", outcome


def assert_a_new_recorder_can_start(folder: Path) -> None:
    with Recorder(folder / "next.h5", RunHeader(experiment="next", simulated=True), TAGGERS) as new:
        new.end("finished")
    assert verify_run(folder / "next.h5").state == "intact"


def opens_as_a_run_without_records(path: Path, recording: Recording) -> bool:
    """Return whether HDF5 had written everything; if not, everyone must be told the reason."""
    message = "holds no run|is empty: nothing was recorded" if path.exists() else "No such file"
    try:
        open_run(path).close()
    except RunFileError as error:
        assert re.search(message, str(error))  # noqa: PT017 - both outcomes are right
        assert not verify_run(path).is_sound
        with pytest.raises(RunFileError, match=message):
            recover_run(path)
        return False
    assert_published_is_there(path, recording, NOTHING)
    return True


def call_to_die_at(n_calls: int, kill: int, n_kills: int) -> tuple[int, int]:
    """Return a random call out of part `kill` of `n_kills` equal parts, and how torn a write is."""
    chance = random.Random(kill)
    at = 1 + int((kill + chance.random()) * n_calls / n_kills)
    return at, chance.choice([0, 500, 1000])


def test_kill_9_at_10_calls_of_a_recording_loses_nothing_acknowledged(
    tmp_path: Path, server: Server
) -> None:
    recording = Recording("", 5, 12, 3600.0)
    n_calls = n_calls_of(server, tmp_path / "whole", recording)
    ends = set()
    for kill in range(10):
        at, torn = call_to_die_at(n_calls, kill, 10)
        asked = replace(recording, kill_at=at, tear_permille=torn)
        ends.add(killed(server, tmp_path / str(kill), asked)[0])
    assert {"not begun", "recovered"} <= ends


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_9_at_200_calls_of_recordings_loses_nothing_acknowledged(
    tmp_path: Path, server: Server
) -> None:
    ends: list[str] = []
    n_with_tags = 0
    for seed in range(4):
        recording = Recording("", seed, 40, 3600.0)
        n_calls = n_calls_of(server, tmp_path / f"whole {seed}", recording)
        for kill in range(50):
            at, torn = call_to_die_at(n_calls, kill, 50)
            asked = replace(recording, kill_at=at, tear_permille=torn)
            end, outcome = killed(server, tmp_path / f"{seed} {kill}", asked)
            ends.append(end)
            n_with_tags += any(told["n_tags"]["near"] for told in outcome.published)
    counts = {end: ends.count(end) for end in sorted(set(ends))}
    print(f"{len(ends)} kills: {counts}, {n_with_tags} with tags acknowledged")  # noqa: T201 - shown with -s
    assert len(ends) == 200
    assert n_with_tags >= 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_9_while_the_disk_is_waited_for_loses_nothing_acknowledged(
    tmp_path: Path, server: Server
) -> None:
    """Acknowledged every millisecond, rows are written during the wait for those before them."""
    recording = Recording("", 9, 200, 0.001)
    n_calls = n_calls_of(server, tmp_path / "whole", recording)
    for kill in range(50):
        # The number of calls varies with the speed of the disk; these are there in any case.
        at, torn = call_to_die_at(n_calls // 2, kill, 50)
        asked = replace(recording, kill_at=at, tear_permille=torn)
        killed(server, tmp_path / str(kill), asked)


def kill_recoveries(server: Server, folder: Path, n_kills: int) -> None:
    """Kill recoveries in place at calls spread over all of theirs; each file is recovered later."""
    recording = Recording("", 5, 12, 3600.0)
    n_calls = n_calls_of(server, folder / "whole", recording)
    left_behind = folder / "left behind"
    _, outcome = killed(server, left_behind, replace(recording, kill_at=n_calls - 5))
    content = (left_behind / "run.h5").read_bytes()
    (left_behind / "run.recovered.h5").unlink()
    recovery = replace(recording, path=str(left_behind / "run.h5"), task="recover")
    n_calls = server.run(recovery).n_calls
    assert n_calls > n_kills
    for kill in range(n_kills):
        at, torn = call_to_die_at(n_calls - 10, kill, n_kills)
        path = folder / f"recovery {kill}" / "run.h5"
        path.parent.mkdir()
        path.write_bytes(content)
        asked = replace(recovery, path=str(path), kill_at=at, tear_permille=torn)
        assert server.run(asked).return_code == -signal.SIGKILL
        assert_published_is_there(path, recording, outcome.published[-1])
        if verify_run(path).state != "intact":
            assert server.run(replace(asked, kill_at=0)).n_calls
        assert verify_run(path).state == "intact"
        assert_published_is_there(path, recording, outcome.published[-1])
        assert (path.parent / "run.h5.damaged").read_bytes() == content
        assert not list(path.parent.glob("*.partial"))


def test_a_recovery_that_is_killed_can_be_made_again(tmp_path: Path, server: Server) -> None:
    kill_recoveries(server, tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_recovery_that_is_killed_at_60_calls_can_be_made_again(
    tmp_path: Path, server: Server
) -> None:
    kill_recoveries(server, tmp_path, 60)


@pytest.mark.parametrize("limit_bytes", [3_000_000, 3_200_000])
def test_a_full_disk_ends_the_run_with_all_acknowledged_intact(
    tmp_path: Path, limit_bytes: int
) -> None:
    recording = Recording(str(tmp_path / "full.h5"), 1, limit_bytes=limit_bytes)
    outcome = done_alone(recording)
    assert outcome.return_code == 0
    assert "the recorder stopped" in outcome.error
    n_acknowledged = len(outcome.published) - 1
    assert f"All up to acknowledgement {n_acknowledged} is intact" in outcome.error
    assert outcome.published[-1]["n_tags"]["near"] > 0
    assert_published_is_there(tmp_path / "full.h5", recording, outcome.published[-1])
    with open_run(tmp_path / "full.h5") as run:
        assert run.status == "interrupted"


def test_a_disk_full_at_the_start_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "full.h5"
    outcome = done_alone(Recording(str(path), 1, limit_bytes=2_000))
    assert "could not be created" in outcome.error
    assert outcome.published == []
    assert outcome.return_code == 0
    assert not path.exists()
    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        open_run(path)
