"""The joint spectrum of the pairs: phase matching, filters' overlap and exchange symmetry.

The pump is monochromatic on the scale of the photons, so a pair has one free number: the
detuning W of the signal photon from its center (THz); the idler photon has -W. The amplitude is
f(x), x the phase mismatch times half the crystal length: sinc(x) of a uniform crystal or a
Gaussian of equal half width of an apodized one (R. W. Boyd, Nonlinear Optics, 2.7; A. M.
Branczyk et al., Opt. Express 19, 55 (2011)). Against detuning x is linear (type II, or
non-degenerate) or quadratic about degeneracy (type 0); against the temperature of the crystal
and the pump wavelength it is linear. All are given by their full widths at half maximum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import LimitError
from simulated_devices.world.optics.constants import LIGHT_NM_THZ
from simulated_devices.world.source_parameters import SpectrumParameters

__all__ = ["SINC_HALF_WIDTH", "JointSpectrum", "joint_spectrum", "mismatch"]

Array = NDArray[np.float64]

SINC_HALF_WIDTH = 1.3915573782515098
"""Where sinc(x)^2 has fallen to one half."""

_GAUSSIAN = math.log(2.0) / (2.0 * SINC_HALF_WIDTH**2)
_POINTS = 8192
#: The spectrum is cut off this many full widths from its center.
_SPAN_WIDTHS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class JointSpectrum:
    """The colors of the pairs, on an even grid of detunings that is symmetric about zero.

    Attributes:
        detuning_thz: of the signal photon, shape (n,), rising.
        signal_thz: optical frequency of the signal photon, shape (n,), rising.
        idler_thz: of the idler photon of the same pair, shape (n,), falling.
        amplitude: real, its squares add up to one, shape (n,).
        brightness: pairs made, relative to perfect phase matching.
        is_degenerate: True where both photons have the same center.
    """

    detuning_thz: Array
    signal_thz: Array
    idler_thz: Array
    amplitude: Array
    brightness: float
    is_degenerate: bool

    @property
    def weights(self) -> Array:
        """The part of the pairs at each detuning; adds up to one."""
        return self.amplitude**2

    def overlap(self, signal: Array, idler: Array, linewidth_thz: float = 0.0) -> Array:
        """Return how many pairs pass, for each signal and each idler filter, (s, i).

        `signal` (s, n) and `idler` (i, n) are the filters' transmissions of power at each
        detuning. A pump of Gaussian linewidth (FWHM) blurs the idler's frequency.
        """
        blurred = _blurred(idler, linewidth_thz, self._step_thz)
        joint: Array = (signal * self.weights) @ blurred.T
        return joint

    def exchange(self, filters: Array, delay_ps: float) -> float:
        """Return the two photons' overlap after one is delayed, 1 for identical photons.

        `filters` (n,) is the transmission of the pair at each detuning, symmetrized. The
        interference of a pair is the integral of f(W) f(-W) cos(2 W t) over angular detunings
        (W. P. Grice, I. A. Walmsley, Phys. Rev. A 56, 1627 (1997), eq. 17, for a
        monochromatic pump).
        """
        beat = np.cos(4.0 * math.pi * delay_ps * self.detuning_thz)
        return float(np.sum(self.amplitude * self.amplitude[::-1] * filters * beat))

    @property
    def _step_thz(self) -> float:
        return float(self.detuning_thz[1] - self.detuning_thz[0])


def mismatch(parameters: SpectrumParameters, pump_nm: float) -> float:
    """Return half the phase mismatch at zero detuning, times the crystal's length."""
    thermal = (parameters.crystal_degc - parameters.matched_degc) / parameters.acceptance_k
    matched_nm = parameters.matched_pump_nm
    pump = 0.0 if matched_nm is None else (pump_nm - matched_nm) / parameters.pump_acceptance_nm
    return 2.0 * SINC_HALF_WIDTH * (thermal + pump)


def joint_spectrum(parameters: SpectrumParameters, pump_nm: float) -> JointSpectrum:
    """Return the spectrum of the pairs at the present temperature and pump wavelength.

    Raises:
        LimitError: the signal wavelength is not longer than the pump's.
    """
    pump_thz = LIGHT_NM_THZ / pump_nm
    signal_nm = parameters.signal_wavelength_nm or 2.0 * pump_nm
    if signal_nm <= pump_nm:
        raise LimitError(
            f"signal_wavelength_nm = {signal_nm:g} is not longer than the pump's {pump_nm:g} nm"
        )
    signal_thz = LIGHT_NM_THZ / signal_nm
    width_thz = LIGHT_NM_THZ * parameters.bandwidth_nm / signal_nm**2
    x0 = mismatch(parameters, pump_nm)
    is_linear = parameters.phase_matching == "type2"
    shift = x0 / SINC_HALF_WIDTH
    # Where the mismatch is made good: at one detuning, or at one on either side.
    center_thz = -0.5 * width_thz * (shift if is_linear else math.sqrt(max(0.0, -shift)))
    # The idler's frequency must stay positive, and so must the signal's.
    span_thz = min(
        _SPAN_WIDTHS * width_thz + abs(center_thz), 0.9 * signal_thz, 0.9 * (pump_thz - signal_thz)
    )
    step_thz = 2.0 * span_thz / _POINTS
    detuning = (np.arange(_POINTS, dtype=np.float64) - (_POINTS - 1) / 2.0) * step_thz
    relative = 2.0 * detuning / width_thz
    dispersion = SINC_HALF_WIDTH * (relative if is_linear else relative**2)
    amplitude = _response(parameters.shape, x0 + dispersion)
    if is_linear:
        amplitude[np.abs(detuning - center_thz) > _SPAN_WIDTHS * width_thz] = 0.0
    total = float(np.sum(amplitude**2))
    perfect = _perfect_total(parameters.shape, is_linear=is_linear) * width_thz / step_thz
    return JointSpectrum(
        detuning,
        signal_thz + detuning,
        pump_thz - signal_thz - detuning,
        amplitude / math.sqrt(total),
        total / perfect,
        parameters.signal_wavelength_nm is None
        or math.isclose(signal_nm, 2.0 * pump_nm, rel_tol=1e-9),
    )


def _response(shape: str, x: Array) -> Array:
    if shape == "gaussian":
        return np.exp(-_GAUSSIAN * x**2)
    return np.sinc(x / math.pi)


def _perfect_total(shape: str, *, is_linear: bool) -> float:
    """Return the sum of squares at perfect phase matching, in units of the full width."""
    relative = (np.arange(_POINTS) + 0.5) / _POINTS * 2.0 * _SPAN_WIDTHS
    x = SINC_HALF_WIDTH * (relative if is_linear else relative**2)
    return float(np.mean(_response(shape, x) ** 2)) * 2.0 * _SPAN_WIDTHS


def _blurred(filters: Array, width_thz: float, step_thz: float) -> Array:
    """Return the filters as light of this linewidth sees them."""
    sigma = width_thz / (2.0 * math.sqrt(2.0 * math.log(2.0))) / step_thz
    if sigma < 0.1:  # noqa: PLR2004  a tenth of a point blurs nothing
        return filters
    reach = math.ceil(5.0 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(filters, ((0, 0), (reach, reach)), mode="edge")
    return np.stack([np.convolve(row, kernel, mode="valid") for row in padded])
