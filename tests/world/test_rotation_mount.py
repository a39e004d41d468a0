"""A rotation mount's mechanics: homing against closed forms, and what its plate does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulated_devices.world import SLICE_PS, World, WorldParameters
from simulated_devices.world.rotation_mount import Arrival, RotationMount

SLICE_S = SLICE_PS * 1e-12
PERFECT = {"efficiency": 1.0, "dark_rate_hz": 0.0, "jitter_fwhm_ps": 0.0, "dead_time_ns": 0.0}


def until_arrival(mount: RotationMount, start_ps: int = 0) -> tuple[Arrival, float]:
    """Return how the motion ended and after how many seconds of world time."""
    for now_ps in range(start_ps, start_ps + 100 * 10**12, SLICE_PS):
        arrival = mount.advance(now_ps)
        if arrival is not None:
            return arrival, (now_ps - start_ps) * 1e-12
    raise AssertionError("the motion does not end")


def perfect_world() -> World:
    """A world in which every photon of a perfect pair clicks at the time of its creation."""
    arms = {
        name: {
            "photon": photon,
            "outputs": {"plus": f"{name}_plus", "minus": f"{name}_minus"},
            "loss_db": 0.0,
            "extinction_ratio": math.inf,
        }
        for name, photon in (("alice", "signal"), ("bob", "idler"))
    }
    detectors = {f"{arm}_{side}": PERFECT for arm in arms for side in ("plus", "minus")}
    table = {"source": {"visibility": 1.0}, "arms": arms, "detectors": detectors}
    world = World(WorldParameters.model_validate(table), seed=4)
    world.pump.target_mw = 5.0
    world.pump.emitting = True
    return world


@pytest.mark.parametrize(
    ("from_deg", "to_switch_deg"), [(0.0, 4.0), (33.75, 37.75), (-10.0, 354.0), (400.0, 44.0)]
)
def test_homing_runs_in_reverse_to_the_switch_and_forward_to_the_zero(
    from_deg: float, to_switch_deg: float
) -> None:
    mount = RotationMount(switch_deg=-4.0, unhomed_at_deg=from_deg)
    mount.home()
    arrival, took_s = until_arrival(mount)

    def duration_s(way_deg: float) -> float:
        return 2 * math.sqrt(way_deg / 10.0) if way_deg < 10.0 else way_deg / 10.0 + 1.0

    assert arrival is Arrival.HOMED
    assert took_s == pytest.approx(duration_s(to_switch_deg) + duration_s(4.0), abs=SLICE_S)
    assert mount.position_deg == 0.0
    assert mount.angle_deg % 360.0 == pytest.approx(0.0, abs=1e-9)
    assert mount.is_homed


def test_a_mount_that_is_not_homed_counts_from_where_it_was_powered_up() -> None:
    mount = RotationMount(switch_deg=-4.0, unhomed_at_deg=30.0)
    mount.move_to(15.0)
    until_arrival(mount)
    assert (mount.position_deg, mount.angle_deg) == (15.0, 45.0)


def test_homing_that_is_stopped_leaves_the_mount_unhomed() -> None:
    mount = RotationMount(switch_deg=-4.0)
    mount.home()
    mount.advance(10**11)
    mount.brake()
    arrival, _ = until_arrival(mount, 10**11)
    assert arrival is Arrival.STOPPED
    assert not mount.is_homed


def test_a_mount_that_homes_takes_no_other_order() -> None:
    mount = RotationMount(switch_deg=-4.0)
    mount.home()
    mount.move_to(90.0)
    assert until_arrival(mount)[0] is Arrival.HOMED
    assert mount.position_deg == 0.0


def test_a_new_target_during_a_move_is_reached_from_there() -> None:
    mount = RotationMount(switch_deg=-4.0)
    mount.move_to(90.0)
    mount.advance(2 * 10**12)
    assert mount.position_deg == pytest.approx(15.0)
    mount.move_to(10.0)
    # At 10 degree/s: 1 s and 5 degree to brake, then 10 degree back, 2 s.
    arrival, took_s = until_arrival(mount, 2 * 10**12)
    assert arrival is Arrival.COMPLETED
    assert took_s == pytest.approx(1.0 + 2.0, abs=SLICE_S)
    assert mount.position_deg == pytest.approx(10.0)


@pytest.mark.parametrize("plate_deg", [0.0, 11.25, 22.5, 33.75, 45.0])
def test_partners_of_bobs_plus_click_at_alices_plus_with_cos_squared_of_twice_the_angle(
    plate_deg: float,
) -> None:
    world = perfect_world()
    mount = RotationMount(switch_deg=-4.0)
    mount.carry_half_wave_plate(world.arms["alice"], zero_offset_deg=3.0)
    mount.move_to(plate_deg + 3.0)
    until_arrival(mount)
    plus = both = 0
    for _ in range(10):
        clicks = world.step().clicks
        plus += clicks["bob_plus"].size
        both += np.intersect1d(clicks["bob_plus"], clicks["alice_plus"]).size
    expected = math.cos(math.radians(2.0 * plate_deg)) ** 2
    sigma = math.sqrt(plus * expected * (1.0 - expected)) + 1.0
    assert plus > 10_000
    assert both == pytest.approx(plus * expected, abs=5.0 * sigma)


def test_the_world_sees_the_angles_in_between() -> None:
    world = perfect_world()
    mount = RotationMount(switch_deg=-4.0)
    mount.carry_half_wave_plate(world.arms["alice"], zero_offset_deg=0.0)
    mount.move_to(45.0)
    seen_deg = []
    for now_s in (0.5, 1.0, 2.0, 5.5):
        mount.advance(round(now_s * 1e12))
        seen_deg.append(world.arms["alice"].analyzer_angle_deg)
    assert seen_deg == pytest.approx([2.5, 10.0, 30.0, 90.0])
