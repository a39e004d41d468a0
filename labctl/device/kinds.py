"""Kinds: what plans and windows may rely on, whatever the driver.

A driver names its kinds in `kinds`; that its class really has the members of each is
checked statically (tests/typing) and by the contract tests on its simulator.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["KINDS", "Laser"]


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


#: Name of a kind, as drivers and `labctl list` write it -> what it is. The protocol of
#: `time_tagger` is labctl.tags.TimeTagger, because it speaks of decoders.
KINDS: dict[str, str] = {
    "laser": "light source with a power set-point and an emission switch",
    "time_tagger": "streams time tags of detector clicks",
}
