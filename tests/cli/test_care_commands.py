from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run
from labctl.tags.block import TagBlock

Labctl = Callable[..., Any]
Spawn = Callable[..., Any]

N_TAGS = 5000


@pytest.fixture
def finished(here: Path) -> Path:
    """Return a finished run of two appends of 5000 tags, 10 ps apart."""
    path = here / "run.h5"
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)
    with Recorder(path, RunHeader(experiment="test", simulated=True), [tagger]) as recorder:
        for first_ps in (0, 50_000):
            times = np.arange(first_ps, first_ps + 50_000, 10)
            channels = np.ones(N_TAGS, np.uint8)
            recorder.record("tdc", TagBlock(times, channels, first_ps, first_ps + 50_000))
            recorder.sync()
        recorder.point(1, 1, {"counts": 1})
        recorder.end("finished")
    return path


@pytest.fixture
def damaged(finished: Path) -> Path:
    """Return the run with one bit of the second append's times inverted."""
    with h5py.File(finished, "r") as file:
        chunk = file["entry/tags/tdc/delta"].id.get_chunk_info(0)
    content = bytearray(finished.read_bytes())
    content[chunk.byte_offset + 4 * (N_TAGS + 17)] ^= 1
    path = finished.with_name("damaged.h5")
    path.write_bytes(content)
    return path


def test_a_sound_run_is_verified_with_0(finished: Path, labctl: Labctl) -> None:
    told = labctl("verify", finished)

    assert told.code == 0
    assert "run.h5: intact" in told.out
    assert (
        "tdc: 10000 tags in 2 of 2 appends all readable from 0 to 100000 ps, 0 recorded as lost"
        in told.out
    )


def test_damage_is_told_with_its_interval_and_ends_with_1(
    finished: Path, damaged: Path, labctl: Labctl
) -> None:
    told = labctl("verify", finished, damaged)

    assert told.code == 1
    assert "run.h5: intact" in told.out
    assert "damaged.h5: DAMAGED" in told.out
    assert (
        "append 1 of tdc: its times fail their checksum from 50000 to 100000 ps "
        "(5000 tags unreadable)" in told.out
    )
    assert "tdc: 5000 tags in 1 of 2 appends readable" in told.out
    assert "also readable: 1 points, 1 end" in told.out


def test_verify_tells_machines_all_of_it(finished: Path, damaged: Path, labctl: Labctl) -> None:
    told = labctl("verify", finished, damaged, "missing.h5", "--json")

    assert told.code == 1
    intact, broken, missing = told.json
    assert (intact["state"], intact["status"], intact["damages"]) == ("intact", "finished", [])
    assert intact["taggers"]["tdc"]["tags"] == 10_000
    (damage,) = broken["damages"]
    assert (damage["where"], damage["start_ps"]) == ("append 1 of tdc", 50_000)
    assert missing["state"] == "damaged"
    assert "No such file" in missing["damages"][0]["what"]


def test_recover_tells_what_it_wrote_and_what_is_missing(damaged: Path, labctl: Labctl) -> None:
    told = labctl("recover", damaged, "--to", "saved.h5")

    assert told.code == 0
    assert "wrote saved.h5" in told.out
    assert "tdc: 5000 tags" in told.out
    assert "not recovered: append 1 of tdc: its times fail their checksum" in told.err
    assert labctl("verify", "saved.h5").code == 0


def test_recover_replaces_the_file_when_told_to(damaged: Path, labctl: Labctl) -> None:
    told = labctl("recover", damaged, "--replace", "--json")

    assert told.code == 0
    assert told.json["path"] == str(damaged)
    assert told.json["kept"] == f"{damaged}.damaged"
    assert (told.json["tags"], told.json["tags_lost"]) == ({"tdc": 5000}, 5000)
    with open_run(damaged) as run:
        assert run.status == "interrupted"
    assert labctl("verify", f"{damaged}.damaged").code == 1


def test_recover_refuses_what_needs_nothing(finished: Path, labctl: Labctl) -> None:
    told = labctl("recover", finished)

    assert told.code == 1
    assert "needs no recovery" in told.err
    assert [path.name for path in finished.parent.iterdir()] == ["run.h5"]


def test_recover_takes_one_destination_only(damaged: Path, labctl: Labctl) -> None:
    told = labctl("recover", damaged, "--replace", "--to", "saved.h5")

    assert told.code == 2
    assert "--to and --replace exclude each other" in told.err


def test_a_killed_run_is_refused_while_it_grows_and_recovered_afterwards(
    spawn: Spawn, bench: Path, labctl: Labctl
) -> None:
    run = spawn(
        "run", "counting", "-p", "dwell_s=60", "--simulated", "--config", bench, "--progress",
        "json", "--out", "runs",
    )  # fmt: skip
    path = run.status(lambda status: status["safe_until_ps"])["path"]
    growing = labctl("verify", path)
    assert growing.code == 0
    assert "unfinished but sound; its recorder is still writing it" in growing.out
    refused = labctl("recover", path)
    assert refused.code == 1
    assert "is still being written by its recorder" in refused.err
    run.process.kill()
    run.process.wait()
    assert "its recorder was killed" in labctl("verify", path).out

    recovered = labctl("recover", path, "--replace", "--json")

    assert recovered.code == 0
    shown = labctl("show", path, "--json").json
    assert (shown["status"], shown["tags"]) == ("interrupted", recovered.json["tags"])
    assert shown["tags"]["tagger"] > 0
    assert "whose recorder was killed" in shown["reason"]
    assert labctl("verify", path, "--json").json[0]["state"] == "intact"


def test_archive_tells_what_it_saved(finished: Path, labctl: Labctl) -> None:
    before = finished.stat().st_size

    told = labctl("archive", finished, "--json")

    assert told.code == 0
    (archived,) = told.json
    assert (archived["bytes_before"], archived["bytes_after"]) == (before, finished.stat().st_size)
    assert archived["bytes_after"] < before
    assert labctl("verify", finished, "--json").json[0]["taggers"]["tdc"]["tags"] == 10_000
    again = labctl("archive", finished)
    assert again.code == 1
    assert "archived already" in again.err


def test_archive_goes_on_after_a_file_that_it_leaves_as_it_is(
    finished: Path, damaged: Path, labctl: Labctl
) -> None:
    before = damaged.read_bytes()

    told = labctl("archive", damaged, finished, "--json")

    assert told.code == 1
    failed, archived = told.json
    assert failed["path"] == str(damaged)
    assert "is damaged; only files that are closed and intact are archived" in failed["error"]
    assert archived["bytes_after"] < archived["bytes_before"]
    assert damaged.read_bytes() == before
    assert "error: " in told.err
