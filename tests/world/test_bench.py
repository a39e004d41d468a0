from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world import COMMON_PATH_PS, SLICE_PS, World, WorldParameters
from simulated_devices.world.slices import Times

BuildParameters = Callable[..., WorldParameters]
StartWorld = Callable[..., World]
Collect = Callable[[World, int], dict[str, Times]]

PERFECT = {
    "source": {"visibility": 1.0},
    "arm": {"loss_db": 0.0, "extinction_ratio": math.inf},
    "detector": {"efficiency": 1.0, "dark_rate_hz": 0.0, "dead_time_ns": 0.0},
}


def test_time_advances_in_slices(build_parameters: BuildParameters) -> None:
    world = World(build_parameters(), 0)
    first, second = world.step(), world.step()
    assert (first.start_ps, first.stop_ps) == (0, SLICE_PS)
    assert (second.start_ps, second.stop_ps) == (SLICE_PS, 2 * SLICE_PS)
    assert world.time_ps == 2 * SLICE_PS


def test_clicks_are_sorted_and_inside_their_slice(start_world: StartWorld) -> None:
    world = start_world(pump_mw=500.0, arm={"delay_ps": 12_345_678_901})
    for _ in range(5):
        step = world.step()
        for times in step.clicks.values():
            assert times.dtype == np.int64
            assert np.all(np.diff(times) >= 0)
            if times.size:
                assert times[0] >= step.start_ps
                assert times[-1] < step.stop_ps


def clicks_after(world: World, slices: int) -> dict[str, list[int]]:
    """Run with a waveplate turning and a detector warming up on the way."""
    clicks: dict[str, list[int]] = {name: [] for name in world.detectors}
    for k in range(slices):
        world.arms["alice"].analyzer_angle_deg = 5.0 * k
        if k == 3:
            world.detectors["bob_v"].change(dark_rate_hz=5e4, afterpulse_probability=0.1)
        for name, times in world.step().clicks.items():
            clicks[name] += times.tolist()
    return clicks


def test_the_same_seed_and_changes_give_the_same_clicks(start_world: StartWorld) -> None:
    first = clicks_after(start_world(seed=7), 8)
    assert clicks_after(start_world(seed=7), 8) == first
    assert clicks_after(start_world(seed=8), 8) != first


def test_two_worlds_do_not_touch_each_other(start_world: StartWorld) -> None:
    alone = clicks_after(start_world(seed=7), 8)
    world, other = start_world(seed=7), start_world(seed=9)
    other.arms["alice"].analyzer_angle_deg = 80.0
    other.step()
    assert clicks_after(world, 8) == alone


def test_a_further_detector_leaves_the_clicks_of_the_others(
    build_parameters: BuildParameters,
) -> None:
    few = build_parameters()
    table = few.model_dump()
    table["detectors"] = {"afar": {"dark_rate_hz": 1e4}} | table["detectors"]
    many = WorldParameters.model_validate(table)
    worlds = World(few, 3), World(many, 3)
    for world in worlds:
        world.pump.target_mw, world.pump.emitting = 5.0, True
    steps = [[world.step().clicks for _ in range(5)] for world in worlds]
    for before, after in zip(*steps, strict=True):
        assert after["afar"].size > 0
        for name, times in before.items():
            assert np.array_equal(times, after[name])


def test_with_the_pump_off_only_darks_click(start_world: StartWorld, collect: Collect) -> None:
    world = start_world()
    world.pump.emitting = False
    world.step()
    for times in collect(world, 1000).values():
        assert abs(times.size - 1000) < 5 * math.sqrt(1000)


@pytest.mark.parametrize("alice_delay_ps", [0, 3_000_000, 25_000_000_000])
def test_no_photon_is_lost_or_doubled_on_its_way(
    start_world: StartWorld, collect: Collect, alice_delay_ps: int
) -> None:
    detector = PERFECT["detector"] | {"jitter_fwhm_ps": 20_000.0}
    world = start_world(seed=1, **(PERFECT | {"detector": detector}))
    world.arms["alice"].change(delay_ps=alice_delay_ps)
    for _ in range(5):
        world.step()
    world.pump.emitting = False
    for _ in range(5):
        world.step()
    world.pump.emitting = True
    before = collect(world, 10)
    world.pump.emitting = False
    after = collect(world, 5)
    clicks = {name: np.concatenate([before[name], after[name]]) for name in before}
    # Perfect phi_plus pairs at equal angles: both plus or both minus, whatever the delay.
    for alice, bob in (("alice_h", "bob_h"), ("alice_v", "bob_v")):
        assert clicks[alice].size == clicks[bob].size
        assert abs(clicks[alice].size - 20_000) < 5 * math.sqrt(20_000)


def test_delays_shift_the_clicks_of_a_pair(start_world: StartWorld, collect: Collect) -> None:
    world = start_world(
        **(PERFECT | {"detector": PERFECT["detector"] | {"jitter_fwhm_ps": 0.0}}), pump_mw=0.1
    )
    world.arms["alice"].change(delay_ps=40_000)
    world.arms["bob"].change(delay_ps=10_000)
    world.detectors["bob_h"].change(delay_ps=15_000)
    world.pump.emitting = False
    world.step()
    world.pump.emitting = True
    clicks = collect(world, 5)
    # Alice: 40 ns and the default cable of 10 ns; Bob: 10 ns and 15 ns.
    assert np.array_equal(clicks["alice_h"] - clicks["bob_h"], np.full(clicks["bob_h"].size, 25000))
    assert clicks["alice_h"][0] > 2 * SLICE_PS + COMMON_PATH_PS + 50_000


def test_an_angle_acts_in_the_next_slice(start_world: StartWorld) -> None:
    world = start_world(**PERFECT)
    parallel = world.step().clicks
    assert parallel["alice_h"].size == pytest.approx(parallel["bob_h"].size, abs=3)
    world.arms["bob"].analyzer_angle_deg = 90.0
    crossed = world.step()
    # Light created before the change is under way for less than 200 ns.
    begin = crossed.start_ps + 200_000
    partners = np.isin(crossed.clicks["alice_h"] // 10_000, crossed.clicks["bob_h"] // 10_000)
    # 2000 clicks at random find one of 2000 others in the same 10 ns about 4 times.
    assert np.count_nonzero(partners & (crossed.clicks["alice_h"] > begin)) < 20


def test_clicks_without_a_common_pair_are_independent(
    start_world: StartWorld, collect: Collect
) -> None:
    slices = 2000
    world = start_world(seed=4, detector={"dead_time_ns": 0.0})
    step_counts = np.array(
        [[times.size for times in world.step().clicks.values()] for _ in range(slices)]
    )
    correlation = np.corrcoef(step_counts.T)
    names = list(world.detectors)
    one_station = correlation[names.index("alice_h"), names.index("alice_v")]
    assert abs(one_station) < 5 / math.sqrt(slices)
    # Bob's partners: the share of common pairs, 0.25 (1 + V)/2.
    two_stations = correlation[names.index("alice_h"), names.index("bob_h")]
    assert abs(two_stations - 0.25 * 0.975) < 5 / math.sqrt(slices)
    for series in step_counts.T:
        lag_one = np.corrcoef(series[1:], series[:-1])[0, 1]
        assert abs(lag_one) < 5 / math.sqrt(slices)
    counts = collect(world, 1)
    assert set(counts) == set(names)


def test_a_one_output_analyzer_loses_the_other_polarization(
    build_parameters: BuildParameters,
) -> None:
    table = build_parameters(**PERFECT).model_dump()
    table["arms"]["bob"]["outputs"]["minus"] = None
    del table["detectors"]["bob_v"]
    world = World(WorldParameters.model_validate(table), 2)
    world.pump.target_mw, world.pump.emitting = 5.0, True
    world.step()
    counts = np.zeros(3)
    for _ in range(20):
        clicks = world.step().clicks
        counts += [clicks[name].size for name in ("alice_h", "alice_v", "bob_h")]
    assert np.all(np.abs(counts - 40_000) < 5 * math.sqrt(40_000))


def test_any_finite_angle_is_accepted_and_wiring_is_not_changed(start_world: StartWorld) -> None:
    world = start_world()
    world.arms["alice"].analyzer_angle_deg = -7222.5
    assert world.arms["alice"].analyzer_angle_deg == pytest.approx(-7222.5 % 360)
    with pytest.raises(LimitError, match=r"alice\.analyzer_angle_deg"):
        world.arms["alice"].analyzer_angle_deg = math.nan
    with pytest.raises(LimitError, match=r"alice\.photon cannot be changed"):
        world.arms["alice"].change(photon="idler")
    with pytest.raises(LimitError, match=r"source\.pump cannot be changed"):
        world.source.change(pump="other")


def test_a_negative_seed_is_refused(build_parameters: BuildParameters) -> None:
    with pytest.raises(LimitError, match="seed = -1"):
        World(build_parameters(), -1)
