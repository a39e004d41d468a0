"""All kinds of optics by the names that configurations use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from simulated_devices.world.optics.attenuator import Attenuator, AttenuatorParameters
from simulated_devices.world.optics.beam_splitter import BeamSplitter, BeamSplitterParameters
from simulated_devices.world.optics.delay_line import DelayLine, DelayLineParameters
from simulated_devices.world.optics.element import Element
from simulated_devices.world.optics.fibre import Fibre
from simulated_devices.world.optics.fibre_parameters import FibreParameters
from simulated_devices.world.optics.free_space import FreeSpace, FreeSpaceParameters
from simulated_devices.world.optics.liquid_crystal import LiquidCrystal, LiquidCrystalParameters
from simulated_devices.world.optics.paddles import Paddles, PaddlesParameters
from simulated_devices.world.optics.rotator import Rotator, RotatorParameters
from simulated_devices.world.optics.squeezers import Squeezers, SqueezersParameters
from simulated_devices.world.optics.switch import Switch, SwitchParameters
from simulated_devices.world.optics.wave_plate import WavePlate, WavePlateParameters
from simulated_devices.world.optics.wdm import Wdm, WdmParameters

__all__ = ["ELEMENTS", "OpticsParameters", "build_element"]

OpticsParameters = Annotated[
    AttenuatorParameters
    | BeamSplitterParameters
    | DelayLineParameters
    | FibreParameters
    | FreeSpaceParameters
    | LiquidCrystalParameters
    | PaddlesParameters
    | RotatorParameters
    | SqueezersParameters
    | SwitchParameters
    | WavePlateParameters
    | WdmParameters,
    Field(discriminator="kind"),
]
"""The table of any piece of optics; its key `kind` says which."""

ELEMENTS: Mapping[str, type[Element[Any]]] = MappingProxyType(
    {
        "attenuator": Attenuator,
        "beam_splitter": BeamSplitter,
        "delay_line": DelayLine,
        "fibre": Fibre,
        "free_space": FreeSpace,
        "liquid_crystal": LiquidCrystal,
        "paddles": Paddles,
        "rotator": Rotator,
        "squeezers": Squeezers,
        "switch": Switch,
        "wave_plate": WavePlate,
        "wdm": Wdm,
    }
)
"""The class of each kind."""


def build_element(name: str, parameters: OpticsParameters, seed: int) -> Element[Any]:
    """Return a new piece of optics as it is at world time 0.

    The same name, parameters and seed give one that behaves the same.
    """
    return ELEMENTS[parameters.kind](name, parameters, seed)
