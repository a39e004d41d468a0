"""Speed of the route without a wire: world, library stand-in, driver, blocks. Goal: 20 Mtag/s.

All figures are of one core unless they say otherwise; the world is as bright as in
test_bench_world.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.swabian_timetagger import SwabianTimeTagger, TimeTaggerDecoder
from drivers.swabian_timetagger.frames import EVENT, Frame, frame_bytes
from labctl.lab import Lab
from labctl.tags import TagBlock
from labctl.transport import Link
from labctl.transport.library import LibraryWire
from simulated_devices.devices.swabian import Board
from simulated_devices.devices.swabian_timetagger import build
from simulated_devices.instrument import Surroundings
from simulated_devices.truth import TruthLog
from simulated_devices.world import World, WorldParameters
from simulated_devices.world.merging import merge_runs

# pytest-benchmark's fixture has no types.
Benchmark = Any

pytestmark = pytest.mark.bench

DETECTORS = ("alice_h", "alice_v", "bob_h", "bob_v")
INPUTS = {detector: number for number, detector in enumerate(DETECTORS, 1)}
#: A stepped laboratory hands streams over in such pieces.
SLICES_PER_READ = 5
READS = 8


def bright_world() -> World:
    """Four detectors with about 5 Mcps each, a quarter of it in pairs."""
    parameters = WorldParameters.model_validate(
        {
            "arms": {
                "alice": {"photon": "signal", "outputs": {"plus": "alice_h", "minus": "alice_v"}},
                "bob": {"photon": "idler", "outputs": {"plus": "bob_h", "minus": "bob_v"}},
            },
            "detectors": {name: {"dead_time_ns": 20.0} for name in DETECTORS},
            "pump": {"settling_time_s": 0.0},
        }
    )
    world = World(parameters, 0)
    light_up(world)
    for _ in range(5):
        world.step()
    return world


def light_up(world: World) -> None:
    world.pump.target_mw, world.pump.emitting = 555.0, True


def merge_naively(runs: list[Any], channels: list[int]) -> tuple[Any, Any]:
    times = np.concatenate(runs)
    order = np.argsort(times, kind="stable")
    return times[order], np.repeat(channels, [run.size for run in runs])[order]


def seconds_of(call: Any) -> float:
    begin_s = time.perf_counter()
    call()
    return time.perf_counter() - begin_s


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


@pytest.mark.parametrize("runs", [4, 18])
def test_bench_merging(benchmark: Benchmark, capsys: pytest.CaptureFixture[str], runs: int) -> None:
    generator = np.random.default_rng(0)
    count = 200_000 // runs
    # Many, so that the processor cannot learn the order of one.
    many = [[np.sort(generator.integers(0, 10**10, count)) for _ in range(runs)] for _ in range(20)]
    channels = list(range(1, runs + 1))

    def run() -> None:
        for times in many:
            merge_runs(times, channels, 0)

    benchmark.pedantic(run, rounds=10, warmup_rounds=1)
    naive_s = min(
        seconds_of(lambda: [merge_naively(times, channels) for times in many]) for _ in range(3)
    )
    best_s = benchmark.stats.stats.min
    say(
        capsys,
        f"merge of {runs} runs: {20 * count * runs / best_s / 1e6:.0f} Mtag/s, "
        f"{naive_s / best_s:.1f} times the speed of a stable argsort",
    )


def test_bench_decoding(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    count = 1_000_000
    times = np.sort(generator.integers(0, 5 * 10**10, count))
    channels = generator.integers(1, 5, count).astype(np.int8)
    frames = [
        frame_bytes(
            Frame(
                n * 5 * 10**10,
                (n + 1) * 5 * 10**10,
                times + n * 5 * 10**10,
                channels,
                np.empty(0, dtype=EVENT),
            )
        )
        for n in range(5)
    ]

    def run() -> int:
        decoder = TimeTaggerDecoder()
        return sum(len(block) for frame in frames if (block := decoder.feed(frame)))

    assert benchmark.pedantic(run, rounds=20, warmup_rounds=1) == 5 * count
    arrays = [np.frombuffer(frame, dtype=np.uint8) for frame in frames]
    room = np.zeros_like(arrays[0])
    copy_s = len(arrays) * min(seconds_of(lambda: np.copyto(room, a)) for a in arrays * 2)  # noqa: B023  called at once
    best_s = benchmark.stats.stats.min
    say(
        capsys,
        f"decoding: {5 * count / best_s / 1e6:.0f} Mtag/s, "
        f"{best_s / copy_s:.1f} times the time of copying the bytes",
    )


def test_bench_world_to_blocks(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    world = bright_world()
    board: Board = build(Surroundings("tagger", world, INPUTS, {}, TruthLog()))
    wire = LibraryWire("swabian/", SwabianTimeTagger.wire, board.library)
    tagger = SwabianTimeTagger(Link(wire, SwabianTimeTagger.wire), name="tagger")
    decoder = tagger.start_stream()

    def run() -> int:
        tags = 0
        for _ in range(READS):
            for _ in range(SLICES_PER_READ):
                board.advance(world.step())
            block: TagBlock | None = decoder.feed(tagger.read_stream(1.0))
            while block is not None:
                tags += len(block)
                block = decoder.feed(b"")
        return tags

    tags = benchmark.pedantic(run, rounds=10, warmup_rounds=1)
    step_s = min(
        seconds_of(lambda: [world.step() for _ in range(READS * SLICES_PER_READ)]) for _ in range(5)
    )
    best_s = benchmark.stats.stats.min
    say(
        capsys,
        f"world to blocks: {tags / best_s / 1e6:.1f} Mtag/s at "
        f"{tags / (READS * SLICES_PER_READ * 0.01) / 1e6:.1f} Mcps, "
        f"{step_s / best_s:.2f} of the speed of the world alone",
    )
    tagger.stop_stream()
    tagger.close()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("LABCTL_SIMULATED_ONLY", "1")
    lines = [
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
            for name, number in INPUTS.items()
        ),
    ]
    path = tmp_path / "instruments.toml"
    path.write_text("\n".join(lines))
    with Lab(path, simulated=True, seed=0, speed=0) as lab:
        light_up(lab.simulation.world)
        yield lab


def test_bench_stepped_lab_to_a_consumer(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str], lab: Lab
) -> None:
    pump = lab.bench.pumps["tagger"]
    counts = np.zeros(256, dtype=np.int64)
    duration_s = 0.5
    with pump.fanout.subscribe() as subscription:
        pump.start()

        def run() -> int:
            before = int(counts.sum())
            processor_s = time.process_time()
            # In pieces, because a window or a recorder is read all the time too.
            for _ in range(10):
                lab.clock.wait(duration_s / 10)
                while (block := subscription.get(0.0)) is not None:
                    np.add(counts, np.bincount(block.channels, minlength=256), out=counts)
            spent.append(time.process_time() - processor_s)
            return int(counts.sum()) - before

        spent: list[float] = []
        tags = benchmark.pedantic(run, rounds=10, warmup_rounds=1)
        pump.stop()
    assert pump.lost == 0
    best_s = benchmark.stats.stats.min
    say(
        capsys,
        f"stepped laboratory, pump thread and a consumer: {tags / best_s / 1e6:.1f} Mtag/s "
        f"({tags / min(spent) / 1e6:.1f} Mtag per processor second), "
        f"{tags / duration_s / 1e6:.1f} Mcps: {duration_s / best_s:.2f} of real time",
    )
