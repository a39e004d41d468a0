"""A wavelength-division demultiplexer: outputs by optical frequency."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from simulated_devices.world.optics.element import Element, Frequencies, Spectra
from simulated_devices.world.optics.inline import transmission
from simulated_devices.world.table import Table

__all__ = ["Wdm", "WdmChannel", "WdmParameters", "itu_channel_thz"]

_ORDERS = {"gaussian": 1, "flat": 4}
"""Order n of exp(-ln 2 |2 x/FWHM|^(2 n)). A flat one is down by 0.5 dB at 0.80 and by 25 dB at
1.30 of its half width at half maximum, as thin-film filters for telecommunication are."""


def itu_channel_thz(channel: int) -> float:
    """Return the center of a channel of the 100 GHz grid; 34 is 193.4 THz (1550.12 nm).

    ITU-T G.694.1 anchors the grid at 193.1 THz; manufacturers count channels from 190.0 THz.
    """
    return (1900 + channel) / 10.0


class WdmChannel(Table):
    """One output and the frequencies that reach it."""

    to: str = Field(description="Name of what the light reaches next; empty leads nowhere.")
    center_thz: float | None = Field(
        None, ge=100.0, le=1500.0, description="Center of the passband; give this or `itu`."
    )
    itu: int | None = Field(
        None, ge=1, le=100, description="Channel number: 190.0 THz + 0.1 THz times it."
    )
    width_ghz: float = Field(
        60.0,
        gt=0.0,
        le=1e6,
        # A 100 GHz thin-film filter keeps a clear passband of 0.22 nm (28 GHz) and must be
        # 25 dB down in the neighbor channel.
        description="Full width of the passband at half of its maximum.",
    )
    shape: Literal["flat", "gaussian"] = Field(
        "flat", description="Thin-film filters are flat on top, arrayed waveguides Gaussian."
    )
    loss_db: float = Field(
        1.0,
        ge=0.0,
        le=200.0,
        # Typical of one thin-film channel of a cascade; arrayed waveguides have 3 dB and more.
        description="Loss at the center of the passband.",
    )

    @model_validator(mode="after")
    def _has_one_center(self) -> WdmChannel:
        if (self.center_thz is None) == (self.itu is None):
            raise ValueError(
                f'channel to "{self.to}": give either center_thz or itu '
                f"(is center_thz = {self.center_thz}, itu = {self.itu})"
            )
        return self

    @property
    def peak_thz(self) -> float:
        """The center of the passband, however it was given."""
        if self.center_thz is not None:
            return self.center_thz
        return itu_channel_thz(self.itu or 0)


class WdmParameters(Table):
    """A demultiplexer; light outside of all passbands is lost but for the isolation."""

    kind: Literal["wdm"] = "wdm"
    channels: tuple[WdmChannel, ...] = Field(
        min_length=1, max_length=128, description="The outputs, in their order."
    )
    isolation_db: float = Field(
        50.0,
        ge=10.0,
        # Thin-film filters are specified with 25 dB to the neighbor and 40 to 50 dB to all
        # others; the neighbor's value comes from the passband's edge.
        description="How far below its peak an output stays at all other frequencies.",
    )


class Wdm(Element[WdmParameters]):
    """Sorts light by its optical frequency."""

    wiring = frozenset({"kind", "channels"})

    @property
    def outputs(self) -> tuple[str, ...]:
        """Where the channels lead, in their order."""
        return tuple(channel.to for channel in self._parameters.channels)

    def routing(self, frequency_thz: Frequencies) -> Spectra:
        """Return the part of the light that leaves by each channel.

        Where passbands overlap so far that they would share out more than all of the light,
        they share what there is in the same proportion.
        """
        floor = transmission(self._parameters.isolation_db)
        shares = np.stack(
            [
                np.maximum(_passband(channel, frequency_thz), floor)
                for channel in self._parameters.channels
            ]
        )
        shares /= np.maximum(1.0, shares.sum(axis=0))
        losses = [transmission(channel.loss_db) for channel in self._parameters.channels]
        shares *= np.array(losses)[:, np.newaxis]
        return shares


def _passband(channel: WdmChannel, frequency_thz: Frequencies) -> Frequencies:
    relative = 2.0 * (frequency_thz - channel.peak_thz) / (1e-3 * channel.width_ghz)
    # Beyond ten widths both shapes are zero; the cut keeps the power from overflowing.
    clipped = np.minimum(np.abs(relative), 10.0)
    passed: Frequencies = np.exp2(-(clipped ** (2 * _ORDERS[channel.shape])))
    return passed
