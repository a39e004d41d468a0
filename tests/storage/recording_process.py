"""Records known streams in processes of its own, which the tests kill or starve of disk.

Started with a JSON object, it records once. Started with "serve", it takes one JSON object per
line and forks a process for each, whose calls to the disk are counted and noted (disk_calls.c must
be preloaded); a line tells how it ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labctl.errors import RunFileError
from labctl.storage import (
    Acknowledgement,
    Recorder,
    RunHeader,
    TaggerHeader,
    recover_run_in_place,
    verify_run,
)
from labctl.tags.block import TagBlock, TagFlags

#: The channels of the second are stored as u2.
TAGGERS = (
    TaggerHeader(name="near", resolution_ps=1, n_channels=8, simulated=True),
    TaggerHeader(name="far", resolution_ps=1, n_channels=1000, simulated=True),
)
BLOCK_PS = 10**11


@dataclass(frozen=True)
class Recording:
    """What to record: so many blocks of each tagger; with a limit, no file grows beyond it."""

    path: str
    seed: int
    n_blocks: int = 800
    ack_interval_s: float = 0.001
    limit_bytes: int = 0
    task: str = "record"
    kill_at: int = 0
    tear_permille: int = 0
    log: str = "/dev/null"


def blocks(seed: int, tagger: str, n_blocks: int) -> Iterator[TagBlock]:
    """Yield the source's own list: dense and sparse blocks, gaps, some with losses."""
    header = next(header for header in TAGGERS if header.name == tagger)
    rng = np.random.default_rng([seed, header.n_channels])
    start_ps = 0
    for sequence in range(n_blocks):
        n_tags = int(rng.choice([0, 3, 200, 5000, 60_000], p=[0.2, 0.2, 0.2, 0.35, 0.05]))
        lost = 7 if rng.random() < 0.1 else 0
        times_ps = np.sort(rng.integers(start_ps, start_ps + BLOCK_PS, n_tags))
        numbers = rng.integers(0, header.n_channels, n_tags)
        is_narrow = header.n_channels <= np.iinfo(np.uint8).max
        yield TagBlock(
            times_ps,
            numbers.astype(np.uint8) if is_narrow else numbers.astype(np.uint16),
            start_ps,
            start_ps + BLOCK_PS,
            sequence,
            lost,
            TagFlags.OVERFLOW if lost else TagFlags.NONE,
        )
        start_ps += BLOCK_PS


def say(facts: dict[str, Any]) -> None:
    """Tell the test; it has it when this returns."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def report(acknowledgement: Acknowledgement) -> None:
    """Tell the test what is safe, before the recording goes on."""
    say(
        {
            "n_tags": dict(acknowledgement.n_tags),
            "safe_until_ps": dict(acknowledgement.safe_until_ps),
            "n_points": acknowledgement.n_records["points"],
            "n_ends": acknowledgement.n_records["end"],
        }
    )


def record(recording: Recording) -> None:
    """Record all blocks, asking for acknowledgements at moments that the seed decides."""
    chance = np.random.default_rng([recording.seed, 0])
    header = RunHeader(experiment="killed", simulated=True, configuration="version = 1\n" * 100)
    try:
        with Recorder(
            Path(recording.path),
            header,
            TAGGERS,
            ack_interval_s=recording.ack_interval_s,
            on_ack=report,
        ) as recorder:
            report(recorder.acknowledged)
            streams = [blocks(recording.seed, t.name, recording.n_blocks) for t in TAGGERS]
            for number, parts in enumerate(zip(*streams, strict=True), 1):
                for tagger, block in zip(TAGGERS, parts, strict=True):
                    recorder.record(tagger.name, block)
                recorder.point(number, recording.n_blocks, {"n_tags": len(parts[0])})
                if recording.limit_bytes or chance.random() < 0.3:
                    recorder.sync()
            recorder.end("finished")
    except RunFileError as error:
        say({"error": str(error)})


def recover(recording: Recording) -> None:
    """Recover the run in its place."""
    try:
        recover_run_in_place(Path(recording.path))
    except RunFileError as error:
        say({"error": str(error)})


def do(recording: Recording) -> None:
    """Do the task, on a disk that may be small."""
    if recording.limit_bytes:
        limits = (recording.limit_bytes, recording.limit_bytes)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    if recording.task == "record":
        record(recording)
    else:
        recover(recording)


def work(recording: Recording) -> None:
    """Do the task; the files of the run's folder are watched."""
    shim = ctypes.CDLL(None)
    shim.disk_calls_watch(
        os.fsencode(Path(recording.path).parent),
        os.fsencode(recording.log),
        ctypes.c_long(recording.kill_at),
        recording.tear_permille,
    )
    do(recording)
    say({"n_calls": shim.disk_calls_seen()})


def warm_up() -> None:
    """Have everything imported and compiled before processes are forked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.h5")
        record(Recording(str(path), 0, 40, 3600.0))
        verify_run(path)


def serve() -> None:
    """Do each task in a process that is forked for it: nothing need be imported again."""
    warm_up()
    say({"ready": True})
    for line in sys.stdin:
        child = os.fork()
        if not child:
            work(Recording(**json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say({"exit": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        do(Recording(**json.loads(sys.argv[1])))
