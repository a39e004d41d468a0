"""Correlation values and the CHSH parameter, with uncertainties.

A pair of analysers set to (a, b) gives four coincidence counts, by the outputs ++, +-, -+ and
-- (Alice's sign first). With X_s = ++ plus --, X_d = +- plus -+, after subtraction of accidentals,

    E = (X_s - X_d)/(X_s + X_d)        (Aspect, Grangier, Roger, PRL 49 91, eq. 3),
    σ_E² = 4·(X_d²·Var X_s + X_s²·Var X_d)/(X_s + X_d)⁴,

the second to first order. Var X = C + σ_A² for counts C and independent accidentals A ± σ_A; for
A = 0 it is (1 - E²)/N, the binomial variance. Accidentals from the product of the singles
correlate with the counts such that Var(C - A) is C alone (`pair_statistics`); keeping σ_A²
overstates σ by the negligible (A/C)·S·w, and is what delayed windows need. An output without a
count enters with variance 1, so that neither E = 1 nor E = -1 claims certainty.

Raw values come out smaller than the truth by accidentals; subtracted ones may exceed 1 by noise
and are not cut.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from labctl.analysis.estimate import Estimate, quadrature
from labctl.analysis.visibility import contrast

__all__ = [
    "CLASSICAL_BOUND",
    "TSIRELSON_BOUND",
    "chsh",
    "correlation_from_rates",
    "correlation_value",
    "exceeds_tsirelson",
    "setting_rate",
    "tsirelson_warning",
    "unswapped_rates",
]

#: Largest |S| of local hidden variables (Clauser, Horne, Shimony, Holt, PRL 23 880).
CLASSICAL_BOUND = 2.0
#: Largest |S| of quantum mechanics (Cirel'son, Lett. Math. Phys. 4 93).
TSIRELSON_BOUND = 2 * math.sqrt(2)

_NONE = Estimate(0.0, 0.0)
_OUTPUTS = 4
#: Standard deviations above the bound from which S is called suspicious.
_SUSPICIOUS = 3.0


def correlation_value(
    counts: Sequence[int], accidentals: Sequence[Estimate] | None = None
) -> Estimate:
    """Return E of one setting of two two-output analysers.

    Args:
        counts: coincidences of the outputs ++, +-, -+, --, accidentals included.
        accidentals: expected among each of them; left out, E is raw.

    Returns:
        nan ± nan if nothing is left.

    Raises:
        ValueError: not four outputs, or a negative count.
    """
    expected = [_NONE] * _OUTPUTS if accidentals is None else accidentals
    _four("counts", counts)
    _four("accidentals", expected)
    return correlation_from_rates(
        [Estimate.of_count(n).minus(a) for n, a in zip(counts, expected, strict=True)]
    )


def correlation_from_rates(rates: Sequence[Estimate]) -> Estimate:
    """Return E from four independent numbers for ++, +-, -+, --, in any one unit.

    With one-output analysers these are the rates of four settings: (a, b), (a, b⊥), (a⊥, b) and
    (a⊥, b⊥), each over its own live time (`setting_rate`). The pair rate must not drift between
    them. nan ± nan if their sum is not positive.

    Raises:
        ValueError: not four rates.
    """
    _four("rates", rates)
    plus_plus, plus_minus, minus_plus, minus_minus = rates
    return contrast(_sum(plus_plus, minus_minus), _sum(plus_minus, minus_plus))


def setting_rate(count: int, live_s: float, accidentals: Estimate = _NONE) -> Estimate:
    """Return the rate of coincidences (hz) of one output in one setting.

    Args:
        count: coincidences, accidentals included.
        live_s: live time; 0 gives nan ± nan.
        accidentals: expected among the count, in the same live time.

    Raises:
        ValueError: a negative count or live time.
    """
    if live_s < 0:
        raise ValueError(f"live_s = {live_s} s is negative")
    if live_s == 0:
        return Estimate(math.nan, math.nan, "hz")
    return Estimate.of_count(count).minus(accidentals).scaled(1 / live_s, "hz")


def unswapped_rates(settings: Sequence[Sequence[Estimate]]) -> tuple[Estimate, ...]:
    """Return the mean rates of ++, +-, -+, -- over settings in which outputs are swapped.

    Turning an analyser by 90° swaps its outputs. Over the settings (a, b), (a, b⊥), (a⊥, b) and
    (a⊥, b⊥), in this order, each outcome meets each of the four pairs of detectors once, so that
    all outcomes see the same mean efficiency: E from these rates does not depend on the
    efficiencies. In a single setting with + and - equally likely on either side, imbalance on one
    side alone leaves E as it is; efficiencies + to - of 1:r_a and 1:r_b on both turn E = 0 into
    (1 - r_a)·(1 - r_b)/((1 + r_a)·(1 + r_b)).

    Args:
        settings: four settings of four rates ++, +-, -+, -- (`setting_rate`), by the names of
            the detectors.

    Raises:
        ValueError: not four settings of four rates.
    """
    _four("settings", settings)
    for rates in settings:
        _four("rates of a setting", rates)
    # Output and setting are two bits each, Alice's and Bob's; a swap flips the bit.
    return tuple(
        _sum(*(settings[swap][output ^ swap] for swap in range(_OUTPUTS))).scaled(1 / _OUTPUTS)
        for output in range(_OUTPUTS)
    )


def chsh(e_ab: Estimate, e_ab2: Estimate, e_a2b: Estimate, e_a2b2: Estimate) -> Estimate:
    """Return S = E(a, b) - E(a, b') + E(a', b) + E(a', b') (CHSH, PRL 23 880).

    The sign belongs to (a, b'). At polarizer angles a = 0°, a' = 45°, b = 22.5°, b' = 67.5° and
    visibility V, S is

        +2√2·V for Φ⁺ = (HH + VV)/√2, where E = V·cos 2(a - b),
        -2√2·V for Ψ⁻ = (HV - VH)/√2, where E = -V·cos 2(a - b),
        0 for Φ⁻ and Ψ⁺, where E = ±V·cos 2(a + b): turn Bob's angles to -22.5° and -67.5° for
        +2√2·V and -2√2·V.

    The four values are independent; σ_S² is the sum of their variances.
    """
    values = (e_ab, e_ab2, e_a2b, e_a2b2)
    return Estimate(
        e_ab.value - e_ab2.value + e_a2b.value + e_a2b2.value,
        quadrature(*(value.sigma for value in values)),
    )


def exceeds_tsirelson(s: Estimate) -> bool:
    """Return whether |S| is above 2√2 by more than 3 sigma, which no quantum state reaches."""
    return abs(s.value) > TSIRELSON_BOUND + _SUSPICIOUS * s.sigma


def tsirelson_warning(s: Estimate) -> str | None:
    """Return a sentence for the operator if S exceeds what quantum mechanics allows."""
    if not exceeds_tsirelson(s):
        return None
    excess = f" ({(abs(s.value) - TSIRELSON_BOUND) / s.sigma:.1f} sigma)" if s.sigma > 0 else ""
    return (
        f"S = {s} is above 2√2 = {TSIRELSON_BOUND:.4f}{excess}: the settings do not count the "
        "same pairs. Widen the window, compare the peak positions of the settings, and check "
        "that the pair rate did not drift between them."
    )


def _sum(*terms: Estimate) -> Estimate:
    """Return the sum of independent estimates."""
    return Estimate(
        math.fsum(term.value for term in terms),
        quadrature(*(term.sigma for term in terms)),
        terms[0].unit,
    )


def _four(name: str, values: Sequence[object]) -> None:
    if len(values) != _OUTPUTS:
        raise ValueError(f"{name} has {len(values)} entries; give four, for ++, +-, -+ and --")
