"""The physics behind the simulated bench: no I/O, no threads, no wall clock.

Time is int64 picoseconds of world time and advances in slices of 10 ms. Parameters changed
between two steps act on the light created, and the darks and clicks due, in the next slice.
Randomness is seeded per component by its name, so the same seed and the same changes at the
same slices give the same clicks, and a component added to a bench leaves the random numbers
of the others alone. (Bit for bit on the same versions and architecture: NumPy may change a
sampling method in a feature release.)

Decisions that may be questioned:

- Outcomes are drawn, not photons. Poisson processes thin exactly, so each combination of
  clicking detectors is an independent Poisson process and lost light costs no time (source.py).
- All light has 100 ns in common on top of the delays, so that jitter never lets a photon click
  before its slice; this and the carried state make slice boundaries invisible (detector.py).
- Light acts with the analyzer angle of its creation. With a fibre of 100 km this is half a
  millisecond early, below the resolution of the slices.
- Dead time acts on the jittered times, so two clicks are never closer than the dead time and
  the closed forms for Poissonian light hold exactly.
- Afterpulses are counted from the rearming of the detector, as data sheets do; a trap emptied
  during the dead time leaves no trace.
- Expected values come from expectation.py in closed form. They share the outcome probabilities
  with the simulation, which is why these have tests of their own against published forms.
"""

from __future__ import annotations

from simulated_devices.world.arm import Arm
from simulated_devices.world.bench import World
from simulated_devices.world.detector import COMMON_PATH_PS, Detector
from simulated_devices.world.expectation import (
    expected_accidentals_hz,
    expected_coincidences_hz,
    expected_singles_hz,
    expected_total_coincidences_hz,
)
from simulated_devices.world.history import History, Truth
from simulated_devices.world.light import Light, LightParameters
from simulated_devices.world.parameters import (
    AnalyzerOutputs,
    ArmParameters,
    DetectorParameters,
    PumpParameters,
    SourceParameters,
    WorldParameters,
)
from simulated_devices.world.pump import Pump
from simulated_devices.world.slices import SLICE_PS, Slice
from simulated_devices.world.source import PairSource
from simulated_devices.world.tagger import TaggerModel

__all__ = [
    "COMMON_PATH_PS",
    "SLICE_PS",
    "AnalyzerOutputs",
    "Arm",
    "ArmParameters",
    "Detector",
    "DetectorParameters",
    "History",
    "Light",
    "LightParameters",
    "PairSource",
    "Pump",
    "PumpParameters",
    "Slice",
    "SourceParameters",
    "TaggerModel",
    "Truth",
    "World",
    "WorldParameters",
    "expected_accidentals_hz",
    "expected_coincidences_hz",
    "expected_singles_hz",
    "expected_total_coincidences_hz",
]
