"""Speed and memory of the simulated world. Goal: 20 Mtag/s per core, end to end."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
import pytest

from simulated_devices.world import SLICE_PS, TaggerModel, World, WorldParameters

# pytest-benchmark's fixture has no types.
Benchmark = Any

pytestmark = pytest.mark.bench

TAGGED = {"alice_h": 0, "alice_v": 1, "bob_h": 2, "bob_v": 3}
STEPS = 20


def bright_world(**detector: float) -> World:
    """Four detectors with about 5 Mcps each, a quarter of it in pairs."""
    parameters = WorldParameters.model_validate(
        {
            "arms": {
                "alice": {"photon": "signal", "outputs": {"plus": "alice_h", "minus": "alice_v"}},
                "bob": {"photon": "idler", "outputs": {"plus": "bob_h", "minus": "bob_v"}},
            },
            "detectors": dict.fromkeys(TAGGED, {"dead_time_ns": 20.0} | detector),
            "pump": {"settling_time_s": 0.0},
        }
    )
    world = World(parameters, 0)
    world.pump.target_mw, world.pump.emitting = 555.0, True
    for _ in range(5):
        world.step()
    return world


def step_many(world: World) -> int:
    return sum(sum(map(len, world.step().clicks.values())) for _ in range(STEPS))


def draw_and_sort(count: int) -> float:
    """The naive way to the same number of random sorted times, in seconds."""
    generator = np.random.default_rng(0)
    begin_s = time.perf_counter()
    for _ in range(STEPS):
        np.sort(generator.integers(0, SLICE_PS, count // STEPS))
    return time.perf_counter() - begin_s


def report(name: str, tags: int, benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = benchmark.stats.stats.min
    naive_s = draw_and_sort(tags)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {tags / seconds / 1e6:.1f} Mtag/s at "
            f"{tags / (STEPS * 0.01) / 1e6:.1f} Mcps, "
            f"{naive_s / seconds:.2f} times the speed of drawing and sorting as many\n"
        )


@pytest.mark.parametrize("afterpulse_probability", [0.0, 0.02])
def test_bench_world_steps(
    benchmark: Benchmark,
    capsys: pytest.CaptureFixture[str],
    afterpulse_probability: float,
) -> None:
    world = bright_world(afterpulse_probability=afterpulse_probability)
    tags = benchmark.pedantic(step_many, args=(world,), rounds=10)
    report(f"World.step, afterpulses {afterpulse_probability:.0%}", tags, benchmark, capsys)


def test_bench_world_steps_and_digitizing(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    world, tagger = bright_world(), TaggerModel(2000, TAGGED)

    def run() -> int:
        return sum(tagger.digitize(world.step())[0].size for _ in range(STEPS))

    tags = benchmark.pedantic(run, rounds=10)
    report("World.step and digitize", tags, benchmark, capsys)


def test_bench_quiet_slices(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    world = bright_world()
    world.pump.target_mw = 5.0
    benchmark.pedantic(step_many, args=(world,), rounds=10)
    seconds = benchmark.stats.stats.min / STEPS
    with capsys.disabled():
        sys.stdout.write(
            f"\ndefault bench: {seconds * 1e6:.0f} us per 10 ms slice, "
            f"{0.01 / seconds:.0f} times real time\n"
        )


def peak_memory_mb() -> float:
    # Linux reports kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_memory_is_bounded(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    world = bright_world(afterpulse_probability=0.02)
    world.arms["bob"].change(delay_ps=500_000_000)
    for _ in range(10):
        step_many(world)
    before_mb = peak_memory_mb()

    def run() -> int:
        return sum(step_many(world) for _ in range(50))

    tags = benchmark.pedantic(run, rounds=1)
    growth_mb = peak_memory_mb() - before_mb
    with capsys.disabled():
        sys.stdout.write(f"\n{tags / 1e6:.0f} Mtag made, {growth_mb:.1f} MB more memory\n")
    assert growth_mb < 20
