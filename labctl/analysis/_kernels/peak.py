"""Expected counts of a Gaussian peak on a flat background, and what they say of its parameters."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Below this a bin is expected to stay empty; its logarithm must stay finite.
LEAST = 1e-9
#: A step that is finer than this part of the width is no step at all: its effect is of order 1e-12.
FINE = 1e-5
_ROOT_2 = math.sqrt(2.0)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@njit(cache=True, nogil=True)
def _below(
    at_ps: float, step_ps: float, position_ps: float, width_ps: float, found: Values
) -> None:
    """Write the part of the peak below, and its derivatives by position and by width.

    The part is the mean of the normal distribution over one step of the tagger.
    """
    z = (at_ps - position_ps) / width_ps
    if step_ps < FINE * width_ps:
        z += 0.5 * step_ps / width_ps
        density = _DENSITY * math.exp(-0.5 * z * z) / width_ps
        found[0] = 0.5 * math.erfc(-z / _ROOT_2)
        found[1] = -density
        found[2] = -z * density
        return
    above = z + step_ps / width_ps
    low, high = 0.5 * math.erfc(-z / _ROOT_2), 0.5 * math.erfc(-above / _ROOT_2)
    low_density = _DENSITY * math.exp(-0.5 * z * z)
    high_density = _DENSITY * math.exp(-0.5 * above * above)
    share = width_ps / step_ps
    # The integral of the normal distribution up to z is z·Φ(z) + φ(z).
    found[0] = share * (above * high + high_density - z * low - low_density)
    found[1] = (low - high) / step_ps
    found[2] = (high_density - low_density) / step_ps


@njit(cache=True, nogil=True)
def peak_terms(
    counts: Values,
    bounds_ps: Values,
    step_ps: float,
    shares: Values,
    peak: Values,
    expected: Values,
    score: Values,
    information: Values,
) -> float:
    """Return the logarithm of the likelihood of `counts` (n,), up to a constant.

    Args:
        counts: of each bin.
        bounds_ps: (n + 1,) where the bins end.
        step_ps: of the tagger; 0 for none.
        shares: (n,) of the background per bin that each bin gets.
        peak: counts, position, standard deviation and background per bin.
        expected: (n,) is overwritten with the expected counts.
        score: (4,) is overwritten with the derivatives of the result by `peak`.
        information: (4, 4) is overwritten with Fisher's information.
    """
    score[:] = 0.0
    information[:, :] = 0.0
    total, background = peak[0], peak[3]
    here, there, slope = np.empty(3), np.empty(3), np.empty(4)
    _below(bounds_ps[0], step_ps, peak[1], peak[2], there)
    likelihood = 0.0
    for k in range(counts.size):
        here[:] = there
        _below(bounds_ps[k + 1], step_ps, peak[1], peak[2], there)
        slope[0] = there[0] - here[0]
        slope[1] = total * (there[1] - here[1])
        slope[2] = total * (there[2] - here[2])
        slope[3] = shares[k]
        mean = max(total * slope[0] + background * shares[k], LEAST)
        expected[k] = mean
        likelihood += counts[k] * math.log(mean) - mean
        for i in range(4):
            score[i] += slope[i] * (counts[k] / mean - 1.0)
            for j in range(4):
                information[i, j] += slope[i] * slope[j] / mean
    return likelihood
