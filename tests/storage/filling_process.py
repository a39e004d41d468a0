"""Records in a process of its own whose files cannot grow any more from a given moment on."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, TaggerHeader
from labctl.tags.block import TagBlock

TAGGER = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)
N_TAGS = 100_000


def main(path: Path, moment: str) -> None:
    """Record one block; the disk is full when the file is opened, in between, or at the end."""
    told: dict[str, object] = {"error": "", "n_safe": 0}
    block = TagBlock(np.arange(N_TAGS), np.ones(N_TAGS, np.uint8), 0, N_TAGS)
    if moment == "open":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    try:
        with Recorder(path, RunHeader(experiment="full", simulated=True), [TAGGER]) as recorder:
            recorder.record("tdc", block)
            told["n_safe"] = recorder.sync().n_tags["tdc"]
            if moment != "never":
                size = path.stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            if moment == "run":
                # More than the room that the started chunk has left.
                for part in (1, 2, 3):
                    shift = part * N_TAGS
                    recorder.record(
                        "tdc",
                        TagBlock(block.times_ps + shift, block.channels, shift, shift + N_TAGS),
                    )
                told["n_safe"] = recorder.sync().n_tags["tdc"]
            recorder.figure("result", bytes(1_000_000))
            recorder.end("finished")
    except RunFileError as error:
        told["error"] = str(error)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
