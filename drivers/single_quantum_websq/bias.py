"""Arithmetic of bias currents: steps of a ramp, and what a latched nanowire looks like."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["RAMP_STEP_UA", "TOLERANCE_UA", "is_same_bias", "latched", "next_step", "replaced"]

#: Step of the bias scan in the manufacturer's client (Atlas driver, iv_scan_setup).
RAMP_STEP_UA = 0.5
#: Set and read currents agree within this: a tenth of a step, and 9 bits of the ±90.9 µA range.
TOLERANCE_UA = 0.05
#: A wire that shows more resistance is normal: cables and bias tees have at most some kΩ, a hot
#: spot tens of kΩ and more (Kerman et al., Phys. Rev. B 79, 100509 (2009)).
_LATCHED_KOHM = 5.0


def next_step(present_ua: Sequence[float], target_ua: Sequence[float]) -> tuple[float, ...]:
    """Return the bias currents one step closer to the target, all channels at once."""
    return tuple(
        target if abs(target - present) <= RAMP_STEP_UA else present + RAMP_STEP_UA * sign
        for present, target in zip(present_ua, target_ua, strict=True)
        for sign in ((1.0 if target > present else -1.0),)
    )


def is_same_bias(a_ua: Sequence[float], b_ua: Sequence[float]) -> bool:
    """Return whether the currents agree within what the instrument resolves."""
    return len(a_ua) == len(b_ua) and all(
        abs(a - b) <= TOLERANCE_UA for a, b in zip(a_ua, b_ua, strict=True)
    )


def latched(bias_ua: Sequence[float], voltage_mv: Sequence[float]) -> tuple[int, ...]:
    """Return the channels (from 1) whose voltage is that of a normal wire; mV/µA is kΩ.

    Without bias nothing can be told, and nothing latches.
    """
    return tuple(
        channel
        for channel, (bias, voltage) in enumerate(zip(bias_ua, voltage_mv, strict=True), 1)
        if abs(bias) > TOLERANCE_UA and abs(voltage) > _LATCHED_KOHM * abs(bias)
    )


def replaced(
    bias_ua: Sequence[float], others_ua: Sequence[float], channels: Sequence[int]
) -> tuple[float, ...]:
    """Return the currents with those of `channels` (from 1) taken from `others_ua`."""
    return tuple(
        other if channel in channels else present
        for channel, (present, other) in enumerate(zip(bias_ua, others_ua, strict=True), 1)
    )
