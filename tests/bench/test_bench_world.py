"""Speed and memory of the simulated world. Goal: 20 Mtag/s per core, end to end."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
import pytest

from simulated_devices.world import World, WorldParameters
from simulated_devices.world.site_clock import SiteClock, SiteClockParameters
from simulated_devices.world.slices import SLICE_PS
from simulated_devices.world.tagger import TaggerModel
from simulated_devices.world.tagger_buffer import TaggerBuffer

# pytest-benchmark's fixture has no types.
Benchmark = Any

pytestmark = pytest.mark.bench

TAGGED = {"alice_h": 0, "alice_v": 1, "bob_h": 2, "bob_v": 3}
STEPS = 20


#: Detectors as real as they get; each alone, and all that go together.
REAL: dict[str, dict[str, float | str]] = {
    "afterpulses 2%": {"afterpulse_probability": 0.02},
    "diffusion tails": {"jitter_tail_fraction": 0.1},
    "paralyzable": {"dead_time_model": "paralyzable"},
    "recovery": {"recovery_ns": 10.0},
    "tails, recovery, afterpulses": {
        "jitter_tail_fraction": 0.1,
        "recovery_ns": 10.0,
        "afterpulse_probability": 0.02,
    },
}


def real_tagger() -> TaggerModel:
    """A tagger with a wandering clock, cables of unequal length and a dead time."""
    clock = SiteClock(
        "site",
        SiteClockParameters(frequency_offset_ppb=100.0, white_fm=1e-11, random_walk_fm=1e-12),
        0,
    )
    return TaggerModel(
        81,
        TAGGED,
        clock=clock,
        delays_ps={"alice_h": -5_000, "bob_v": 12_000},
        dead_times_ps=dict.fromkeys(TAGGED, 6_000),
    )


def bright_world(**detector: float | str) -> World:
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


@pytest.mark.parametrize("name", ["as rated", *REAL])
def test_bench_world_steps(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    world = bright_world(**REAL.get(name, {}))
    tags = benchmark.pedantic(step_many, args=(world,), rounds=10)
    report(f"World.step, {name}", tags, benchmark, capsys)


@pytest.mark.parametrize("kind", ["plain", "real"])
def test_bench_world_steps_and_digitizing(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    world = bright_world()
    tagger = TaggerModel(2000, TAGGED) if kind == "plain" else real_tagger()

    def run() -> int:
        return sum(tagger.digitize(world.step())[0].size for _ in range(STEPS))

    tags = benchmark.pedantic(run, rounds=10)
    report(f"World.step and digitize, {kind} tagger", tags, benchmark, capsys)


def test_bench_buffer(benchmark: Benchmark, capsys: pytest.CaptureFixture[str]) -> None:
    world, tagger = bright_world(), TaggerModel(81, TAGGED)
    slices = [(tagger.digitize(world.step())[0], world.time_ps) for _ in range(STEPS)]

    def run() -> int:
        # 5 % more than the buffer of 8 million tags passes on.
        buffer = TaggerBuffer(8_000_000, 19e6)
        return sum(buffer.admit(times, stop_ps).kept.size for times, stop_ps in slices)

    tags = benchmark.pedantic(run, rounds=10)
    report("TaggerBuffer.admit", tags, benchmark, capsys)


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


def test_memory_is_bounded_over_a_billion_tags(
    benchmark: Benchmark, capsys: pytest.CaptureFixture[str]
) -> None:
    """World, clock and tagger, end to end; the goal of 20 Mtag/s makes it 50 s."""
    world, tagger = bright_world(), real_tagger()
    for _ in range(100):
        tagger.digitize(world.step())
    before_mb = peak_memory_mb()

    def run() -> int:
        tags = 0
        while tags < 1_000_000_000:
            tags += tagger.digitize(world.step())[0].size
        return tags

    tags = benchmark.pedantic(run, rounds=1)
    growth_mb = peak_memory_mb() - before_mb
    rate = tags / benchmark.stats.stats.min / 1e6
    with capsys.disabled():
        sys.stdout.write(f"\n1e9 tags at {rate:.1f} Mtag/s, {growth_mb:.1f} MB more memory\n")
    assert growth_mb < 20
