"""A superconducting nanowire at its bias: efficiency, darks, latching and pulses.

- The efficiency follows the bias current as eta_max/2 erfc((I0 - I)/Delta I), and the darks as
  exp(I/I_d). Both are given as factors on the detector's rated values, which hold at the nominal
  bias.
- Above the latching current the wire stays normal: it does not click and has a high resistance,
  which heats it as long as a current flows. It recovers once the current was below what a hot
  spot needs, for the time in which the bias line settles.
- The amplifier is coupled through a capacitor, which passes no mean current: at a high click
  rate the mean of the pulses returns as bias and raises it in proportion to the rate
  (A. J. Kerman et al., J. Appl. Phys. 113, 144511 (2013)). When the sum exceeds the latching
  current, the wire latches; the nearer the bias to it, the lower the rate.
- A pulse's height is proportional to the current. The comparator sees it with Gaussian noise;
  noise alone crosses the level at the rate f0 exp(-level^2/(2 sigma^2)) (S. O. Rice, Bell Syst.
  Tech. J. 24, 46 (1945), 3.3).
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulated_devices.world.drive import Drive
from simulated_devices.world.node import finite

__all__ = ["Nanowire", "NanowireParameters"]


class NanowireParameters(BaseModel):
    """What makes one type of nanowire; currents are magnitudes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nominal_bias_ua: float = Field(
        10.0,
        gt=0.0,
        le=90.0,
        # The manufacturer's example biases its detectors with 3 to 12 µA.
        description="Bias at which efficiency and dark rate have their rated values.",
    )
    half_efficiency_ua: float = Field(
        6.0,
        ge=0.0,
        le=90.0,
        # A wire made for its wavelength saturates well below the nominal bias.
        description="Bias I0 at which the efficiency is half its largest value.",
    )
    transition_ua: float = Field(
        1.5,
        gt=0.0,
        le=90.0,
        # Puts the nominal bias on the plateau: 1 - 8e-5 of the largest efficiency.
        description="Width Delta I of the rise of the efficiency.",
    )
    dark_scale_ua: float = Field(
        1.0,
        gt=0.0,
        le=90.0,
        # A tenth of the nominal bias: darks grow by e from 10 to 11 µA.
        description="Current I_d by which the dark rate grows by e.",
    )
    latching_ua: float = Field(
        13.0,
        gt=0.0,
        le=90.0,
        # Detectors are run at some 80 % of the current they switch at.
        description="Bias above which the wire stays normal.",
    )
    latching_rate_hz: float = Field(
        1e7,
        gt=0.0,
        # An order of magnitude below the inverse recovery time of 10 ns, from where on
        # capacitively coupled wires have been seen to be unstable (Kerman et al.).
        description="Click rate at which a wire at the nominal bias latches; inf is never.",
    )
    holding_ua: float = Field(
        1.0,
        gt=0.0,
        le=90.0,
        # A hot spot of a meandered wire sustains itself from a tenth of the nominal bias on.
        description="Least current that keeps a normal wire normal.",
    )
    recovery_s: float = Field(
        0.05,
        ge=0.0,
        le=60.0,
        # The low-pass filter of a bias line, some ten milliseconds.
        description="Time below the holding current after which a latched wire has recovered.",
    )
    line_ohm: float = Field(
        50.0,
        ge=0.0,
        le=1e4,
        # Lead resistance of a cryostat's coaxial line with its bias tee.
        description="Resistance in series with the superconducting wire.",
    )
    normal_ohm: float = Field(
        100e3,
        gt=0.0,
        le=1e9,
        # A hot spot that has grown along a good part of a wire of some megaohm.
        description="Resistance of a latched wire.",
    )
    pulse_mv_per_ua: float = Field(
        10.0,
        gt=0.0,
        le=1e3,
        # 50 ohm and 46 dB of gain.
        description="Height of an amplified pulse over the bias current.",
    )
    noise_mv: float = Field(
        3.0,
        gt=0.0,
        le=1e3,
        # sqrt(k T R B) of 50 ohm, 1 GHz and 330 K (a noise figure of 3.3 dB), 46 dB of gain.
        description="Rms voltage of the amplifier's noise.",
    )
    noise_crossings_hz: float = Field(
        5.8e8,
        ge=0.0,
        le=1e12,
        # 1/sqrt 3 of a flat noise band of 1 GHz (Rice, 3.3-12).
        description="Rate f0 at which noise crosses the level zero upward.",
    )

    @model_validator(mode="after")
    def _nominal_bias_works(self) -> NanowireParameters:
        if not self.holding_ua < self.nominal_bias_ua < self.latching_ua:
            raise ValueError(
                f"nominal_bias_ua = {self.nominal_bias_ua:g} must be between holding_ua = "
                f"{self.holding_ua:g} and latching_ua = {self.latching_ua:g}"
            )
        return self


class Nanowire:
    """One nanowire and the current through it; its owner keeps threads apart."""

    def __init__(self, parameters: NanowireParameters) -> None:
        self.parameters = parameters
        self._bias_ua = 0.0
        self._cold_s = 0.0
        self.is_latched = False

    @property
    def bias_ua(self) -> float:
        """The bias current; its sign has no effect on the physics."""
        return self._bias_ua

    @bias_ua.setter
    def bias_ua(self, bias_ua: float) -> None:
        self._bias_ua = finite("bias_ua", bias_ua)
        if abs(bias_ua) > self.parameters.holding_ua:
            self._cold_s = 0.0
        if abs(bias_ua) > self.parameters.latching_ua:
            self.is_latched = True

    def latch(self) -> None:
        """Let the wire turn normal now, as a burst of light does; a small current cannot."""
        self.is_latched = self.is_latched or abs(self._bias_ua) > self.parameters.holding_ua

    def click(self, rate_hz: float) -> None:
        """Let the wire click at a rate for some milliseconds, which may latch it."""
        wire = self.parameters
        shift = (wire.latching_ua / wire.nominal_bias_ua - 1.0) * rate_hz / wire.latching_rate_hz
        if abs(self._bias_ua) * (1.0 + shift) > wire.latching_ua:
            self.latch()

    def advance(self, duration_s: float) -> None:
        """Let time pass: a latched wire with little current recovers."""
        if not self.is_latched or abs(self._bias_ua) > self.parameters.holding_ua:
            return
        self._cold_s += duration_s
        if self._cold_s >= self.parameters.recovery_s:
            self.is_latched = False
            self._cold_s = 0.0

    @property
    def drive(self) -> Drive:
        """What the present state makes of the detector's rated efficiency and darks."""
        if self.is_latched:
            return Drive(0.0, 0.0)
        wire, current = self.parameters, abs(self._bias_ua)
        rise, rise_at_nominal = (
            math.erfc((wire.half_efficiency_ua - bias) / wire.transition_ua)
            for bias in (current, wire.nominal_bias_ua)
        )
        return Drive(
            rise / rise_at_nominal, math.exp((current - wire.nominal_bias_ua) / wire.dark_scale_ua)
        )

    @property
    def voltage_mv(self) -> float:
        """The voltage at the bias source; µA times ohm is µV."""
        normal_ohm = self.parameters.normal_ohm if self.is_latched else 0.0
        return self._bias_ua * (self.parameters.line_ohm + normal_ohm) * 1e-3

    def counted_fraction(self, level_mv: float) -> float:
        """Return the fraction of pulses that cross `level_mv`."""
        height_mv = self.parameters.pulse_mv_per_ua * abs(self._bias_ua)
        distance = (level_mv - height_mv) / (math.sqrt(2.0) * self.parameters.noise_mv)
        return 0.5 * math.erfc(distance)

    def noise_counts_hz(self, level_mv: float) -> float:
        """Return the rate at which noise alone crosses `level_mv`."""
        wire = self.parameters
        return wire.noise_crossings_hz * math.exp(-0.5 * (level_mv / wire.noise_mv) ** 2)
