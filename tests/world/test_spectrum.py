from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world.optics.constants import LIGHT_NM_THZ
from simulated_devices.world.source_parameters import SpectrumParameters
from simulated_devices.world.spectrum import SINC_HALF_WIDTH, JointSpectrum, joint_spectrum


def spectrum(pump_nm: float = 405.0, **parameters: object) -> JointSpectrum:
    return joint_spectrum(SpectrumParameters.model_validate(parameters), pump_nm)


def full_width(x: np.ndarray, y: np.ndarray) -> float:
    """Return the full width at half maximum, edges interpolated."""
    half = y.max() / 2.0
    above = np.flatnonzero(y >= half)
    first, last = above[0], above[-1]
    low = np.interp(half, [y[first - 1], y[first]], [x[first - 1], x[first]])
    high = np.interp(-half, [-y[last], -y[last + 1]], [x[last], x[last + 1]])
    return float(high - low)


def test_the_half_width_of_sinc_squared_is_where_it_has_fallen_to_one_half() -> None:
    x = SINC_HALF_WIDTH
    assert (math.sin(x) / x) ** 2 == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("shape", ["sinc", "gaussian"])
@pytest.mark.parametrize("phase_matching", ["type0", "type2"])
def test_the_spectrum_has_its_bandwidth(shape: str, phase_matching: str) -> None:
    found = spectrum(shape=shape, phase_matching=phase_matching, bandwidth_nm=3.0)
    width_thz = full_width(found.detuning_thz, found.weights)
    assert width_thz == pytest.approx(LIGHT_NM_THZ * 3.0 / 810.0**2, rel=1e-3)
    assert np.sum(found.weights) == pytest.approx(1.0)
    assert found.brightness == pytest.approx(1.0, rel=1e-6)


def test_the_two_photons_share_the_energy_of_the_pump() -> None:
    found = spectrum(pump_nm=775.0, signal_wavelength_nm=1540.0, bandwidth_nm=20.0)
    total_thz = found.signal_thz + found.idler_thz
    assert total_thz == pytest.approx(np.full(total_thz.size, LIGHT_NM_THZ / 775.0))
    assert not found.is_degenerate
    assert spectrum(pump_nm=775.0).is_degenerate


def test_type_two_light_changes_its_color_with_the_temperature_and_keeps_its_rate() -> None:
    warm = spectrum(crystal_degc=42.5, matched_degc=40.0, acceptance_k=5.0, bandwidth_nm=3.0)
    # Half the acceptance away: the center moved by half the bandwidth, downward.
    center_thz = float(np.sum(warm.weights * warm.detuning_thz))
    assert center_thz == pytest.approx(-0.5 * LIGHT_NM_THZ * 3.0 / 810.0**2, rel=1e-3)
    assert warm.brightness == pytest.approx(1.0, rel=1e-3)


def test_type_zero_light_on_the_far_side_of_matching_fades() -> None:
    # The integral of sinc(x0 + u^2)^2 over u against x0 = 0, by fine quadrature.
    u = np.linspace(-60.0, 60.0, 2_000_001)
    x0 = SINC_HALF_WIDTH
    expected = np.sum(np.sinc((x0 + u**2) / math.pi) ** 2) / np.sum(np.sinc(u**2 / math.pi) ** 2)
    warm = spectrum(phase_matching="type0", crystal_degc=42.5, matched_degc=40.0, acceptance_k=5.0)
    assert warm.brightness == pytest.approx(expected, rel=2e-3)
    assert warm.brightness < 0.5


def test_type_zero_light_on_the_near_side_splits_into_two_colors() -> None:
    cold = spectrum(
        phase_matching="type0", crystal_degc=30.0, matched_degc=40.0, acceptance_k=5.0,
        bandwidth_nm=3.0,
    )  # fmt: skip
    brightest = abs(float(cold.detuning_thz[np.argmax(cold.weights)]))
    # x0 + 1.39 (2 W/B)^2 = 0 with x0 = -2 * 2 * 1.39.
    assert brightest == pytest.approx(LIGHT_NM_THZ * 3.0 / 810.0**2, rel=0.01)


def test_the_pump_wavelength_detunes_as_the_temperature_does() -> None:
    moved = spectrum(pump_nm=405.05, matched_pump_nm=405.0, pump_acceptance_nm=0.1)
    heated = spectrum(crystal_degc=42.5, acceptance_k=5.0)
    assert np.argmax(moved.weights) == np.argmax(heated.weights)


def test_a_filter_passes_its_part_of_a_gaussian_spectrum() -> None:
    found = spectrum(shape="gaussian", bandwidth_nm=3.0)
    width_thz = LIGHT_NM_THZ * 3.0 / 810.0**2
    everything = np.ones((1, found.detuning_thz.size))
    top_hat = (np.abs(found.detuning_thz) <= width_thz / 2.0)[np.newaxis].astype(float)
    # A window as wide as the full width at half maximum catches erf(sqrt(ln 2)).
    expected = math.erf(math.sqrt(math.log(2.0)))
    assert found.overlap(top_hat, everything)[0, 0] == pytest.approx(expected, abs=1e-3)
    assert found.overlap(top_hat, top_hat)[0, 0] == pytest.approx(expected, abs=1e-3)


def test_opposite_filters_pass_no_pair_and_a_broad_pump_blurs_that() -> None:
    found = spectrum(shape="gaussian", bandwidth_nm=3.0)
    red = (found.detuning_thz < 0.0)[np.newaxis].astype(float)
    blue = (found.detuning_thz >= 0.0)[np.newaxis].astype(float)
    assert found.overlap(red, blue)[0, 0] == 0.0
    linewidth_thz = 0.5
    blurred = found.overlap(red, blue, linewidth_thz)[0, 0]
    # Half the pairs are red; the idler's frequency is off by a Gaussian of this width:
    # P(signal < 0, signal + g >= 0) of two Gaussians is arctan(s_g/s)/(2 pi).
    width_thz = LIGHT_NM_THZ * 3.0 / 810.0**2
    assert blurred == pytest.approx(math.atan(linewidth_thz / width_thz) / (2 * math.pi), rel=0.01)


@pytest.mark.parametrize("delay_ps", [0.0, 0.1, 0.2, 0.5])
def test_gaussian_photons_dip_as_a_gaussian(delay_ps: float) -> None:
    found = spectrum(shape="gaussian", bandwidth_nm=3.0)
    full_thz = LIGHT_NM_THZ * 3.0 / 810.0**2
    # |f|^2 has this standard deviation in angular frequency; the overlap is exp(-2 s^2 t^2).
    sigma = 2.0 * math.pi * full_thz / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    expected = math.exp(-2.0 * sigma**2 * delay_ps**2)
    assert found.exchange(np.ones(found.detuning_thz.size), delay_ps) == pytest.approx(
        expected, abs=1e-6
    )


def test_photons_of_a_uniform_type_two_crystal_dip_as_a_triangle() -> None:
    found = spectrum(shape="sinc", bandwidth_nm=3.0)
    full_thz = LIGHT_NM_THZ * 3.0 / 810.0**2
    # sinc(a W)^2 is the Fourier transform of a triangle of half width a (W angular) / 2.
    half_base_ps = SINC_HALF_WIDTH / (math.pi * full_thz)
    for part in (0.25, 0.5, 0.75):
        found_overlap = found.exchange(np.ones(found.detuning_thz.size), part * half_base_ps)
        # The spectrum is cut at four widths, which rounds the triangle.
        assert found_overlap == pytest.approx(1.0 - part, abs=0.02)


def test_a_signal_bluer_than_the_pump_is_refused() -> None:
    with pytest.raises(LimitError, match="not longer than the pump's 405 nm"):
        spectrum(signal_wavelength_nm=400.0)
