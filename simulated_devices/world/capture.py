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
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CoarseWindow", "Tail"]


_ASYMPTOTIC_FROM = 20.0
"""Here the first left-out term of the series is below 1e-12."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A part of the differences that is shifted by an exponential time on top of the Gaussian.

    `mean_ps` is the mean shift: positive is later, negative earlier.
    """

    weight: float
    mean_ps: float


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

    def capture(self, mean_ps: float, sigma_ps: float, tails: Sequence[Tail] = ()) -> float:
        """Return the probability that a Gaussian true difference, some with a tail, counts.

        With E[max(0, x - c)] = (mean - c) Phi(z) + sigma phi(z), z = (mean - c)/sigma, applied
        to the four corners of the trapezoid; `_mean_late_excess` for the tails.
        """
        if self.effective_ps == 0:
            return 0.0
        prompt = 1.0 - sum(tail.weight for tail in tails)
        total = 0.0
        for sign, corner_ps in self._corners:
            distance_ps = mean_ps - corner_ps
            excess_ps = prompt * _mean_excess(distance_ps, sigma_ps)
            for tail in tails:
                excess_ps += tail.weight * _mean_tail_excess(distance_ps, sigma_ps, tail.mean_ps)
            total += sign * excess_ps
        return min(1.0, max(0.0, total / self.resolution_ps))

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


def _mean_tail_excess(distance: float, sigma: float, shift: float) -> float:
    """Return E[max(0, g + e)] for a further exponential e of mean `shift`, of either sign.

    E[max(0, g + e)] = E[max(0, g)] + T E[min(1, exp(g/T))] for T > 0 (average over e first).
    For T < 0, max(0, y) = y + max(0, -y).
    """
    if shift == 0.0:
        return _mean_excess(distance, sigma)
    if shift < 0.0:
        return distance + shift + _mean_tail_excess(-distance, sigma, -shift)
    return _mean_excess(distance, sigma) + shift * _mean_decay(distance / shift, sigma / shift)


def _mean_decay(mean: float, sigma: float) -> float:
    """Return E[min(1, exp(g))] of a Gaussian g.

    = Phi(mean/sigma) + exp(mean + sigma^2/2) Phi(-mean/sigma - sigma), in a form that neither
    overflows nor loses the product of a huge and a tiny factor.
    """
    if sigma == 0.0:
        return math.exp(min(0.0, mean))
    above = 0.5 * math.erfc(-mean / sigma / math.sqrt(2.0))
    z = (mean / sigma + sigma) / math.sqrt(2.0)
    if z <= 0.0:
        return above + 0.5 * math.exp(mean + sigma * sigma / 2.0) * math.erfc(z)
    return above + 0.5 * math.exp(-((mean / sigma) ** 2) / 2.0) * _scaled_erfc(z)


def _scaled_erfc(z: float) -> float:
    """Return exp(z^2) erfc(z) for z > 0; asymptotic (DLMF 7.12.1) where erfc nears underflow."""
    if z < _ASYMPTOTIC_FROM:
        return math.exp(z * z) * math.erfc(z)
    term = total = 1.0
    for k in range(1, 6):
        term *= -(2 * k - 1) / (2.0 * z * z)
        total += term
    return total / (z * math.sqrt(math.pi))
