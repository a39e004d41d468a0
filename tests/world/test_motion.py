"""Motion at limited velocity and acceleration against the closed forms of kinematics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated_devices.world.motion import plan_move, plan_stop

angles = st.floats(-720.0, 720.0)
rates = st.floats(0.1, 50.0)


@pytest.mark.parametrize(
    ("way", "duration_s"),
    [
        (45.0, 45.0 / 10.0 + 10.0 / 20.0),  # d/v + v/a: a trapezoid
        (-45.0, 5.0),
        (5.0, 5.0 / 10.0 + 10.0 / 20.0),  # d = v^2/a: the triangle that just reaches v
        (1.25, 2.0 * math.sqrt(1.25 / 20.0)),  # 2 sqrt(d/a): a triangle
        (0.0, 0.0),
    ],
)
def test_a_move_from_rest_takes_the_time_of_its_trapezoid(way: float, duration_s: float) -> None:
    motion = plan_move(7.0, 0.0, 7.0 + way, max_velocity=10.0, acceleration=20.0)
    assert motion.duration_s == pytest.approx(duration_s)
    assert motion.end == 7.0 + way


def test_the_phases_of_a_trapezoid_are_where_kinematics_puts_them() -> None:
    motion = plan_move(0.0, 0.0, 45.0, max_velocity=10.0, acceleration=10.0)
    assert motion.position(0.5) == pytest.approx(0.5 * 10.0 * 0.5**2)
    assert motion.position(1.0) == pytest.approx(5.0)
    assert motion.position(3.0) == pytest.approx(25.0)
    assert motion.position(5.0) == pytest.approx(45.0 - 0.5 * 10.0 * 0.5**2)
    assert motion.velocity(3.0) == pytest.approx(10.0)
    assert motion.position(99.0) == 45.0
    assert motion.velocity(99.0) == 0.0


def test_braking_takes_v_over_a_and_v_squared_over_2a() -> None:
    motion = plan_stop(30.0, -8.0, acceleration=4.0)
    assert motion.duration_s == pytest.approx(2.0)
    assert motion.end == pytest.approx(30.0 - 8.0)


def test_a_move_the_other_way_brakes_first() -> None:
    # 0.5 s to rest at 2.5, then back over 2.5: a triangle of 2 sqrt(2.5/10) s.
    motion = plan_move(0.0, 10.0, 0.0, max_velocity=10.0, acceleration=20.0)
    assert motion.position(0.5) == pytest.approx(2.5)
    assert motion.duration_s == pytest.approx(0.5 + 2.0 * math.sqrt(2.5 / 20.0))
    assert motion.end == 0.0


def test_an_axis_faster_than_its_limit_slows_down_to_it() -> None:
    motion = plan_move(0.0, 10.0, 100.0, max_velocity=5.0, acceleration=10.0)
    assert motion.velocity(0.5) == pytest.approx(5.0)
    assert motion.velocity(10.0) == pytest.approx(5.0)
    assert motion.position(motion.duration_s) == 100.0


@given(angles, st.floats(-50.0, 50.0), angles, rates, rates)
def test_every_motion_is_smooth_and_keeps_its_limits(
    start: float, velocity: float, target: float, max_velocity: float, acceleration: float
) -> None:
    motion = plan_move(start, velocity, target, max_velocity, acceleration)
    times_s = np.linspace(0.0, motion.duration_s, 200)
    positions = np.array([motion.position(t) for t in times_s])
    velocities = np.array([motion.velocity(t) for t in times_s])
    step_s = motion.duration_s / 199
    assert positions[0] == pytest.approx(start, abs=1e-6)
    assert positions[-1] == motion.end == target
    assert np.all(np.abs(velocities) <= max(max_velocity, abs(velocity)) * (1 + 1e-9) + 1e-9)
    assert np.all(np.abs(np.diff(velocities)) <= acceleration * step_s * (1 + 1e-6) + 1e-4)
    travelled = np.abs(np.diff(positions))
    assert np.all(travelled <= max(max_velocity, abs(velocity)) * step_s * (1 + 1e-6) + 1e-4)
