"""Accidentals, coincidence-to-accidental ratio and heralding efficiency, with uncertainties.

The model behind all uncertainties: pairs seen on both sides (C_t), tags of a alone and tags of
b alone are independent Poisson numbers; given the singles N_a = C_t + a and N_b = C_t + b, the
accidentals inside a window are Poisson with mean A = N_a·N_b·w/T. The measured C = C_t +
accidentals. To first order

    V = Var A = A²·(1/N_a + 1/N_b + 2·C_t/(N_a·N_b)),
    K = Cov(C_t, A) = A·C_t·(1/N_a + 1/N_b),
    Var C = C + V + 2·K,    Cov(C, A) = V + K,
    Var(C - A) = C,         Cov(C - A, N_b) = C_t.

A measured A (delayed windows) adds its own scatter to Var A and nothing to the covariances.
V/C is of order (A/C)·S·w, singles rate times window, but K/C of order A/C times heralding
efficiency. A count of zero enters with variance 1 (`poisson_sigma`).
"""

from __future__ import annotations

import math

from labctl.analysis.estimate import Estimate, poisson_sigma, quadrature

__all__ = ["accidentals", "accidentals_from_singles_variance", "car", "heralding"]

PS_PER_S = 1e12
UNKNOWN = Estimate(math.nan, math.nan)
NONE = Estimate(0.0, 0.0)


def accidentals(
    singles_a: float,
    singles_b: float,
    live_s: float,
    window_effective_ps: float,
    *,
    coincidences: float = 0.0,
) -> Estimate:
    """Return the accidentals expected in a live time: A = N_a·N_b·w/T.

    The product formula R_acc = S_A·S_B·w for full width w (Neumann et al., PRA 104 022406).
    For a coarse tagger w must be the effective width (`effective_window_ps`).

    With g = 1/N_a + 1/N_b + 2·C/(N_a·N_b) the variance is A²·g: the last term is the
    covariance of the two singles, which share the coincident pairs. The product of both
    singles' variances is added, so that a channel without a tag does not claim certainty.

    Args:
        singles_a: tags of channel a in the live time.
        singles_b: tags of channel b in the live time.
        live_s: live time T in seconds; 0 gives nan.
        window_effective_ps: effective full width w.
        coincidences: pairs common to both singles (measured minus accidental); leaving it out
            understates sigma by a factor of up to 1/sqrt(2), at heralding efficiency 1.

    Raises:
        ValueError: a negative argument.
    """
    _refuse_negative(
        singles_a=singles_a,
        singles_b=singles_b,
        live_s=live_s,
        window_effective_ps=window_effective_ps,
        coincidences=coincidences,
    )
    if live_s == 0:
        return UNKNOWN
    factor = window_effective_ps / PS_PER_S / live_s
    variance = accidentals_from_singles_variance(singles_a, singles_b, coincidences)
    return Estimate(factor * singles_a * singles_b, factor * math.sqrt(variance))


def accidentals_from_singles_variance(
    singles_a: float, singles_b: float, coincidences: float
) -> float:
    """Return the variance of N_a·N_b, including the covariance from their common pairs."""
    sigma_a, sigma_b = poisson_sigma(singles_a), poisson_sigma(singles_b)
    return (
        (singles_b * sigma_a) ** 2
        + (singles_a * sigma_b) ** 2
        + 2 * singles_a * singles_b * coincidences
        + (sigma_a * sigma_b) ** 2
    )


def car(
    coincidences: float,
    accidentals: Estimate,
    *,
    singles: tuple[float, float] | None = None,
) -> Estimate:
    """Return the coincidence-to-accidental ratio (C - A)/A.

    With R = C/A the value is R - 1 and

        Var R = R²·(Var C/C² + Var A/A² - 2·Cov(C, A)/(C·A)),

    Var C and Cov(C, A) as above, where C_t = C - A. Without `singles` the covariances are left
    out and sigma is too large: for heralding efficiencies of 25 % and product accidentals by
    60 %.

    Args:
        coincidences: pairs counted in the window, accidentals included.
        accidentals: from `accidentals` or `delayed_accidentals`, for the same live time.
        singles: N_a and N_b, for the covariance.

    Returns:
        inf ± inf for no accidentals (the data give no upper bound), nan ± nan when there are
        no coincidences either, -1 ± 1/A for no coincidences.

    Raises:
        ValueError: a negative count.
    """
    _refuse_negative(coincidences=coincidences, accidentals=accidentals.value)
    expected = accidentals.value
    if expected == 0:
        return UNKNOWN if coincidences == 0 else Estimate(math.inf, math.inf)
    ratio = coincidences / expected
    # Var R in units of 1/A²: each term of the formula times C²/R² = A².
    variance = poisson_sigma(coincidences) ** 2 + (ratio * accidentals.sigma) ** 2
    if singles is not None and all(singles):
        common = max(coincidences - expected, 0.0)
        inverse = 1 / singles[0] + 1 / singles[1]
        spread = expected**2 * (inverse + 2 * common / (singles[0] * singles[1]))
        shared = expected * common * inverse
        variance += spread + 2 * shared - 2 * ratio * (spread + shared)
    # The exact expression is positive; rounding of a nearly cancelled one may not be.
    return Estimate(ratio - 1, math.sqrt(max(variance, 0.0)) / expected)


def heralding(
    coincidences: float,
    singles: float,
    *,
    accidentals: Estimate = NONE,
    darks: Estimate = NONE,
) -> Estimate:
    """Return the Klyshko efficiency of the channel that `singles` does not belong to.

    η_a = X/Y with X = C - A and Y = N_b - D (Klyshko, Sov. J. Quantum Electron. 10 1112). Raw
    efficiency: `heralding(C, N_b)`, which is biased high by accidentals and low by darks.
    Corrected efficiency: pass both.

    The coincidences are among the singles, Cov(X, N_b) = X, so

        Var η = (C + Var A - 2·η·X + η²·(N_b + Var D)) / Y².

    For a product A the exact term is C alone; Var A is smaller by (A/C)·S·w and kept because it
    is what delayed windows need. The raw efficiency does not know its accidentals: its sigma is
    understated by a relative (A/C)·(η_a/(1 - η_a) + η_b).
    Without corrections this is the binomial η·(1 - η)/N_b. The numerator is not taken below
    one count, so that neither C = 0 nor C = N_b claims certainty.

    Args:
        coincidences: pairs counted in the window, accidentals included.
        singles: tags N_b of the heralding channel.
        accidentals: expected among the coincidences, same live time.
        darks: expected among the singles, same live time.

    Returns:
        nan ± nan if no singles are left after subtraction of the darks.

    Raises:
        ValueError: a negative count.
    """
    _refuse_negative(
        coincidences=coincidences,
        singles=singles,
        accidentals=accidentals.value,
        darks=darks.value,
    )
    heralds = singles - darks.value
    if not heralds > 0:
        return UNKNOWN
    heralded = coincidences - accidentals.value
    efficiency = heralded / heralds
    variance = (
        coincidences
        + accidentals.sigma**2
        - 2 * efficiency * heralded
        + efficiency**2 * quadrature(math.sqrt(singles), darks.sigma) ** 2
    )
    return Estimate(efficiency, math.sqrt(max(variance, 1.0)) / heralds)


def _refuse_negative(**numbers: float) -> None:
    """Raise ValueError for the first negative number."""
    for name, number in numbers.items():
        if number < 0:
            raise ValueError(f"{name} = {number} is negative")
