"""Recordings in other processes: started, counted, killed at a chosen call, and compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

import labctl.storage
from labctl.storage import open_run
from labctl.tags.block import TagBlock, TagFlags
from tests.storage.recording_process import BLOCK_PS, TAGGERS, Recording, blocks

SCRIPT = Path(__file__).with_name("recording_process.py")
INTERPOSER = Path(__file__).with_name("disk_calls.c")
ROOT = Path(labctl.storage.__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What a recording process said before it ended.

    `published` are its acknowledgements in their order, the zeroth told once the file existed;
    `n_calls` counts its calls to the disk if it came to its end.
    """

    return_code: int
    published: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    n_calls: int = 0


def environment() -> dict[str, str]:
    """Return the environment in which the script finds this project."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def outcome_of(lines: list[str], return_code: int) -> Outcome:
    """Sort what a recording process said; a line that its death cut off does not count."""
    facts = [json.loads(line) for line in lines if line.endswith("\n")]
    return Outcome(
        return_code,
        [fact for fact in facts if "n_tags" in fact],
        next((fact["error"] for fact in facts if "error" in fact), ""),
        next((fact["n_calls"] for fact in facts if "n_calls" in fact), 0),
    )


def done_alone(recording: Recording) -> Outcome:
    """Do it in a process of its own to the end."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(asdict(recording))],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.stderr == ""
    return outcome_of(done.stdout.splitlines(keepends=True), done.returncode)


class Server:
    """Runs recordings whose calls to the disk are counted, one after the other."""

    def __init__(self, commands: IO[str], replies: IO[str]) -> None:
        self._commands = commands
        self._replies = replies

    def run(self, recording: Recording) -> Outcome:
        """Return how it ended; it dies at call `kill_at` if there are so many."""
        self._commands.write(json.dumps(asdict(recording)) + "\n")
        self._commands.flush()
        lines: list[str] = []
        while not (line := self._replies.readline()).startswith('{"exit"'):
            assert line, "the server of recordings died"
            # A process may die within a line; the server's own begins where it stopped.
            text, found, rest = line.partition('{"exit"')
            lines.append(text)
            if found:
                line = found + rest
                break
        return outcome_of(lines, json.loads(line)["exit"])


@contextmanager
def counted_recordings(folder: Path) -> Iterator[Server]:
    """Compile the interposer, start the server and end it."""
    library = folder / "disk_calls.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(INTERPOSER), "-ldl"],
        check=True,
    )
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment(), "LD_PRELOAD": str(library)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # What it said while it warmed up.
        while not process.stdout.readline().startswith('{"ready"'):
            pass
        yield Server(process.stdin, process.stdout)
        process.stdin.close()
    assert process.returncode == 0


@cache
def source(seed: int, tagger: str, n_blocks: int) -> TagBlock:
    """Return all that a tagger sent, as one block, with the sum of what it had lost."""
    sent = list(blocks(seed, tagger, n_blocks))
    return TagBlock(
        np.concatenate([block.times_ps for block in sent]),
        np.concatenate([block.channels for block in sent]),
        0,
        sent[-1].stop_ps,
        lost=sum(block.lost for block in sent),
    )


@cache
def source_losses(seed: int, tagger: str, n_blocks: int) -> NDArray[np.int64]:
    """Return how many tags each block of the source had lost."""
    return np.array([block.lost for block in blocks(seed, tagger, n_blocks)])


def assert_published_is_there(path: Path, recording: Recording, told: Mapping[str, Any]) -> None:
    """Compare the file with the source's own lists: all that was published, and nothing else."""
    assert_tags_are_there(path, recording, told)
    assert_records_are_there(path, told)


def assert_tags_are_there(path: Path, recording: Recording, told: Mapping[str, Any]) -> None:
    """Compare the tags with the source's own lists.

    Up to what was published every tag is there. Whatever the file says beyond is either exactly
    what was sent or flagged as missed, with the right number of tags.
    """
    with open_run(path) as run:
        found = {name: list(run.tags(name, on_damage="flag")) for name in run.taggers}
    for header in TAGGERS:
        blocks_found = found[header.name]
        safe_until_ps = told["safe_until_ps"].get(header.name, 0)
        sent = source(recording.seed, header.name, recording.n_blocks)
        losses = source_losses(recording.seed, header.name, recording.n_blocks)
        n_safe, stop_ps = 0, 0
        for block in blocks_found:
            assert block.start_ps == stop_ps or TagFlags.GAP in block.flags
            stop_ps = block.stop_ps
            there = sent.between(block.start_ps, stop_ps)
            n_lost = int(losses[block.start_ps // BLOCK_PS : stop_ps // BLOCK_PS].sum())
            if stop_ps <= safe_until_ps or len(block):
                np.testing.assert_array_equal(block.times_ps, there.times_ps)
                np.testing.assert_array_equal(block.channels, there.channels)
                assert block.lost == n_lost
            else:
                assert block.lost == n_lost + len(there)
                assert not block.lost or block.flags & (TagFlags.MISSED | TagFlags.OVERFLOW)
            n_safe += len(block) if stop_ps <= safe_until_ps else 0
        assert stop_ps >= safe_until_ps
        assert sum(len(block) for block in blocks_found) >= told["n_tags"][header.name]
        if any(block.stop_ps == safe_until_ps for block in blocks_found):
            assert n_safe == told["n_tags"][header.name]


def assert_records_are_there(path: Path, told: Mapping[str, Any]) -> None:
    """Compare points and end with what was published."""
    with open_run(path) as run:
        numbers = [point["number"] for point in run.points()]
        end = run.end
        status = run.status
    assert numbers[: told["n_points"]] == list(range(1, told["n_points"] + 1))
    assert numbers == sorted(set(numbers))
    assert bool(end) >= bool(told["n_ends"])
    assert status == end.get("status", "interrupted")
