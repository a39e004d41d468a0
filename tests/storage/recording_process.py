"""Records a known stream in a process of its own, which the tests kill or starve of disk."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labctl.errors import RunFileError
from labctl.storage import Acknowledgement, Recorder, RunHeader, TaggerHeader
from labctl.tags.block import TagBlock, TagFlags

TAGGER = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)
N_BLOCKS = 800
BLOCK_PS = 10**11


def blocks(seed: int) -> Iterator[TagBlock]:
    """Yield the source's own list: dense and sparse blocks, some with losses."""
    rng = np.random.default_rng(seed)
    for sequence in range(N_BLOCKS):
        n_tags = int(rng.choice([0, 3, 200, 5000]))
        start_ps = sequence * BLOCK_PS
        lost = 7 if rng.random() < 0.1 else 0
        yield TagBlock(
            np.sort(rng.integers(start_ps, start_ps + BLOCK_PS, n_tags)),
            rng.integers(0, 8, n_tags).astype(np.uint8),
            start_ps,
            start_ps + BLOCK_PS,
            sequence,
            lost,
            TagFlags.OVERFLOW if lost else TagFlags.NONE,
        )


def report(acknowledgement: Acknowledgement) -> None:
    """Tell the test what is safe, before the recording goes on."""
    facts = {
        "n_tags": acknowledgement.n_tags["tdc"],
        "safe_until_ps": acknowledgement.safe_until_ps.get("tdc", 0),
        "n_points": acknowledgement.n_records["points"],
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(path: Path, seed: int, limit_bytes: int) -> None:
    """Record all blocks; with a limit, files of this process cannot grow beyond it."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if limit_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    header = RunHeader(experiment="killed", simulated=True)
    try:
        with Recorder(path, header, [TAGGER], ack_interval_s=0.001, on_ack=report) as recorder:
            for number, block in enumerate(blocks(seed), 1):
                recorder.record("tdc", block)
                recorder.point(number, N_BLOCKS, {"n_tags": len(block)})
                if limit_bytes:
                    recorder.sync()
            recorder.end("finished")
    except RunFileError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
