"""The VOA-1 as an attenuator of the bench."""

from __future__ import annotations

from labctl.device import Device, Identity, Setting

from . import protocol

__all__ = ["Voa1"]


class Voa1(Device):
    """A variable optical attenuator; more or less loss can do no harm to single photons."""

    kinds = ("attenuator",)
    wire = protocol.WIRE

    attenuation_db = Setting(
        protocol.GET_ATTENUATION_DB,
        protocol.set_attenuation_db,
        unit="dB",
        limits=(0.0, protocol.MAX_DB),
        doc="Loss on top of the instrument's own.",
    )

    def identify(self) -> Identity:
        """Return what `*IDN?` says."""
        return Identity(*self.execute(protocol.GET_IDENTITY))
