"""What can go wrong in a simulated WebSQ and at the nanowires behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from labctl.errors import LimitError
from simulated_devices.instrument import Fault

if TYPE_CHECKING:
    from simulated_devices.devices.single_quantum_websq import WebSq

__all__ = ["faults_of_websq"]


def faults_of_websq(websq: WebSq) -> dict[str, Fault]:
    """Return the faults of one instrument, by name; channels count from 1."""

    def checked(channel: int) -> int:
        count = len(websq.wires)
        if not 1 <= channel <= count:
            raise LimitError(f"channel = {channel} is outside 1 to {count}")
        return channel

    def latch(*, channel: int = 1) -> None:
        """Latch a nanowire, as a flash of light does: blind until its bias is cycled."""
        websq.latch(checked(channel))

    def hang(*, is_hung: bool = True) -> None:
        """Let the controller hang: it still answers and carries out no command; or wake it up."""
        websq.ignores_commands = is_hung

    def report_error(*, text: str = "bias source overheated") -> None:
        """Send a message that reports a fault, unasked."""
        websq.tell("Error", text)

    def darks(*, channel: int = 1, factor: float = 10.0) -> None:
        """Multiply the dark counts of a detector, as light leaking in or warmth does."""
        if not (math.isfinite(factor) and factor >= 0.0):
            raise LimitError(f"factor = {factor} is not a number from 0 on")
        detector = websq.detectors[checked(channel) - 1]
        detector.change(dark_rate_hz=detector.parameters.dark_rate_hz * factor)

    def dead(*, channel: int = 1, is_dead: bool = True) -> None:
        """Let a channel's amplifier fail: no pulses leave it, its bias looks right; or mend it."""
        websq.kill(checked(channel), is_dead=is_dead)

    calls = (latch, hang, report_error, darks, dead)
    return {call.__name__: call for call in calls}
