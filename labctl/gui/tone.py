"""A rate as a tone: pitch is logarithmic in the rate, and samples are a pure function of it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAMPLE_RATE_HZ", "pitch_hz", "reference_for", "samples"]

SAMPLE_RATE_HZ: Final = 44_100
#: The pitch of the reference; a rate twice as high sounds an octave higher.
_REFERENCE_PITCH_HZ: Final = 880.0
_LOWEST_PITCH_HZ: Final = 55.0
_HIGHEST_PITCH_HZ: Final = 3520.0
#: Loud enough for a laboratory with pumps in it, with room before clipping.
_AMPLITUDE: Final = 0.3


def pitch_hz(value: float, reference: float) -> float:
    """Return the pitch of a value: 880 Hz at the reference, an octave up per doubling.

    It stays between 55 and 3520 Hz; what is no positive number has the lowest pitch.
    """
    if not (math.isfinite(value) and value > 0 and reference > 0):
        return _LOWEST_PITCH_HZ
    pitch = _REFERENCE_PITCH_HZ * value / reference
    return min(max(pitch, _LOWEST_PITCH_HZ), _HIGHEST_PITCH_HZ)


def reference_for(value: float, reference: float) -> float:
    """Return the reference to go on with: the present one while the value can be heard with it.

    Outside its five octaves the pitch would stand still, so the value becomes the reference.
    """
    if not (math.isfinite(value) and value > 0):
        return reference
    if reference <= 0:
        return value
    pitch = _REFERENCE_PITCH_HZ * value / reference
    return reference if _LOWEST_PITCH_HZ <= pitch <= _HIGHEST_PITCH_HZ else value


def samples(
    from_hz: float, to_hz: float, count: int, *, phase_rad: float = 0.0
) -> tuple[NDArray[np.float32], float]:
    """Return `count` samples of a tone that glides from one pitch to another, and its phase then.

    The glide is even in octaves. Going on with the phase that is returned, and from `to_hz`,
    makes one tone of several pieces, without clicks.
    """
    ramp = (np.arange(count, dtype=np.float64) + 1.0) / max(count, 1)
    pitches_hz = from_hz * (to_hz / from_hz) ** ramp
    phases = phase_rad + np.cumsum(2 * math.pi / SAMPLE_RATE_HZ * pitches_hz)
    last = float(phases[-1]) if count else phase_rad
    return (_AMPLITUDE * np.sin(phases)).astype(np.float32), math.remainder(last, math.tau)
