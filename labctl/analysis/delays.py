"""Delays of channels, from the peaks of their cross-correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.estimate import Estimate

__all__ = ["ChannelDelays", "channel_delays"]


@dataclass(frozen=True, slots=True)
class ChannelDelays:
    """Delays of channels, from the peaks of their pairs.

    Attributes:
        delays: delay (ps) of every channel, relative to the reference, which has 0 ± 0; what is
            subtracted from the times of the channel.
        chi2: Σ ((d_b - d_a - p_ab)/σ_ab)²; much more than `ndf` means that a pair's peak is not
            the right one.
        ndf: pairs beyond those that the delays need.
    """

    delays: dict[int, Estimate]
    chi2: float
    ndf: int


def channel_delays(
    peaks: Mapping[tuple[int, int], Estimate], channels: Sequence[int], reference: int
) -> ChannelDelays:
    """Return the delays d that fit all pairs best: weighted least squares of d_b - d_a = p_ab.

    Weights are 1/σ_ab² of the independent positions; the delays' covariance is the inverse of
    the normal matrix. If the histograms were made with delays already subtracted, these are
    corrections to them.

    Args:
        peaks: position (ps) of the peak of t_b - t_a for pairs (a, b); nan, a peak that was not
            found, is left out.
        channels: whose delays are wanted.
        reference: the channel whose delay is 0.

    Raises:
        ValueError: the reference or a pair is not among the channels, a sigma is not positive,
            or channels are not connected with the reference by peaks.
    """
    if reference not in channels:
        raise ValueError(f"reference = {reference} is not among the channels {list(channels)}")
    known = {pair: peak for pair, peak in peaks.items() if not math.isnan(peak.value)}
    _check_pairs(known, channels)
    if lonely := sorted(set(channels) - _connected(known, reference)):
        raise ValueError(
            f"channels {lonely} are not connected with channel {reference} by any peak found; "
            "count longer, search a wider range, or leave them out"
        )
    free = [channel for channel in dict.fromkeys(channels) if channel != reference]
    design = np.array([[(c == b) - (c == a) for c in free] for a, b in known], dtype=np.float64)
    design = design.reshape(len(known), len(free))
    sigmas = np.array([peak.sigma for peak in known.values()])
    wanted = np.array([peak.value for peak in known.values()]) / sigmas
    weighted = design / sigmas[:, None]
    covariance: NDArray[Any] = np.linalg.inv(weighted.T @ weighted)
    solution = covariance @ (weighted.T @ wanted)
    found = {
        channel: Estimate(float(solution[k]), math.sqrt(covariance[k, k]), "ps")
        for k, channel in enumerate(free)
    }
    delays = {c: found.get(c, Estimate(0.0, 0.0, "ps")) for c in dict.fromkeys(channels)}
    chi2 = float(np.sum((wanted - weighted @ solution) ** 2))
    return ChannelDelays(delays, chi2, len(known) - len(free))


def _check_pairs(peaks: Mapping[tuple[int, int], Estimate], channels: Sequence[int]) -> None:
    for (a, b), peak in peaks.items():
        if a not in channels or b not in channels or a == b:
            raise ValueError(f"pair ({a}, {b}) is not two of the channels {list(channels)}")
        if not 0 < peak.sigma < math.inf:
            raise ValueError(f"pair ({a}, {b}): sigma = {peak.sigma} ps is not positive and finite")


def _connected(pairs: Mapping[tuple[int, int], Estimate], start: int) -> set[int]:
    """Return all channels that pairs connect with `start`."""
    reached, grown = {start}, True
    while grown:
        more = {c for pair in pairs if reached & set(pair) for c in pair} - reached
        reached, grown = reached | more, bool(more)
    return reached
