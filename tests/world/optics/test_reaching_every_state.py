"""Whether controllers of polarization take any state to any other within their limits.

An oracle with arrays searches on a grid and refines; the element is then set to what was found
and must show the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from simulated_devices.world.optics import (
    LiquidCrystal,
    LiquidCrystalParameters,
    Paddles,
    PaddlesParameters,
    Squeezers,
    SqueezersParameters,
)

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Oracle = Callable[[Real], Complex]


def plate(retardance_rad: Real, axis_rad: Real) -> Complex:
    """R(x) diag(e^{-id/2}, e^{id/2}) R(-x), written out, shape (n, 2, 2)."""
    early, late = np.exp(-0.5j * retardance_rad), np.exp(0.5j * retardance_rad)
    c, s = np.cos(axis_rad), np.sin(axis_rad)
    off = c * s * (early - late)
    rows = [[c**2 * early + s**2 * late, off], [off, s**2 * early + c**2 * late]]
    return np.moveaxis(np.array(rows), -1, 0)


def paddles(angles_deg: Real) -> Complex:
    a, b, c = np.radians(angles_deg).T
    quarter, half = np.full_like(a, math.pi / 2), np.full_like(a, math.pi)
    return plate(quarter, c) @ plate(half, b) @ plate(quarter, a)


def retarders(retardances_rad: Real) -> Complex:
    """Retarders at 0, 45 and 0 deg."""
    a, b, c = retardances_rad.T
    flat, diagonal = np.zeros_like(a), np.full_like(a, math.pi / 4)
    return plate(c, flat) @ plate(b, diagonal) @ plate(a, flat)


def search(oracle: Oracle, low: float, high: float, before: Complex, after: Complex) -> Real:
    """Return the three settings that best take one state to the other."""
    settings = np.stack(np.meshgrid(*[np.linspace(low, high, 25)] * 3), axis=-1).reshape(-1, 3)
    reach = (high - low) / 24
    best: Real = settings[0]
    for _ in range(9):
        fidelity = np.abs(after.conj() @ (oracle(settings) @ before).T) ** 2
        best = settings[int(np.argmax(fidelity))]
        around = np.stack(np.meshgrid(*[np.linspace(-reach, reach, 9)] * 3), axis=-1)
        settings = np.clip(best + around.reshape(-1, 3), low, high)
        reach /= 3
    return best


@pytest.fixture(params=range(6))
def states(request: pytest.FixtureRequest) -> tuple[Complex, Complex]:
    generator = np.random.default_rng(request.param)
    amplitudes = generator.standard_normal((2, 2)) + 1j * generator.standard_normal((2, 2))
    before, after = amplitudes / np.linalg.norm(amplitudes, axis=1, keepdims=True)
    return before, after


def fidelity_of(jones: Complex, states: tuple[Complex, Complex]) -> float:
    before, after = states
    return float(np.abs(after.conj() @ jones @ before) ** 2)


def test_paddles_take_any_state_to_any_other(states: tuple[Complex, Complex]) -> None:
    controller = Paddles("mpc", PaddlesParameters(to=""), 0)
    controller.angles_deg = search(paddles, 0.0, 170.0, *states).tolist()
    assert fidelity_of(controller.passage.jones, states) > 1 - 1e-5


def test_squeezers_take_any_state_to_any_other(states: tuple[Complex, Complex]) -> None:
    controller = Squeezers("epc", SqueezersParameters(to="", hysteresis=0.0), 0)
    found = search(retarders, -2 * math.pi, 2 * math.pi, *states)
    controller.voltages_v = [*(found / math.pi * 2.5).tolist(), 0.0]
    assert fidelity_of(controller.passage.jones, states) > 1 - 1e-5


def test_liquid_crystals_take_any_state_to_any_other(states: tuple[Complex, Complex]) -> None:
    parameters = LiquidCrystalParameters(to="", response_s=0.0)
    controller = LiquidCrystal("lc", parameters, 0)
    low = parameters.retardance_rad(10.0)
    found = search(retarders, low, parameters.retardance_rad(0.0), *states)
    # The retardance curve solved for the voltage.
    waves = found / (2 * math.pi)
    tilted = np.clip((waves - 0.04) / (1.2 - 0.04), 0.0, 1.0)
    controller.voltages_v = np.minimum(1.2 + 2.0 * np.arccosh(tilted**-0.5), 10.0).tolist()
    for slice_ps in range(2):
        controller.advance(slice_ps * 10**10, (slice_ps + 1) * 10**10)
    assert fidelity_of(controller.passage.jones, states) > 1 - 1e-5
