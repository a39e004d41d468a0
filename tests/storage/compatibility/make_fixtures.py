"""Make the run files that every later version must read, with the values that are in them.

    python make_fixtures.py FOLDER [NAME...]

writes NAME.h5.gz (chunks are mostly empty, so a file shrinks to some kilobytes) and values.json.
A folder is made once, by the program that introduces its format version, and stays as it is: a
fixture that is made again proves nothing about files of the past. A name is added when a version
begins to write something it did not write before.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from labctl.storage import Recorder, RunHeader, TaggerHeader, archive_run
from labctl.tags.block import TagBlock, TagFlags

START: Final = datetime(2026, 11, 23, 7, 15, 2, tzinfo=UTC)
BLOCK_PS: Final = 10**12
HOUR_PS: Final = 3_600 * 10**12
#: One channel needs u1, 300 need u2; the names show that text other than ASCII survives.
TAGGERS: Final = (
    TaggerHeader(
        name="alice", resolution_ps=4, n_channels=8, simulated=True, channel_names={1: "H", 2: "V°"}
    ),
    TaggerHeader(name="bob", resolution_ps=1, n_channels=300, simulated=False),
)
HIGHEST: Final = {"alice": 8, "bob": 300}
RESULT: Final = {"visibility": 0.975, "counts": [310, 8], "basis": "D/A"}
CONFIGURATION: Final = 'version = 1\n[instruments.pump]\ndriver = "cobolt_06"\n'


def blocks(tagger: str) -> Iterator[TagBlock]:
    """Yield dense and sparse seconds, one empty, one after an hour's gap, and two with losses."""
    rng = np.random.default_rng(len(tagger))
    dtype: np.dtype[Any] = np.dtype(np.uint8 if tagger == "alice" else np.uint16)
    starts_ps = [0, 1, 2, 3, 4]
    for sequence, second in enumerate(starts_ps):
        start_ps = second * BLOCK_PS + (HOUR_PS if second > 2 else 0)
        n_tags = [120, 3, 0, 60, 1][second]
        yield TagBlock(
            np.sort(rng.integers(start_ps, start_ps + BLOCK_PS, n_tags)),
            rng.integers(1, HIGHEST[tagger] + 1, n_tags).astype(dtype),
            start_ps,
            start_ps + BLOCK_PS,
            sequence,
            [0, 7, 0, 0, 2][second],
            [TagFlags.NONE, TagFlags.OVERFLOW, TagFlags.NONE, TagFlags.GAP, TagFlags.MISSED][
                second
            ],
        )


def record(path: Path, finish: Callable[[Recorder], None]) -> None:
    """Record everything that a run can hold, and end it as told."""
    header = RunHeader(
        experiment="visibility",
        simulated=True,
        uid="1a2b3c",
        parameters={"dwell_s": 1.0, "angles_deg": [0.0, 45.0]},
        operator="Zoë",
        project="fixtures",
        sample="PPLN 3",
        configuration=CONFIGURATION,
        instruments={"pump": {"driver": "cobolt_06", "simulated": True}},
        counting_convention="all pairs, full window 1000 ps",
        planned=2,
        seed=7,
        start=START,
    )
    with Recorder(path, header, TAGGERS) as recorder:
        recorder.snapshot("start", {"pump": {"power_mw": 3.0}})
        for tagger in TAGGERS:
            for block in blocks(tagger.name):
                recorder.record(tagger.name, block)
        recorder.point(1, 2, {"angle_deg": 0.0, "counts": {"1-2": 310}, "visibility": None})
        recorder.point(2, 2, {"angle_deg": 45.0, "counts": {"1-2": 8}, "visibility": 0.975})
        recorder.event("WARNING", "alice", {"lost": 7})
        recorder.parameter("pump", "power_mw", 4.5, "mW")
        recorder.log("07:15:03 the pump is at 4.5 mW, 20 °C")
        recorder.figure("visibility", b"\x89PNG\r\n\x1a\nstands for a picture")
        recorder.sync()
        finish(recorder)


def finished(path: Path) -> None:
    """Make a run that came to its end."""
    record(path, lambda recorder: recorder.end("finished", result=RESULT, taken=2))


def aborted(path: Path) -> None:
    """Make a run that its operator ended."""
    record(path, lambda recorder: recorder.end("aborted", "the operator pressed stop", taken=2))


def interrupted(path: Path) -> None:
    """Make a run whose recorder is killed, with tags that it had not acknowledged."""
    subprocess.run([sys.executable, __file__, "--killed", str(path)], check=False)


def killed(path: Path) -> None:
    """Record until all is acknowledged, and die."""
    record(path, lambda _: os.kill(os.getpid(), signal.SIGKILL))


def archived(path: Path) -> None:
    """Make a finished run and pack its tags, in chunks of 256 Ki as the first archives had."""
    finished(path)
    archive_run(path)


def archived_in_small_chunks(path: Path) -> None:
    """Make a finished run and pack its tags, in chunks of 16 Ki."""
    archived(path)


MAKERS: Final = {
    maker.__name__: maker
    for maker in (finished, aborted, interrupted, archived, archived_in_small_chunks)
}


def values() -> dict[str, Any]:
    """Return what readers must find, from the lists that were recorded and not from a file."""
    return {
        tagger.name: {
            "resolution_ps": tagger.resolution_ps,
            "n_channels": tagger.n_channels,
            "simulated": tagger.simulated,
            "channel_names": {str(key): text for key, text in tagger.channel_names.items()},
            "blocks": [
                {
                    "times_ps": block.times_ps.tolist(),
                    "channels": block.channels.tolist(),
                    "start_ps": block.start_ps,
                    "stop_ps": block.stop_ps,
                    "lost": block.lost,
                    "flags": int(block.flags),
                }
                for block in blocks(tagger.name)
            ],
        }
        for tagger in TAGGERS
    }


def main(folder: Path, names: list[str]) -> None:
    """Write the fixtures of these names, all without any."""
    for name in names or MAKERS:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{name}.h5"
            MAKERS[name](path)
            (folder / f"{name}.h5.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    (folder / "values.json").write_text(json.dumps(values(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    # Fixtures say nothing of the machine they were made on.
    platform.node = lambda: "lab-pc"
    platform.platform = lambda *_: "Linux"
    arguments, sys.argv = sys.argv[1:], ["labctl", "run", "visibility"]
    if arguments[0] == "--killed":
        killed(Path(arguments[1]))
    else:
        main(Path(arguments[0]), arguments[1:])
