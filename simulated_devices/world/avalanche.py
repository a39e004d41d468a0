"""A single-photon avalanche diode at its bias and temperature: efficiency, darks, afterpulses.

- The breakdown voltage rises linearly with temperature. Below it no avalanche sustains itself,
  and the diode does not click. What counts is the excess V, bias less breakdown.
- A carrier starts an avalanche with the probability 1 - exp(-V/V_t), which saturates; the
  efficiency is proportional to it.
- Darks are carriers of thermal generation through traps at mid-gap, exp(-E/kT) (Shockley, Read,
  Phys. Rev. 87, 835 (1952)), helped by the field as exp(V/V_d), that start an avalanche.
- Traps are filled in proportion to the charge of an avalanche, which discharges the diode's
  capacitance from V to zero (S. Cova et al., Appl. Opt. 35, 1956 (1996)); an emptied one starts
  an avalanche with the probability above.

All are given as factors on the detector's rated values, which hold at the nominal excess and
temperature.
"""

from __future__ import annotations

import math

from pydantic import Field

from simulated_devices.world.detector import Drive
from simulated_devices.world.node import finite
from simulated_devices.world.table import Table

__all__ = ["Avalanche", "AvalancheParameters"]

_ZERO_CELSIUS_K = 273.15
_BOLTZMANN_EV_PER_K = 8.617333262e-5


class AvalancheParameters(Table):
    """What makes one type of diode; the defaults are a cooled silicon reach-through diode's."""

    breakdown_v: float = Field(
        150.0,
        gt=0.0,
        le=1000.0,
        # Reach-through silicon diodes break down at 100 to 500 V, single diodes of one type
        # tens of volts apart; InGaAs ones at 60 to 85 V.
        description="Breakdown voltage at `breakdown_temperature_c`.",
    )
    breakdown_temperature_c: float = Field(
        25.0,
        ge=-200.0,
        le=150.0,
        # Data sheets state it at room temperature.
        description="Temperature at which `breakdown_v` holds.",
    )
    breakdown_v_per_k: float = Field(
        0.4,
        ge=0.0,
        le=10.0,
        # Some 0.3 % of the breakdown voltage per kelvin in silicon; InGaAs 0.1 to 0.2 V/K.
        description="Rise of the breakdown voltage with temperature.",
    )
    nominal_excess_v: float = Field(
        10.0,
        gt=0.0,
        le=200.0,
        # Where the efficiency of a thick diode has nearly saturated.
        description="Bias above breakdown at which the detector has its rated values.",
    )
    nominal_temperature_c: float = Field(
        -20.0,
        ge=-200.0,
        le=150.0,
        # One or two stages of thermoelectric cooling.
        description="Temperature at which the detector has its rated values.",
    )
    trigger_scale_v: float = Field(
        5.0,
        gt=0.0,
        le=200.0,
        # 86 % of the largest efficiency at the nominal excess.
        description="Excess V_t over which the triggering probability saturates.",
    )
    dark_scale_v: float = Field(
        20.0,
        gt=0.0,
        le=1000.0,
        # A weak field enhancement: darks grow by 5 % per volt beyond the triggering.
        description="Excess V_d by which the field raises the dark rate by e.",
    )
    dark_activation_ev: float = Field(
        0.56,
        ge=0.0,
        le=2.0,
        # Half the band gap of silicon: darks double every 7 K at the nominal temperature.
        description="Activation energy E of the dark rate.",
    )


class Avalanche:
    """One diode, its bias and its temperature; its owner keeps threads apart.

    What bias and temperature it stands, and what limits its current, is the instrument's.
    """

    def __init__(self, parameters: AvalancheParameters) -> None:
        self.parameters = parameters
        self._bias_v = 0.0
        self._temperature_c = parameters.nominal_temperature_c

    @property
    def bias_v(self) -> float:
        """The reverse bias; not negative."""
        return self._bias_v

    @bias_v.setter
    def bias_v(self, bias_v: float) -> None:
        self._bias_v = finite("bias_v", bias_v, minimum=0.0)

    @property
    def temperature_c(self) -> float:
        """The temperature of the diode."""
        return self._temperature_c

    @temperature_c.setter
    def temperature_c(self, temperature_c: float) -> None:
        # The range of the parameter that the diode is rated with.
        self._temperature_c = finite("temperature_c", temperature_c, minimum=-200.0)

    @property
    def breakdown_v(self) -> float:
        """The breakdown voltage at the present temperature."""
        diode = self.parameters
        warmer_k = self._temperature_c - diode.breakdown_temperature_c
        return diode.breakdown_v + diode.breakdown_v_per_k * warmer_k

    @property
    def excess_v(self) -> float:
        """Bias less breakdown voltage; negative below breakdown."""
        return self._bias_v - self.breakdown_v

    @property
    def drive(self) -> Drive:
        """What the present state makes of the detector's rated values."""
        diode, excess_v = self.parameters, self.excess_v
        if excess_v <= 0.0:
            return Drive(0.0, 0.0, 0.0)
        nominal_v = diode.nominal_excess_v
        triggering, at_nominal = (
            -math.expm1(-volts / diode.trigger_scale_v) for volts in (excess_v, nominal_v)
        )
        factor = triggering / at_nominal
        colder_per_k = 1.0 / self._kelvin(self._temperature_c) - 1.0 / self._kelvin(
            diode.nominal_temperature_c
        )
        generation = math.exp(
            (excess_v - nominal_v) / diode.dark_scale_v
            - diode.dark_activation_ev / _BOLTZMANN_EV_PER_K * colder_per_k
        )
        return Drive(factor, factor * generation, factor * excess_v / nominal_v)

    @staticmethod
    def _kelvin(celsius: float) -> float:
        return celsius + _ZERO_CELSIUS_K
