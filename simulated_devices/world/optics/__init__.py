"""Pieces of optics between the source and the analyzers, one module per kind.

Decisions that may be questioned:

- Every element is linear and passive: a unitary Jones matrix, loss as a number beside it, a
  delay. Loss that depends on the polarization (a polarizer) is not in this form; analyzers have
  it where light is detected.
- What an element does is constant within a slice of 10 ms, delays aside, which go in straight
  lines. Motors, piezos and liquid crystals are seen once per slice.
- Jones matrices do not depend on the wavelength: polarization-mode dispersion and the
  dispersion of wave plates are left out, which narrow filters permit.
"""

from __future__ import annotations

from simulated_devices.world.optics.attenuator import Attenuator, AttenuatorParameters
from simulated_devices.world.optics.beam_splitter import BeamSplitter, BeamSplitterParameters
from simulated_devices.world.optics.delay_line import DelayLine, DelayLineParameters
from simulated_devices.world.optics.element import (
    ONE,
    Element,
    Frequencies,
    Passage,
    Spectra,
)
from simulated_devices.world.optics.fibre import Fibre
from simulated_devices.world.optics.fibre_parameters import FibreParameters
from simulated_devices.world.optics.free_space import (
    FreeSpace,
    FreeSpaceParameters,
    ProfilePoint,
)
from simulated_devices.world.optics.kinds import ELEMENTS, OpticsParameters, build_element
from simulated_devices.world.optics.liquid_crystal import LiquidCrystal, LiquidCrystalParameters
from simulated_devices.world.optics.paddles import Paddles, PaddlesParameters
from simulated_devices.world.optics.rotator import Rotator, RotatorParameters
from simulated_devices.world.optics.squeezers import Squeezers, SqueezersParameters
from simulated_devices.world.optics.switch import Switch, SwitchParameters
from simulated_devices.world.optics.wave_plate import WavePlate, WavePlateParameters
from simulated_devices.world.optics.wdm import Wdm, WdmChannel, WdmParameters, itu_channel_thz

__all__ = [
    "ELEMENTS",
    "ONE",
    "Attenuator",
    "AttenuatorParameters",
    "BeamSplitter",
    "BeamSplitterParameters",
    "DelayLine",
    "DelayLineParameters",
    "Element",
    "Fibre",
    "FibreParameters",
    "FreeSpace",
    "FreeSpaceParameters",
    "Frequencies",
    "LiquidCrystal",
    "LiquidCrystalParameters",
    "OpticsParameters",
    "Paddles",
    "PaddlesParameters",
    "Passage",
    "ProfilePoint",
    "Rotator",
    "RotatorParameters",
    "Spectra",
    "Squeezers",
    "SqueezersParameters",
    "Switch",
    "SwitchParameters",
    "WavePlate",
    "WavePlateParameters",
    "Wdm",
    "WdmChannel",
    "WdmParameters",
    "build_element",
    "itu_channel_thz",
]
