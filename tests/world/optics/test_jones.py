from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from simulated_devices.world.optics.jones import (
    Turn,
    haar_turn,
    in_sequence,
    random_axis,
    retarder,
    rotator,
    stokes,
    stokes_rotation,
)
from simulated_devices.world.randomness import component_generator

H = np.array([1, 0], dtype=np.complex128)
V = np.array([0, 1], dtype=np.complex128)
R = np.array([math.sqrt(0.5), -1j * math.sqrt(0.5)], dtype=np.complex128)
L = R.conj()


def rodrigues(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix about a vector by its length, right handed."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: NDArray[np.float64] = (
        np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    )
    return rotation


def test_stokes_vectors_of_the_six_cardinal_states() -> None:
    diagonal = np.array([1, 1], dtype=np.complex128)
    antidiagonal = np.array([1, -1], dtype=np.complex128)
    assert stokes(H) == pytest.approx([1, 0, 0])
    assert stokes(V) == pytest.approx([-1, 0, 0])
    assert stokes(diagonal) == pytest.approx([0, 1, 0])
    assert stokes(antidiagonal) == pytest.approx([0, -1, 0])
    assert stokes(L) == pytest.approx([0, 0, 1])
    assert stokes(R) == pytest.approx([0, 0, -1])


def test_a_half_wave_plate_at_22_5_deg_takes_h_to_diagonal() -> None:
    assert stokes(retarder(math.pi, 22.5).operator() @ H) == pytest.approx([0, 1, 0], abs=1e-15)


def test_a_quarter_wave_plate_at_45_deg_takes_h_to_right_circular() -> None:
    plate = retarder(math.pi / 2, 45.0).operator()
    assert stokes(plate @ H) == pytest.approx([0, 0, -1], abs=1e-15)


def test_a_retarder_is_the_product_of_rotations_and_phases() -> None:
    for retardance, angle_deg in ((0.3, 12.0), (2.0, -77.0), (-1.1, 140.0)):
        x = math.radians(angle_deg)
        rotation = np.array([[math.cos(x), -math.sin(x)], [math.sin(x), math.cos(x)]])
        phases = np.diag(np.exp(np.array([-0.5j, 0.5j]) * retardance))
        expected = rotation @ phases @ rotation.T
        assert retarder(retardance, angle_deg).operator() == pytest.approx(expected, abs=1e-15)


def test_a_rotator_turns_h_to_its_angle_and_leaves_circular_light_alone() -> None:
    turn = rotator(30.0).operator()
    assert turn @ H == pytest.approx([math.cos(math.pi / 6), 0.5])
    assert stokes(turn @ R) == pytest.approx([0, 0, -1], abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_rotates_stokes_vectors_about_its_vector(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(20):
        vector = generator.standard_normal(3) * 2.0
        operator = Turn.about(*vector.tolist()).operator()
        assert operator @ operator.conj().T == pytest.approx(np.eye(2), abs=1e-14)
        assert stokes_rotation(operator) == pytest.approx(rodrigues(vector), abs=1e-13)


def test_turning_about_nothing_changes_nothing() -> None:
    assert Turn.about(0.0, 0.0, 0.0) == Turn()
    assert Turn().operator() == pytest.approx(np.eye(2))


def test_turns_one_after_the_other_are_the_product_of_their_matrices() -> None:
    generator = np.random.default_rng(1)
    turns = [haar_turn(generator) for _ in range(4)]
    first, second, third, fourth = (turn.operator() for turn in turns)
    assert in_sequence(turns).operator() == pytest.approx(
        fourth @ third @ second @ first, abs=1e-14
    )


def test_many_small_turns_stay_unitary() -> None:
    step, total = Turn.about(1e-3, 2e-3, -1e-3), Turn()
    for _ in range(100_000):
        total = step.after(total)
    assert abs(total.p) ** 2 + abs(total.q) ** 2 == pytest.approx(1.0, abs=1e-14)
    expected = rodrigues(np.array([1e-3, 2e-3, -1e-3]) * 100_000)
    assert stokes_rotation(total.operator()) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_random_turns_take_a_state_to_all_others_alike(seed: int) -> None:
    generator = component_generator(seed, "test")
    count = 4000
    states = np.array([stokes(haar_turn(generator).operator() @ H) for _ in range(count)])
    # Uniform on the sphere: a component has mean 0, variance 1/3; its square mean 1/3 and
    # variance 1/5 - 1/9 = 4/45.
    assert np.all(np.abs(states.mean(axis=0)) < 5 * math.sqrt(1 / 3 / count))
    assert np.all(np.abs((states**2).mean(axis=0) - 1 / 3) < 5 * math.sqrt(4 / 45 / count))


@pytest.mark.parametrize("seed", range(3))
def test_random_axes_are_uniform_on_the_sphere(seed: int) -> None:
    generator = component_generator(seed, "test")
    axes = np.array([random_axis(generator) for _ in range(4000)])
    assert np.linalg.norm(axes, axis=1) == pytest.approx(np.ones(4000))
    assert np.all(np.abs(axes.mean(axis=0)) < 5 * math.sqrt(1 / 3 / 4000))
    assert np.all(np.abs((axes**2).mean(axis=0) - 1 / 3) < 5 * math.sqrt(4 / 45 / 4000))


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_of_fixed_steps_about_random_axes_forgets_as_it_must(seed: int) -> None:
    generator = component_generator(seed, "test")
    kept = []
    for _ in range(300):
        total = Turn()
        for _ in range(100):
            s1, s2, s3 = random_axis(generator)
            total = Turn.about(0.05 * s1, 0.05 * s2, 0.05 * s3).after(total)
        # The trace over three is the mean of s.s0 over all s0.
        kept.append(np.trace(stokes_rotation(total.operator())) / 3.0)
    sigma = float(np.std(kept)) / math.sqrt(len(kept))
    # ((1 + 2 cos 0.05)/3)^100 = 0.92003.
    assert abs(float(np.mean(kept)) - 0.92003) < 5 * sigma + 5e-6
