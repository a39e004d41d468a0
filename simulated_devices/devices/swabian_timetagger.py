"""A Swabian Time Tagger 20, Ultra or X: hardware, and what stands in for the vendor's library."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labctl.errors import ConfigError, nearest
from simulated_devices.devices.swabian import MODELS, Board, Inputs, Pulse
from simulated_devices.instrument import Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.world.site_clock import SiteClock, SiteClockParameters
from simulated_devices.world.tagger import TaggerModel

__all__ = ["Options", "build"]


class Options(InstrumentOptions):
    """What stands on the bench.

    Attributes:
        model: which one of the series.
        serial: its serial number; empty: whatever the host asks for.
        pulse_v: height of the detectors' pulses; negative for negative pulses.
        pulse_width_ns: their width; shorter than the dead time of the detectors.
        clock: the oscillator on board; with the reference "external" it follows 10 MHz at the
            clock input, which have the rate of world time.
    """

    model: Literal["20", "Ultra", "X"] = "Ultra"
    serial: str = ""
    pulse_v: float = Field(default=2.0, ge=-5.0, le=5.0)
    pulse_width_ns: float = Field(default=10.0, gt=0.0, le=1e6)
    clock: SiteClockParameters = SiteClockParameters()


def build(surroundings: Surroundings) -> Board:
    """Return a tagger with the detectors of the bench on its inputs.

    Raises:
        ConfigError: an option is wrong, or a detector is wired to what is no input.
    """
    options = checked_options(Options, surroundings)
    model = MODELS[options.model]
    wired = TaggerModel(1, surroundings.inputs).inputs
    known = surroundings.world.detectors
    for detector, channel in wired.items():
        if detector not in known:
            raise ConfigError(
                f'tagger input "{detector}" is not a detector of the simulated world'
                f"{nearest(detector, known)}; known: {', '.join(known)}"
            )
        if not 1 <= channel <= model.channels:
            raise ConfigError(
                f"inputs.{detector} = {channel}: a {model.name} has 1 to {model.channels}"
            )
    pulse = Pulse(options.pulse_v, round(options.pulse_width_ns * 1000))
    clock = None
    if options.clock != SiteClockParameters():
        clock = SiteClock(surroundings.name, options.clock, surroundings.world.seed)
    return Board(model, options.serial, Inputs(model, wired, pulse, clock), surroundings)
