"""How much of a coincidence peak a window catches, in closed form.

Two tags of a tagger with resolution r differ by a multiple k r. With a window of full width w
around the expected lag s, those with |k r - s| <= w/2 count, that is k = first ... last. A true
difference x becomes k r with the probability max(0, 1 - |x/r - k|), averaged over the uniform
phase between light and clock. The probability to count is therefore a trapezoid in x: one
between first r and last r, falling linearly to zero one r outside. Its area, the effective
width of the window, is (last - first + 1) r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CoarseWindow"]


@dataclass(frozen=True)
class CoarseWindow:
    """The window |k r - s| <= w/2 of a tagger with resolution r, all in ps.

    Raises:
        ValueError: `window_full_ps` or `resolution_ps` is not positive.
    """

    window_full_ps: int
    resolution_ps: int
    lag_ps: int = 0

    def __post_init__(self) -> None:
        if self.window_full_ps < 1 or self.resolution_ps < 1:
            raise ValueError(
                f"window_full_ps = {self.window_full_ps} and resolution_ps = "
                f"{self.resolution_ps} must be positive"
            )

    @property
    def _steps(self) -> tuple[int, int]:
        # In integers, as the counting itself: w/2 may be half a picosecond.
        first = -((self.window_full_ps - 2 * self.lag_ps) // (2 * self.resolution_ps))
        last = (self.window_full_ps + 2 * self.lag_ps) // (2 * self.resolution_ps)
        return first, last

    @property
    def effective_ps(self) -> int:
        """The width that multiplies the product of two rates; 0 if no multiple is inside."""
        first, last = self._steps
        return max(0, last - first + 1) * self.resolution_ps

    def capture(self, mean_ps: float, sigma_ps: float) -> float:
        """Return the probability that a Gaussian true difference counts.

        With E[max(0, x - c)] = (mean - c) Phi(z) + sigma phi(z), z = (mean - c)/sigma, applied
        to the four corners of the trapezoid.
        """
        if self.effective_ps == 0:
            return 0.0
        terms = (
            sign * _mean_excess(mean_ps - corner_ps, sigma_ps) for sign, corner_ps in self._corners
        )
        return min(1.0, max(0.0, sum(terms) / self.resolution_ps))

    def overlap_ps(self, low_ps: float, high_ps: float) -> float:
        """Return the part of the effective width that true differences low to high make up."""
        if self.effective_ps == 0:
            return 0.0
        left, right = self._corners[0][1], self._corners[-1][1]
        low, high = (min(max(edge, left), right) for edge in (low_ps, high_ps))
        return max(0.0, self._area_below(high) - self._area_below(low))

    @property
    def _corners(self) -> tuple[tuple[int, int], ...]:
        # The trapezoid times r is a sum of ramps max(0, x - corner) with these signs.
        first, last = self._steps
        steps = ((1, first - 1), (-1, first), (-1, last), (1, last + 1))
        return tuple((sign, step * self.resolution_ps) for sign, step in steps)

    def _area_below(self, x_ps: float) -> float:
        squares = (sign * max(0.0, x_ps - corner_ps) ** 2 for sign, corner_ps in self._corners)
        return sum(squares) / (2 * self.resolution_ps)


def _mean_excess(distance: float, sigma: float) -> float:
    """Return E[max(0, g)] of a Gaussian g with mean `distance`."""
    if sigma == 0.0:
        return max(0.0, distance)
    z = distance / sigma
    density = math.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
    return distance * 0.5 * math.erfc(-z / math.sqrt(2.0)) + sigma * density
