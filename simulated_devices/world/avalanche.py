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

from simulated_devices.world.drive import Drive
from simulated_devices.world.table import Table

__all__ = ["AvalancheParameters"]

_ZERO_CELSIUS_K = 273.15
_BOLTZMANN_EV_PER_K = 8.617333262e-5


class AvalancheParameters(Table):
    """`[simulation.detectors.NAME.avalanche]`: a diode, its bias and its temperature.

    The defaults are a cooled silicon reach-through diode's. What bias and temperature it stands,
    and what limits its current, is the instrument's.
    """

    breakdown_v: float = Field(
        150.0,
        gt=0.0,
        le=1000.0,
        # Reach-through silicon diodes break down at 100 to 500 V, single diodes of one type
        # tens of volts apart; InGaAs ones at 60 to 85 V.
        description="Breakdown voltage at `breakdown_temperature_degc`.",
    )
    breakdown_temperature_degc: float = Field(
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
    nominal_temperature_degc: float = Field(
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
    bias_v: float | None = Field(
        None,
        ge=0.0,
        le=2000.0,
        description="Present reverse bias; left out: the nominal excess over the breakdown "
        "voltage at the nominal temperature.",
    )
    temperature_degc: float | None = Field(
        None,
        ge=-200.0,
        le=150.0,
        description="Present temperature; left out: the nominal one.",
    )

    @property
    def present_degc(self) -> float:
        """The temperature of the diode."""
        given = self.temperature_degc
        return self.nominal_temperature_degc if given is None else given

    @property
    def present_breakdown_v(self) -> float:
        """The breakdown voltage at the present temperature."""
        return self._breakdown_v(self.present_degc)

    @property
    def excess_v(self) -> float:
        """Bias less breakdown voltage; negative below breakdown."""
        bias_v = self.bias_v
        if bias_v is None:
            bias_v = self._breakdown_v(self.nominal_temperature_degc) + self.nominal_excess_v
        return bias_v - self.present_breakdown_v

    @property
    def drive(self) -> Drive:
        """What the present state makes of the detector's rated values."""
        excess_v, nominal_v = self.excess_v, self.nominal_excess_v
        if excess_v <= 0.0:
            return Drive(0.0, 0.0, 0.0)
        triggering, at_nominal = (
            -math.expm1(-volts / self.trigger_scale_v) for volts in (excess_v, nominal_v)
        )
        factor = triggering / at_nominal
        colder_per_k = 1.0 / _kelvin(self.present_degc) - 1.0 / _kelvin(
            self.nominal_temperature_degc
        )
        generation = math.exp(
            (excess_v - nominal_v) / self.dark_scale_v
            - self.dark_activation_ev / _BOLTZMANN_EV_PER_K * colder_per_k
        )
        return Drive(factor, factor * generation, factor * excess_v / nominal_v)

    def _breakdown_v(self, degc: float) -> float:
        return self.breakdown_v + self.breakdown_v_per_k * (degc - self.breakdown_temperature_degc)


def _kelvin(celsius: float) -> float:
    return celsius + _ZERO_CELSIUS_K
