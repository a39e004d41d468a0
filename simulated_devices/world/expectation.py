"""Expected rates of a settled world in closed form: the truth that tests compare with.

All functions take the parameters the next slice will have, and the power the pump settles to.

One detector. Candidates (light and darks) are Poisson with rate r. Each click adds, with
probability p, an afterpulse candidate a dead time tau plus an exponential time (mean T) later.
It meets a live detector with probability q, so the rate of candidates that a live detector
sees is n = r/(1 - p q), the click rate n/(1 + n tau) and the live fraction 1/(1 + n tau).
A detector that was live at 0 and sees the rate n is live at x with a probability of Laplace
transform 1/(s + n - n exp(-s tau)) (renewal equation of the non-paralyzable counter), hence
q = 1/(1 + n kappa), kappa = T (1 - exp(-tau/T)), and n solves the quadratic
kappa n^2 + (1 - p - r kappa) n - r = 0. Without dead time n = r/(1 - p), without afterpulses
n = r; both exact. In between, the candidates around an afterpulse are not quite Poissonian,
an error of order p^2 n tau of the rate (5e-5 at p = 0.02, n tau = 0.1).

A paralyzable detector is live if the last tau was free of candidates, exp(-r tau); one that
recovers with the time constant R needs 1/r_clicks = tau + int_0^inf exp(-r (x - R + R e^(-x/R)))
dx = tau + R e^a a^-a gamma(a, a), a = r R (Poisson process thinned by 1 - exp(-x/R) after each
click). Both are exact. Neither has a closed form with afterpulses, nor a recovering detector
one for coincidences: these are refused.

Two detectors. A pair counts if both are live, which is not independent: an earlier pair has
made both dead together. For detectors a, b with the pair rate g (both fire), and t the shorter
dead time, P(both live) = L_a L_b / (1 - g t k) with k = 1/(1 + (n_a i_a + n_b i_b)/t), where
i_a, i_b are the overlaps of one dead time with the time in which the other detector cannot
repeat a shared click. This is exact for g = 0 and for perfect pairing (g = n_a = n_b) and in
error by the order g tau (n tau)^2 in between. Two paralyzable detectors are both live if no
candidate fell into either dead time: P = exp(-n_a tau_a - n_b tau_b + g t), exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulated_devices.world.bench import World
from simulated_devices.world.capture import CoarseWindow, Tail
from simulated_devices.world.detector import FWHM_PER_SIGMA
from simulated_devices.world.expected_light import (
    candidates_hz,
    detector_of,
    lag_ps,
    no_closed_form,
    pairs_hz,
)
from simulated_devices.world.slices import PS_PER_S

__all__ = [
    "expected_accidentals_hz",
    "expected_coincidences_hz",
    "expected_singles_hz",
    "expected_total_coincidences_hz",
]

_S_PER_NS = 1e-9
#: Terms of a series below this part of the sum are left out.
_NEGLIGIBLE = 1e-17


@dataclass(frozen=True)
class _DetectorRates:
    """What a detector sees: rate of candidates a live one sees, and its dead time."""

    seen_hz: float
    dead_s: float
    is_paralyzable: bool = False

    @property
    def live_fraction(self) -> float:
        if self.is_paralyzable:
            return math.exp(-self.seen_hz * self.dead_s)
        return 1.0 / (1.0 + self.seen_hz * self.dead_s)

    @property
    def clicks_hz(self) -> float:
        return self.seen_hz * self.live_fraction


def expected_singles_hz(world: World, detector: str) -> float:
    """Return the click rate of a detector: light, darks, afterpulses, dead time, recovery.

    Raises:
        ConfigError: there is no such detector, or no closed form for its parameters.
    """
    parameters = detector_of(world, detector)
    if parameters.recovery_ns == 0.0:
        return _rates(world, detector).clicks_hz
    if world.detectors[detector].afterpulse_probability > 0.0:
        raise no_closed_form(detector, "afterpulses and recovery_ns together")
    mean_s = parameters.dead_time_ns * _S_PER_NS + _mean_wait_s(
        candidates_hz(world, detector), parameters.recovery_ns * _S_PER_NS
    )
    return 1.0 / mean_s


def expected_coincidences_hz(
    world: World,
    a: str,
    b: str,
    window_full_ps: int,
    resolution_ps: int = 1,
    *,
    delay_difference_ps: int = 0,
) -> float:
    """Return the rate of true pairs that a counter finds; accidentals excluded.

    A pair counts if its tags, b's less a's less `delay_difference_ps`, differ by at most half
    the window. Zero for two detectors of the same arm. Afterpulses must lie outside the window
    (they do if it is shorter than the dead times).
    """
    window = CoarseWindow(window_full_ps, resolution_ps, delay_difference_ps)
    jitters = (detector_of(world, name).jitter_fwhm_ps for name in (a, b))
    sigma_ps = math.hypot(*jitters) / FWHM_PER_SIGMA
    capture = window.capture(lag_ps(world, a, b), sigma_ps, _tails(world, a, b))
    return pairs_hz(world, a, b) * _both_live(world, a, b) * capture


def expected_accidentals_hz(
    world: World,
    a: str,
    b: str,
    window_full_ps: int,
    resolution_ps: int = 1,
    *,
    delay_difference_ps: int = 0,
) -> float:
    """Return the product of the click rates and the effective window.

    This is the rate far from the peak, which an experimenter subtracts.
    """
    window = CoarseWindow(window_full_ps, resolution_ps, delay_difference_ps)
    product_hz2 = expected_singles_hz(world, a) * expected_singles_hz(world, b)
    return product_hz2 * window.effective_ps / PS_PER_S


def expected_total_coincidences_hz(
    world: World,
    a: str,
    b: str,
    window_full_ps: int,
    resolution_ps: int = 1,
    *,
    delay_difference_ps: int = 0,
) -> float:
    """Return the rate a counter finds: true pairs and accidentals at the window's place.

    Within a dead time of the peak there are fewer accidentals than the product of the rates
    says: a detector that just fired on a pair cannot fire again, so the partner of an
    accidental tag must itself be unpaired. The reduction is the mean heralding efficiency, a
    quarter on the default bench.
    """
    options = (window_full_ps, resolution_ps)
    true_hz = expected_coincidences_hz(
        world, a, b, *options, delay_difference_ps=delay_difference_ps
    )
    accidentals_hz = expected_accidentals_hz(
        world, a, b, *options, delay_difference_ps=delay_difference_ps
    )
    window = CoarseWindow(window_full_ps, resolution_ps, delay_difference_ps)
    lag = lag_ps(world, a, b)
    rates_a, rates_b = _rates(world, a), _rates(world, b)
    paired_hz = pairs_hz(world, a, b)
    both_live = _both_live(world, a, b)
    far = rates_a.clicks_hz * rates_b.clicks_hz
    b_later = rates_b.seen_hz * (rates_a.seen_hz - paired_hz) * both_live
    a_later = rates_a.seen_hz * (rates_b.seen_hz - paired_hz) * both_live
    b_overlap_ps = window.overlap_ps(lag, lag + rates_b.dead_s * PS_PER_S)
    a_overlap_ps = window.overlap_ps(lag - rates_a.dead_s * PS_PER_S, lag)
    missing_hz = ((far - b_later) * b_overlap_ps + (far - a_later) * a_overlap_ps) / PS_PER_S
    return true_hz + accidentals_hz - missing_hz


def _rates(world: World, detector: str) -> _DetectorRates:
    parameters = detector_of(world, detector)
    if parameters.recovery_ns > 0.0:
        raise no_closed_form(detector, "coincidences with recovery_ns")
    rate_hz = candidates_hz(world, detector)
    probability = world.detectors[detector].afterpulse_probability
    dead_s = parameters.dead_time_ns * _S_PER_NS
    if parameters.dead_time_model == "paralyzable":
        if probability > 0.0 and dead_s > 0.0:
            raise no_closed_form(detector, "afterpulses and a paralyzable dead time together")
        return _DetectorRates(rate_hz / (1.0 - probability), dead_s, is_paralyzable=True)
    decay_s = parameters.afterpulse_decay_ns * _S_PER_NS
    kappa_s = -decay_s * math.expm1(-dead_s / decay_s)
    linear = 1.0 - probability - rate_hz * kappa_s
    seen_hz = 2.0 * rate_hz / (linear + math.sqrt(linear**2 + 4.0 * kappa_s * rate_hz))
    return _DetectorRates(seen_hz, dead_s)


def _mean_wait_s(rate_hz: float, recovery_s: float) -> float:
    """Return the mean time from the end of the dead time to the next click; inf without light.

    R e^a a^-a gamma(a, a) with the series gamma(a, x) = x^a e^-x sum x^k/(a (a+1) ... (a+k))
    (DLMF 8.7.1), which leaves R sum a^k/(a (a+1) ... (a+k)): all terms positive.
    """
    a = rate_hz * recovery_s
    if a == 0.0:
        return math.inf
    term = total = 1.0 / a
    k = 0
    while term > _NEGLIGIBLE * total:
        k += 1
        term *= a / (a + k)
        total += term
    return recovery_s * total


def _tails(world: World, a: str, b: str) -> tuple[Tail, ...]:
    """Return the tails of b's click time less a's.

    Of the pairs late on both sides, the difference of two exponentials is one of either sign
    with weights in proportion to their means.
    """
    late_a, late_b = (detector_of(world, name) for name in (a, b))
    mean_a_ps, mean_b_ps = late_a.jitter_tail_ps, late_b.jitter_tail_ps
    both = late_a.jitter_tail_fraction * late_b.jitter_tail_fraction
    share_b = mean_b_ps / (mean_a_ps + mean_b_ps) if both > 0.0 and mean_b_ps > 0.0 else 0.0
    return (
        Tail(late_b.jitter_tail_fraction - both + both * share_b, mean_b_ps),
        Tail(late_a.jitter_tail_fraction - both + both * (1.0 - share_b), -mean_a_ps),
    )


def _both_live(world: World, a: str, b: str) -> float:
    """Return the probability that a pair meets two live detectors."""
    rates_a, rates_b = _rates(world, a), _rates(world, b)
    independent = rates_a.live_fraction * rates_b.live_fraction
    short_s, long_s = sorted((rates_a.dead_s, rates_b.dead_s))
    if short_s == 0.0:
        return independent
    if rates_a.is_paralyzable != rates_b.is_paralyzable:
        raise no_closed_form(f"{a} and {b}", "a pair of detectors of both dead-time models")
    if rates_a.is_paralyzable:
        return independent * math.exp(pairs_hz(world, a, b) * short_s)
    # A shared click keeps each detector quiet for its own dead time. These are the areas, over
    # the dead times of both before a pair, in which one's click would have to fall after it.
    gap_s = min(long_s - short_s, short_s)
    short_quiet_s2 = short_s * gap_s + (short_s**2 - gap_s**2) / 2.0
    long_quiet_s2 = short_s**2 / 2.0
    if rates_a.dead_s <= rates_b.dead_s:
        short_hz, long_hz = rates_a.seen_hz, rates_b.seen_hz
    else:
        short_hz, long_hz = rates_b.seen_hz, rates_a.seen_hz
    overlap = (short_hz * short_quiet_s2 + long_hz * long_quiet_s2) / short_s
    shared = pairs_hz(world, a, b) * short_s / (1.0 + overlap)
    return independent / (1.0 - shared)
