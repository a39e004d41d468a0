"""What bias and temperature make of a detector."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Drive"]


@dataclass(frozen=True, slots=True)
class Drive:
    """Factors on what a detector is rated at."""

    efficiency_factor: float = 1.0
    dark_rate_factor: float = 1.0
    afterpulse_factor: float = 1.0

    @property
    def is_off(self) -> bool:
        """True where nothing can click, also not light on its way or a trap that empties."""
        return self.efficiency_factor == 0.0 and self.dark_rate_factor == 0.0

    def with_too(self, other: Drive) -> Drive:
        """Return what both together make of a detector."""
        return Drive(
            self.efficiency_factor * other.efficiency_factor,
            self.dark_rate_factor * other.dark_rate_factor,
            self.afterpulse_factor * other.afterpulse_factor,
        )
