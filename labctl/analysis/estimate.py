"""A number with its standard uncertainty, and the rules by which counts get theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "poisson_sigma", "quadrature"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard uncertainty (1 sigma).

    Attributes:
        value: the best estimate; nan where the data do not determine it.
        sigma: standard uncertainty in the same unit, never negative; inf where the data give
            no bound, nan where the value is nan.
        unit: unit suffix such as "hz" (labctl.units); empty for counts and ratios.
    """

    value: float
    sigma: float
    unit: str = ""

    def __post_init__(self) -> None:
        if self.sigma < 0:
            raise ValueError(f"sigma = {self.sigma} is negative; a standard deviation is not")

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.sigma:.2g}{' ' if self.unit else ''}{self.unit}"

    @classmethod
    def of_count(cls, count: float) -> Estimate:
        """Return a count with its Poisson uncertainty (see `poisson_sigma`)."""
        return cls(float(count), poisson_sigma(float(count)))

    def scaled(self, factor: float, unit: str | None = None) -> Estimate:
        """Return the estimate times an exactly known factor."""
        return Estimate(
            self.value * factor, self.sigma * abs(factor), self.unit if unit is None else unit
        )

    def minus(self, other: Estimate) -> Estimate:
        """Return the difference to an independent estimate of the same unit."""
        return Estimate(
            self.value - other.value, quadrature(self.sigma, other.sigma), unit=self.unit
        )


def quadrature(*sigmas: float) -> float:
    """Return the standard deviation of a sum of independent terms: the root of the squares."""
    return math.hypot(*sigmas)


@overload
def poisson_sigma(counts: float) -> float: ...
@overload
def poisson_sigma(counts: NDArray[np.int64]) -> NDArray[np.float64]: ...
def poisson_sigma(counts: ArrayLike) -> float | NDArray[np.float64]:
    """Return the standard uncertainty of Poisson counts: sqrt(N), and 1 for N = 0.

    sqrt(0) = 0 would claim certainty after seeing nothing. With a flat prior the mean behind
    an observed count N has the posterior density of a gamma law with standard deviation
    sqrt(N + 1), which is 1 at N = 0; from N = 1 on the usual sqrt(N) is kept.

    Raises:
        ValueError: a count is negative.
    """
    values = np.asarray(counts, dtype=np.float64)
    if np.any(values < 0):
        raise ValueError(f"a count is negative: {float(values.min())}")
    sigmas: NDArray[np.float64] = np.sqrt(np.maximum(values, 1.0))
    return sigmas if sigmas.ndim else float(sigmas)
