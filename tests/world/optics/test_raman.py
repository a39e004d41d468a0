from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from simulated_devices.world.optics import Fibre, FibreParameters

PHOTONS_THZ = np.array([193.4])
"""1550.12 nm, on the blue side of the default classical light at 1570 nm."""


def noise_hz_per_thz(frequency_thz: float = 185.0, **parameters: Any) -> float:
    """Noise on the red side (185 THz is 1620 nm), where no phonon is needed."""
    table = {"to": "", "length_km": 50.0, "classical_power_mw": 1.0, "connectors_db": 0.0}
    fibre = Fibre("link", FibreParameters.model_validate(table | parameters), 0)
    noise = fibre.noise_hz_per_thz(np.array([frequency_thz]))
    assert noise is not None
    return float(noise[0])


def expected_hz_per_thz(length_km: float, frequency_thz: float = 185.0) -> float:
    """1 mW, 2e-9 per km and nm, over an effective length."""
    watt_per_nm = 1e-3 * 2e-9 * length_km
    nm_per_thz = 299_792.458 / frequency_thz**2
    return watt_per_nm * nm_per_thz / (6.62607015e-34 * frequency_thz * 1e12)


def test_a_fibre_without_classical_light_is_dark() -> None:
    fibre = Fibre("link", FibreParameters(to="", length_km=50.0), 0)
    assert fibre.noise_hz_per_thz(PHOTONS_THZ) is None


def test_light_in_the_same_direction_scatters_along_the_whole_length() -> None:
    alpha = 0.2 * math.log(10) / 10
    expected = expected_hz_per_thz(50.0 * math.exp(-alpha * 50.0))
    assert noise_hz_per_thz() == pytest.approx(expected)
    # 1 mW over 50 km: 1e-11 W/nm, 8.2e7 photons per second and nm.
    assert expected == pytest.approx(8.16e7 * 8.7595, rel=1e-3)


def test_light_from_the_other_end_scatters_back() -> None:
    alpha = 0.2 * math.log(10) / 10
    expected = expected_hz_per_thz((1 - math.exp(-2 * alpha * 50.0)) / (2 * alpha))
    assert noise_hz_per_thz(classical_direction="counter") == pytest.approx(expected)


def test_noise_in_the_same_direction_is_greatest_at_the_attenuation_length() -> None:
    best_km = 10 / (0.2 * math.log(10))
    lengths = best_km * np.array([0.9, 0.99, 1.0, 1.01, 1.1])
    noise = [noise_hz_per_thz(length_km=float(length)) for length in lengths]
    assert int(np.argmax(noise)) == 2


@pytest.mark.parametrize("direction", ["co", "counter"])
def test_different_attenuations_add_up_as_a_sum_over_short_pieces(direction: str) -> None:
    # A slow oracle: 0.35 dB/km for the classical light, and 100 000 pieces of 0.5 m.
    z = (np.arange(100_000) + 0.5) * 5e-4
    alpha, classical = np.array([0.2, 0.35]) * math.log(10) / 10
    travelled = z if direction == "co" else 50.0 - z
    pieces = np.exp(-classical * travelled) * np.exp(-alpha * (50.0 - z))
    found = noise_hz_per_thz(classical_direction=direction, classical_attenuation_db_km=0.35)
    assert found == pytest.approx(expected_hz_per_thz(float(pieces.sum()) * 5e-4), rel=1e-6)


def test_attenuations_that_differ_hardly_give_what_equal_ones_give() -> None:
    equal = noise_hz_per_thz()
    assert noise_hz_per_thz(classical_attenuation_db_km=0.2 + 1e-9) == pytest.approx(equal)


def test_noise_on_the_blue_side_needs_a_phonon() -> None:
    classical_thz = 299_792.458 / 1570.0
    # kT/h at 20 degC is 6.1083 THz.
    for blue_thz in (classical_thz + 1.0, 193.4, 228.0):
        ratio = noise_hz_per_thz(blue_thz) / expected_hz_per_thz(5.0, blue_thz)
        assert ratio == pytest.approx(math.exp(-(blue_thz - classical_thz) / 6.1083), rel=1e-4)


def test_noise_grows_with_the_power_and_is_spent_on_the_output_connector() -> None:
    single = noise_hz_per_thz()
    assert noise_hz_per_thz(classical_power_mw=5.0) == pytest.approx(5 * single)
    assert noise_hz_per_thz(connectors_db=2.0) == pytest.approx(single * 10**-0.1)


def test_no_length_makes_no_noise() -> None:
    assert noise_hz_per_thz(length_km=0.0) == 0.0
    assert noise_hz_per_thz(length_km=0.0, classical_direction="counter") == 0.0
