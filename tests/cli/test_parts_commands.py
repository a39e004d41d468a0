from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run, verify_run
from labctl.tags.block import TagBlock, TagFlags

Labctl = Callable[..., Any]

PARTS = ("run.h5", "run.part2.h5", "run.part3.h5")


@pytest.fixture
def run_file(here: Path) -> Path:
    """Return the first of three files, of 1000 tags 10 ps apart each; the last has the end."""
    path = here / "data" / "run.h5"
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)
    header = RunHeader(experiment="long", simulated=True, uid="abc123", operator="Ada")
    with Recorder(path, header, [tagger], file_limit_bytes=1, ack_interval_s=1000.0) as recorder:
        for first_ps in (0, 10_000, 20_000):
            times = np.arange(first_ps, first_ps + 10_000, 10)
            block = TagBlock(times, np.ones(1000, np.uint8), first_ps, first_ps + 10_000)
            recorder.record("tdc", block)
            recorder.point(first_ps // 10_000 + 1, 3, {"power_mw": first_ps / 1e4, "counts": 1000})
            if first_ps < 20_000:
                recorder.sync()
        recorder.end("finished")
    assert [file.name for file in sorted(path.parent.glob("*.h5"))] == list(PARTS)
    return path


@pytest.fixture
def damaged(run_file: Path) -> Path:
    """Return the first file after one bit of the second one's times was inverted."""
    part = run_file.with_name("run.part2.h5")
    with h5py.File(part, "r") as file:
        chunk = file["entry/tags/tdc/delta"].id.get_chunk_info(0)
    content = bytearray(part.read_bytes())
    content[chunk.byte_offset + 400] ^= 1
    part.write_bytes(content)
    return run_file


def test_a_run_is_listed_once(run_file: Path, labctl: Labctl) -> None:
    found = json.loads(labctl("runs", run_file.parent, "--json").out)
    assert [(run["uid"], run["status"], Path(run["path"]).name) for run in found] == [
        ("abc123", "finished", "run.h5")
    ]


def test_a_run_with_a_missing_part_is_listed_as_damaged(run_file: Path, labctl: Labctl) -> None:
    run_file.unlink()
    found = json.loads(labctl("runs", run_file.parent, "--json").out)
    assert [(run["status"], Path(run["path"]).name) for run in found] == [
        ("damaged", "run.part2.h5")
    ]
    assert "part 1 is not beside it" in found[0]["reason"]


@pytest.mark.parametrize(
    ("option", "value", "n_found"),
    [
        ("--operator", "Ada", 1),
        ("--operator", "Bob", 0),
        ("--date", "1999", 0),
        ("--experiment", "long", 1),
        ("--status", "failed", 0),
    ],
)
def test_runs_are_found_by_operator_and_date(
    run_file: Path, labctl: Labctl, option: str, value: str, n_found: int
) -> None:
    found = json.loads(labctl("runs", run_file.parent, option, value, "--json").out)
    assert len(found) == n_found


def test_runs_are_found_by_the_day_they_began(run_file: Path, labctl: Labctl) -> None:
    with open_run(run_file) as run:
        day = str(run.metadata["start_utc"])[:10]
    found = json.loads(labctl("runs", run_file.parent, "--date", day, "--json").out)
    assert len(found) == 1


@pytest.mark.parametrize("name", PARTS)
def test_show_takes_any_part_for_the_run(run_file: Path, labctl: Labctl, name: str) -> None:
    shown = json.loads(labctl("show", run_file.with_name(name), "--json").out)
    assert (shown["tags"], shown["taken"]) == ({"tdc": 3000}, 0)
    assert shown["status"] == "finished"


def test_verify_looks_at_every_part_once(damaged: Path, labctl: Labctl) -> None:
    told = labctl("verify", *sorted(damaged.parent.glob("*.h5")), "--json")
    assert told.code == 1
    states = {Path(one["path"]).name: one["state"] for one in json.loads(told.out)}
    assert states == {"run.h5": "intact", "run.part2.h5": "damaged", "run.part3.h5": "intact"}
    assert len(json.loads(told.out)) == 3


def test_recover_makes_a_whole_run_and_its_master(damaged: Path, labctl: Labctl) -> None:
    told = labctl("recover", damaged)
    assert told.code == 0
    recovered = damaged.with_name("run.recovered.h5")
    with open_run(recovered) as run:
        assert [part.name for part in run.parts] == [
            "run.recovered.h5",
            "run.recovered.part2.h5",
            "run.recovered.part3.h5",
        ]
        assert run.tag_counts() == {"tdc": 2000}
        missed = [block for block in run.tags() if block.flags & TagFlags.MISSED]
        assert [(block.start_ps, block.lost) for block in missed] == [(10_000, 1000)]
        assert run.status == "finished"
    with h5py.File(recovered.with_suffix(".nxs")) as file:
        assert file["entry/points/counts"].shape == (3,)
    assert verify_run(damaged.with_name("run.part2.h5")).state == "damaged"


def test_a_part_of_which_nothing_can_be_read_is_named_and_nothing_half_made_stays(
    run_file: Path, labctl: Labctl
) -> None:
    run_file.with_name("run.part2.h5").write_bytes(b"no run at all")
    before = sorted(run_file.parent.iterdir())
    told = labctl("recover", run_file)
    assert told.code == 1
    assert "run.part2.h5 is not a run file" in told.err
    assert sorted(run_file.parent.iterdir()) == before


def test_recover_in_place_touches_only_the_damaged_part(damaged: Path, labctl: Labctl) -> None:
    untouched = damaged.read_bytes()
    told = labctl("recover", damaged, "--replace", "--json")
    assert told.code == 0
    assert [Path(json.loads(told.out)["path"]).name] == ["run.part2.h5"]
    assert json.loads(told.out)["further_parts"] == []
    assert damaged.read_bytes() == untouched
    with open_run(damaged) as run:
        assert run.tag_counts() == {"tdc": 2000}


def test_a_sound_run_of_several_files_needs_no_recovery(run_file: Path, labctl: Labctl) -> None:
    told = labctl("recover", run_file)
    assert told.code == 1
    assert "its 3 parts were closed and are intact" in told.err


def test_a_master_is_written_on_demand(run_file: Path, labctl: Labctl) -> None:
    told = labctl("master", *sorted(run_file.parent.glob("*.h5")))
    assert told.code == 0
    assert told.out.count("wrote") == 1
    with h5py.File(run_file.with_suffix(".nxs")) as file:
        assert file["entry/points/power_mw"][:].tolist() == [0.0, 1.0, 2.0]
        assert len(file["entry/tags"]) == 3


def test_archive_packs_every_part(run_file: Path, labctl: Labctl) -> None:
    assert labctl("archive", run_file).code == 0
    for name in PARTS:
        with h5py.File(run_file.with_name(name)) as file:
            assert file["entry/tags/tdc/delta"].scaleoffset is not None
    with open_run(run_file) as run:
        assert run.tag_counts() == {"tdc": 3000}
        assert sum(len(block) for block in run.tags()) == 3000
