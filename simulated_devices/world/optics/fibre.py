"""An optical fibre: loss, delay, dispersion, drifting polarization, Raman noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from simulated_devices.world.node import finite
from simulated_devices.world.optics.constants import LIGHT_KM_S, LIGHT_NM_THZ
from simulated_devices.world.optics.drift import Drift
from simulated_devices.world.optics.element import Frequencies, Passage
from simulated_devices.world.optics.fibre_parameters import FibreParameters
from simulated_devices.world.optics.inline import Evolving, transmission
from simulated_devices.world.optics.jones import stokes_rotation
from simulated_devices.world.optics.raman import (
    anti_stokes_factor,
    photons_hz_per_thz,
    scattering_length_km,
)
from simulated_devices.world.slices import PS_PER_S

__all__ = ["Fibre"]

_S_PER_HOUR = 3600.0


class Fibre(Evolving[FibreParameters]):
    """A fibre whose polarization wanders and whose delay follows its temperature.

    The temperature deviates from that at which the parameters hold by the set value and a
    sine with the period of a day, zero and rising at world time 0. The delay goes in straight
    lines from slice to slice without a step, also where the temperature is set anew; the
    polarization is that at the start of the slice.
    """

    wiring = frozenset({"kind", "to", "length_km", "is_aligned"})

    def __init__(self, name: str, parameters: FibreParameters, seed: int) -> None:
        super().__init__(name, parameters, seed)
        self._drift = Drift(name, seed, parameters.is_aligned)
        self._kick: tuple[float, float, float] | None = None
        self._delay_ps = _delay_ps(parameters, 0.0)
        self._show_slice(parameters, 0.0)
        self.faults: dict[str, Callable[..., None]] = {"drift_step": self.drift_step}

    def drift_step(self, *, s1_rad: float = 0.0, s2_rad: float = 0.0, s3_rad: float = 0.5) -> None:
        """Turn the polarization for good, as a touched fibre does."""
        self.kick(s1_rad, s2_rad, s3_rad)

    def drift(self) -> dict[str, Any]:
        """Return the delay, and the matrix by which Stokes vectors turn on the way."""
        passage = self.passage
        return {
            "delay_ps": passage.delay_ps,
            "stokes_rotation": np.round(stokes_rotation(passage.jones), 6).tolist(),
        }

    def kick(self, s1_rad: float, s2_rad: float, s3_rad: float) -> None:
        """Turn the polarization for good, as a touched fibre does, from the next slice on.

        The Stokes vector turns about (s1, s2, s3) by that vector's length. A second kick before
        the next slice takes the place of the first.

        Raises:
            LimitError: a component is not a finite number.
        """
        s1, s2, s3 = (finite(f"{self.name} kick", part) for part in (s1_rad, s2_rad, s3_rad))
        self._kick = (s1, s2, s3)

    def advance(self, start_ps: int, stop_ps: int) -> None:
        """Let the day, the temperature and the walk go on."""
        parameters = self._parameters
        kick, self._kick = self._kick, None
        if kick is not None:
            self._drift.kick(kick)
        start_s = start_ps / PS_PER_S
        day_rad = parameters.day_rad * _daily(parameters, start_s)
        self._drift.turn(day_rad, parameters.rad_per_k * _temperature_k(parameters, start_s))
        end_ps = _delay_ps(parameters, stop_ps / PS_PER_S)
        self._show_slice(parameters, (end_ps - self._delay_ps) / (stop_ps - start_ps))
        self._delay_ps = end_ps
        # The step is taken afterwards: the first slice has the polarization of the start.
        hours = (stop_ps - start_ps) / (PS_PER_S * _S_PER_HOUR)
        self._drift.walk(parameters.walk_rad_per_sqrt_hour * math.sqrt(hours))

    @property
    def routing_state(self) -> object:
        """What the added light depends on: the parameters."""
        return self._parameters

    def noise_hz_per_thz(self, frequency_thz: Frequencies) -> Frequencies | None:
        """Return the Raman light of the classical light, behind the output connector.

        The classical light itself is far stronger and must be filtered out downstream; it is
        not part of this.
        """
        parameters = self._parameters
        if parameters.classical_power_mw == 0.0:
            return None
        length_km = scattering_length_km(
            parameters.classical_direction,
            parameters.length_km,
            parameters.attenuation_db_km,
            parameters.classical_attenuation_db_km,
        )
        connector = transmission(0.5 * parameters.connectors_db)
        watt_per_nm = (
            1e-3
            * parameters.classical_power_mw
            * parameters.raman_per_km_nm
            * length_km
            * connector
        )
        classical_thz = LIGHT_NM_THZ / parameters.classical_wavelength_nm
        spectrum = watt_per_nm * anti_stokes_factor(frequency_thz, classical_thz)
        return photons_hz_per_thz(spectrum, frequency_thz)

    def _show_slice(self, parameters: FibreParameters, slope: float) -> None:
        loss_db = parameters.length_km * parameters.attenuation_db_km + parameters.connectors_db
        self.show(
            Passage(
                self._drift.operator,
                transmission(loss_db),
                self._delay_ps,
                slope,
                _dispersion_ps_per_thz(parameters),
            )
        )


def _daily(parameters: FibreParameters, time_s: float) -> float:
    return math.sin(2.0 * math.pi * time_s / parameters.day_s)


def _temperature_k(parameters: FibreParameters, time_s: float) -> float:
    return parameters.temperature_k + parameters.day_amplitude_k * _daily(parameters, time_s)


def _delay_ps(parameters: FibreParameters, time_s: float) -> float:
    per_km = parameters.group_index / LIGHT_KM_S * PS_PER_S
    per_km += parameters.delay_ps_per_km_k * _temperature_k(parameters, time_s)
    return parameters.length_km * per_km


def _dispersion_ps_per_thz(parameters: FibreParameters) -> float:
    # Red light is late where D > 0, and dl/df = -l^2/c.
    nm_per_thz = -(parameters.wavelength_nm**2) / LIGHT_NM_THZ
    return parameters.dispersion_ps_nm_km * parameters.length_km * nm_per_thz
