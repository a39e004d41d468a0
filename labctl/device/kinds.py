"""Kinds: what plans and windows may rely on, whatever the driver.

A driver names its kinds in `kinds`; that its class really has the members of each is
checked statically (tests/typing) and by the contract tests on its simulator.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["KINDS", "Attenuator", "Detector", "Laser", "PowerMeter", "Rotator", "Shutter"]


class Attenuator(Protocol):
    """A variable optical attenuator in the way of the light."""

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    attenuation_db: float
    """Loss on top of the instrument's own, which stays at 0; it is there once this returns."""


class Detector(Protocol):
    """Single-photon detectors whose bias is set here: one instrument, one or more channels.

    Channels are counted from 1, as instruments label their sockets.
    """

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    @property
    def detector_count(self) -> int:
        """How many channels there are."""
        ...

    detectors_enabled: bool
    """True while the detectors are biased and may click. Setting True is refused with
    InterlockError where the bias would jump."""

    def latched_channels(self) -> tuple[int, ...]:
        """Return the channels that are stuck and do not click until their bias is cycled."""
        ...

    def latest_rates_hz(self) -> tuple[float, ...]:
        """Return each channel's count rate in the newest period known here.

        Empty before the first; never waits for one.
        """
        ...

    def make_safe(self) -> None:
        """Take the bias off all detectors, confirmed by read-back."""
        ...


class Laser(Protocol):
    """A light source with a power set-point and a switch for its emission."""

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    power_mw: float
    """Set-point of the output power; setting it never switches the laser on."""

    emission: bool
    """True while light may come out. Setting True is refused with InterlockError where the
    key, the interlock or a fault forbids it."""

    @property
    def output_mw(self) -> float:
        """Power that the laser itself measures."""
        ...

    def make_safe(self) -> None:
        """Switch emission off, confirmed by read-back."""
        ...


class PowerMeter(Protocol):
    """Measures the power of the light on its sensor."""

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    wavelength_nm: float
    """Wavelength whose calibration the meter uses: the reading is right for this light only."""

    @property
    def power_mw(self) -> float:
        """Power on the sensor, measured now; InstrumentError where it is over range."""
        ...


class Rotator(Protocol):
    """A motorized rotation mount.

    A move takes seconds: starting one returns at once. Whoever started it asks `is_moving`,
    and lets time pass by the bench's clock in between.
    """

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    angle_deg: float
    """Where the mount stands, intermediate angles of a move included. Setting it starts a
    move there; refused with InterlockError while the mount does not know its zero."""

    @property
    def is_moving(self) -> bool:
        """True during a move and while the mount is homing."""
        ...

    @property
    def is_homed(self) -> bool:
        """True once the mount has found its zero; false after power-up."""
        ...

    def start_move(self, angle_deg: float) -> None:
        """Start a move to `angle_deg`: the same as setting `angle_deg`."""
        ...

    def home(self) -> None:
        """Start finding the zero; the mount ends there."""
        ...

    def stop(self) -> None:
        """End the move where the mount comes to rest; it stays homed unless it was homing."""
        ...


class Shutter(Protocol):
    """Blocks the light, or lets it through."""

    @property
    def name(self) -> str:
        """Name on the bench."""
        ...

    is_open: bool
    """True while light may pass."""

    def make_safe(self) -> None:
        """Close, confirmed by read-back."""
        ...


#: Name of a kind, as drivers and `labctl list` write it -> what it is. The protocol of
#: `time_tagger` is labctl.tags.TimeTagger, because it speaks of decoders.
KINDS: dict[str, str] = {
    "attenuator": "variable optical attenuator",
    "detector": "single-photon detectors with their bias",
    "laser": "light source with a power set-point and an emission switch",
    "power_meter": "measures the power of light",
    "rotator": "motorized rotation mount",
    "shutter": "blocks the light, or lets it through",
    "time_tagger": "streams time tags of detector clicks",
}
