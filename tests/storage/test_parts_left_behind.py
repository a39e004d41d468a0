from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import pytest

from labctl.errors import RunFileError
from labctl.storage import (
    Recorder,
    open_part,
    open_run,
)
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
Adjoining = Callable[[int], list[TagBlock]]

SECOND_PS = 10**12


def tags_of(blocks: list[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time), int(channel))
        for block in blocks
        for time, channel in zip(block.times_ps, block.channels, strict=True)
    ]


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(2048))


def _before_swmr(path: Path) -> None:
    with h5py.File(path.with_suffix(".tmp"), "w", libver="latest") as file:
        file.create_group("entry")
        file.flush()
        shutil.copyfile(path.with_suffix(".tmp"), path)


@pytest.mark.parametrize("leave", [_empty, _zeros, _before_swmr])
def test_a_part_that_had_not_begun_when_its_writer_died_is_nothing(
    parted: Path, leave: Callable[[Path], None], adjoining: Adjoining
) -> None:
    leave(parted.with_name("run.part5.h5"))
    with open_run(parted) as run:
        assert len(run.parts) == 4
        assert tags_of(list(run.tags())) == tags_of(adjoining(9))


def test_a_missing_part_is_named(parted: Path) -> None:
    parted.with_name("run.part2.h5").unlink()
    with pytest.raises(RunFileError, match=r"run\.part3\.h5 is part 3 .* part 2 is not beside"):
        open_run(parted)
    with open_part(parted.with_name("run.part3.h5")) as part:
        assert len(part.points()) == 1
    parted.unlink()
    with pytest.raises(RunFileError, match="part 1 is not beside"):
        open_run(parted.with_name("run.part4.h5"))


def test_a_part_of_another_run_is_refused(parted: Path, record: Record) -> None:
    other = parted.with_name("other.h5")
    with record(other, file_limit_bytes=1) as recorder:
        recorder.log("x")
        recorder.sync()
    other.with_name("other.part2.h5").replace(parted.with_name("run.part2.h5"))
    with pytest.raises(RunFileError, match="part 2 of another run"):
        open_run(parted)


def test_a_damaged_part_is_named(parted: Path) -> None:
    part = parted.with_name("run.part2.h5")
    raw = bytearray(part.read_bytes())
    raw[16] ^= 1
    part.write_bytes(raw)
    with pytest.raises(RunFileError, match=r"run\.part2\.h5 is damaged"):
        open_run(parted)


def test_a_commit_row_lost_at_the_end_of_a_part_leaves_a_gap_in_the_next(parted: Path) -> None:
    with h5py.File(parted, "r+") as file:
        index = file["entry/tags/tdc/index"]
        row = index[-1]
        row["tag_count"] += 1
        index[-1] = row
    with open_run(parted) as run:
        with pytest.raises(RunFileError, match=r"run\.h5 is damaged"):
            list(run.tags())
        flagged = [block for block in run.tags(on_damage="flag") if block.flags & TagFlags.GAP]
    assert [block.start_ps for block in flagged] == [3 * SECOND_PS]


def test_a_master_file_alone_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "run.nxs").write_bytes(b"")
    with pytest.raises(RunFileError, match=r"only points at run\.h5"):
        open_run(tmp_path / "run.nxs")


KILLED = """
    import json, os, signal, sys
    from pathlib import Path
    import numpy as np
    from labctl.storage import Recorder, RunHeader, TaggerHeader
    from labctl.tags.block import TagBlock

    def on_ack(acknowledgement):
        facts = [acknowledgement.number, acknowledgement.safe_until_ps.get("tdc", 0)]
        sys.stdout.write(json.dumps(facts) + "\\n")
        sys.stdout.flush()
        if acknowledgement.number >= int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)
    header = RunHeader(experiment="killed", simulated=True)
    with Recorder(
        Path(sys.argv[1]), header, [tagger], file_limit_bytes=1, on_ack=on_ack
    ) as recorder:
        for n in range(1000):
            times = n * 10**12 + np.arange(100) * 10**10
            recorder.record("tdc", TagBlock(times, np.ones(100, np.uint8), n * 10**12,
                                            (n + 1) * 10**12))
            recorder.sync()
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX's; run this on Linux or macOS")
def test_a_killed_run_keeps_what_it_acknowledged_in_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path), "7"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    _, safe_until_ps = json.loads(killed.stdout.splitlines()[-1])
    assert safe_until_ps > 0
    with open_run(path) as run:
        assert run.status == "interrupted"
        assert len(run.parts) > 2
        times = [time for time, _ in tags_of(list(run.tags())) if time < safe_until_ps]
    with h5py.File(path, "r", swmr=True) as file:
        # h5py alone reads what was left behind, too.
        assert file["entry/tags/tdc/index"][0]["tag_count"] == 100
    n_safe = safe_until_ps // SECOND_PS
    assert times == [
        n * SECOND_PS + at * SECOND_PS // 100 for n in range(n_safe) for at in range(100)
    ]
