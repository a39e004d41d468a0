from __future__ import annotations

import itertools
import math
from typing import get_args

import numpy as np
import pytest

from simulated_devices.world.polarization import (
    Operator,
    analyzer_operators,
    bell_vector,
    pair_state,
)
from simulated_devices.world.source_parameters import BellStateName, SourceParameters

BELL_STATES: tuple[BellStateName, ...] = get_args(BellStateName)

# E(a, b) / V in degrees, from cos and sin of the amplitudes by hand.
CORRELATIONS = {
    "phi_plus": lambda a, b: math.cos(math.radians(2 * (a - b))),
    "phi_minus": lambda a, b: math.cos(math.radians(2 * (a + b))),
    "psi_plus": lambda a, b: -math.cos(math.radians(2 * (a + b))),
    "psi_minus": lambda a, b: -math.cos(math.radians(2 * (a - b))),
}


def werner_state(name: BellStateName, visibility: float) -> Operator:
    return pair_state(SourceParameters(state=name, visibility=visibility))


def joint_probability(state: Operator, signal: Operator, idler: Operator) -> float:
    """Return the Born rule for two measurement operators, by the tensor product."""
    return float(np.trace(state @ np.kron(signal, idler)).real)


def correlation(state: Operator, a_deg: float, b_deg: float, extinction: float = math.inf) -> float:
    a_sides, b_sides = (analyzer_operators(angle, extinction) for angle in (a_deg, b_deg))
    return sum(
        sign_a * sign_b * joint_probability(state, a, b)
        for sign_a, a in zip((1, -1), a_sides, strict=True)
        for sign_b, b in zip((1, -1), b_sides, strict=True)
    )


def test_the_bell_states_are_orthonormal() -> None:
    vectors = np.array([bell_vector(name) for name in BELL_STATES])
    assert np.allclose(vectors @ vectors.conj().T, np.eye(4), atol=1e-15)


@pytest.mark.parametrize("name", BELL_STATES)
@pytest.mark.parametrize("visibility", [0.0, 0.7, 1.0])
def test_correlations_follow_the_angles(name: BellStateName, visibility: float) -> None:
    state = werner_state(name, visibility)
    for a_deg, b_deg in itertools.product((-30.0, 0.0, 22.5, 100.0), (0.0, 10.0, 67.5)):
        expected = visibility * CORRELATIONS[name](a_deg, b_deg)
        assert correlation(state, a_deg, b_deg) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("visibility", [0.0, 0.5, 0.95, 1.0])
def test_a_werner_state_has_its_published_eigenvalues(visibility: float) -> None:
    eigenvalues = np.linalg.eigvalsh(werner_state("psi_minus", visibility))
    expected = [(1 - visibility) / 4] * 3 + [(1 + 3 * visibility) / 4]
    assert eigenvalues == pytest.approx(expected, abs=1e-14)


def test_chsh_of_a_werner_state_is_two_root_two_times_the_visibility() -> None:
    state = werner_state("phi_plus", 0.95)
    s = (
        correlation(state, 0, 22.5)
        - correlation(state, 0, 67.5)
        + correlation(state, 45, 22.5)
        + correlation(state, 45, 67.5)
    )
    assert s == pytest.approx(2 * math.sqrt(2) * 0.95, abs=1e-13)


@pytest.mark.parametrize("name", BELL_STATES)
def test_each_photon_alone_is_unpolarized(name: BellStateName) -> None:
    plus, _minus = analyzer_operators(33.0, 1e4)
    one = np.eye(2, dtype=np.complex128)
    state = werner_state(name, 0.9)
    assert joint_probability(state, plus, one) == pytest.approx(0.5, abs=1e-14)
    assert joint_probability(state, one, plus) == pytest.approx(0.5, abs=1e-14)


@pytest.mark.parametrize("extinction", [2.0, 1e3, math.inf])
def test_an_analyzer_loses_nothing_and_leaks_one_over_its_extinction(extinction: float) -> None:
    plus, minus = analyzer_operators(0.0, extinction)
    assert np.allclose(plus + minus, np.eye(2), atol=1e-15)
    wanted, unwanted = plus[0, 0].real, plus[1, 1].real
    assert unwanted == pytest.approx(wanted / extinction, rel=1e-12)


def test_extinction_scales_the_correlation_by_the_contrast_of_both_analyzers() -> None:
    contrast = (100 - 1) / (100 + 1)
    state = werner_state("phi_plus", 1.0)
    assert correlation(state, 0, 0, 100) == pytest.approx(contrast**2, abs=1e-14)


def test_an_analyzer_at_45_degrees_passes_diagonal_light() -> None:
    plus, _minus = analyzer_operators(45.0, math.inf)
    diagonal = np.array([1, 1]) / math.sqrt(2)
    assert (diagonal @ plus @ diagonal).real == pytest.approx(1.0, abs=1e-15)
