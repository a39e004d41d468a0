"""Records in a process of its own, which the test kills; arguments: folder and source.

The source is the power of the pump (mW) in front of a simulated Swabian tagger, whose list of true
tags becomes truth.bin; or "paced", which sends known blocks at 20 Mtag/s by the wall's clock.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from labctl.lab import Lab
from labctl.storage import Acknowledgement, Recorder, RunHeader, TaggerHeader
from labctl.tags.block import TagBlock

DETECTORS = ("alice_h", "alice_v", "bob_h", "bob_v")
CONFIGURATION = "\n".join(
    [
        "version = 1",
        '[instruments.tagger]\ndriver = "swabian_timetagger"',
        'address = "library://swabian/bench"',
        '[simulation.source]\npump = "tagger"',
        "[simulation.pump]\nsettling_time_s = 0.0",
        '[simulation.arms.alice]\nphoton = "signal"',
        'outputs = { plus = "alice_h", minus = "alice_v" }',
        '[simulation.arms.bob]\nphoton = "idler"',
        'outputs = { plus = "bob_h", minus = "bob_v" }',
        *(f"[simulation.detectors.{name}]\ndead_time_ns = 20.0" for name in DETECTORS),
        *(
            f'[detectors.{name}]\ntagger = "tagger"\nchannel = {number}'
            for number, name in enumerate(DETECTORS, 1)
        ),
    ]
)
TICK_S = 0.1
#: 60 thousand tags in 3 ms are 20 Mtag/s.
PACED_TAGS = 60_000
PACED_PS = 3 * 10**9
HEADER = RunHeader(experiment="bright", simulated=True)
TAGGER = TaggerHeader(name="tagger", resolution_ps=1, n_channels=18, simulated=True)


def report(acknowledgement: Acknowledgement) -> None:
    """Tell the test what is safe, and when."""
    facts = {
        "n_tags": acknowledgement.n_tags["tagger"],
        "safe_until_ps": acknowledgement.safe_until_ps.get("tagger", 0),
        "at_s": time.monotonic(),
    }
    os.write(1, json.dumps(facts).encode() + b"\n")


def record_tagger(folder: Path, power_mw: float) -> None:
    """Record the tagger until killed, as fast as laboratory and recorder go."""
    configuration = folder / "instruments.toml"
    configuration.write_text(CONFIGURATION)
    truth_file = folder / "truth.bin"
    with Lab(configuration, simulated=True, seed=0, speed=0, truth_file=truth_file) as lab:
        world = lab.simulation.world
        world.pump.target_mw, world.pump.emitting = power_mw, True
        pump = lab.bench.pumps["tagger"]
        with Recorder(folder / "run.h5", HEADER, [TAGGER], on_ack=report) as recorder:
            pump.fanout.add_sink(lambda block: recorder.record("tagger", block))
            pump.start()
            while True:
                lab.clock.wait(TICK_S)


def paced_block(number: int) -> TagBlock:
    """Return block `number` of a stream of 20 Mtag/s: the same pattern every time."""
    start_ps = number * PACED_PS
    steps_ps = np.random.default_rng(0).integers(0, PACED_PS, PACED_TAGS)
    channels = (np.arange(PACED_TAGS) % 18).astype(np.uint8)
    times_ps = np.sort(steps_ps) + start_ps
    return TagBlock(times_ps, channels, start_ps, start_ps + PACED_PS, number)


def record_paced(folder: Path) -> None:
    """Record known blocks until killed, each handed over when its time has come."""
    pattern = paced_block(0)
    with Recorder(folder / "run.h5", HEADER, [TAGGER], on_ack=report) as recorder:
        due_s = time.monotonic()
        for number in itertools.count():
            shift_ps = number * PACED_PS
            due_s += PACED_PS * 1e-12
            time.sleep(max(0.0, due_s - time.monotonic()))
            block = TagBlock(
                pattern.times_ps + shift_ps,
                pattern.channels,
                shift_ps,
                shift_ps + PACED_PS,
                number,
            )
            recorder.record("tagger", block)


if __name__ == "__main__":
    if sys.argv[2] == "paced":
        record_paced(Path(sys.argv[1]))
    else:
        record_tagger(Path(sys.argv[1]), float(sys.argv[2]))
