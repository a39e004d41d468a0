"""Counts a tag file in one pass over its blocks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import (
    Convention,
    Correlation,
    CorrelationAnalyzer,
    PairAnalyzer,
    RateAnalyzer,
    accidentals,
    window_warning,
)
from labctl.errors import LimitError
from labctl.tags.formats import TagSource

__all__ = ["correlate_file", "count_file"]

#: A second: more is a slip, and all pairs within it would never be counted.
_LONGEST_PS = 10**12


def count_file(
    source: TagSource,
    pairs: list[tuple[int, int]] | None,
    window_full_ps: int,
    convention: Convention,
    delays_ps: dict[int, int],
) -> dict[str, Any]:
    """Return singles and coincidences of a file; all pairs of channels in use if none is named.

    The duration is the time from the first tag to the last.

    Raises:
        LimitError: an unknown channel, a pair of one channel with itself, a window that is not
            positive, a window or a delay of more than a second.
    """
    _check_times(window_full_ps, delays_ps)
    for a, b in pairs or ():
        if a == b:
            raise LimitError(f"--pairs: {a}-{b} names one channel twice")
    rates, span_ps = _count_singles(source)
    used = _used_channels(rates, pairs or [], delays_ps)
    chosen = pairs if pairs is not None else list(combinations(used, 2))
    duration_s = span_ps * 1e-12
    per_s = 1 / duration_s if duration_s else float("nan")
    delays = _delay_of_each(source, delays_ps)
    counted = _count_pairs(source, chosen, window_full_ps, convention, delays)
    warnings = list(source.warnings)
    if warning := window_warning(window_full_ps, source.resolution_ps):
        warnings.append(warning)
    return {
        "path": str(source.path),
        "format": source.format_name,
        "tags": int(rates.sum()),
        "duration_s": duration_s,
        "steps_backward": source.disorder.steps_backward,
        "largest_step_backward_ps": source.disorder.largest_ps,
        "convention": convention,
        "window_full_ps": window_full_ps,
        "singles": [
            {
                "channel": channel,
                "counts": int(rates[channel]),
                "rate_hz": float(rates[channel]) * per_s,
                "rate_sigma_hz": float(rates[channel]) ** 0.5 * per_s,
            }
            for channel in used
        ],
        "pairs": [
            _pair_row(pair, row, counted, rates, duration_s) for row, pair in enumerate(chosen)
        ],
        "warnings": warnings,
    }


def _count_singles(source: TagSource) -> tuple[Any, int]:
    analyzer = RateAnalyzer(source.n_channels)
    first_ps: int | None = None
    last_ps = 0
    for block in source.blocks():
        analyzer.update(block)
        if len(block):
            first_ps = int(block.times_ps[0]) if first_ps is None else first_ps
            last_ps = int(block.times_ps[-1])
    return analyzer.result().counts, last_ps - first_ps if first_ps is not None else 0


def _check_times(window_full_ps: int, delays_ps: dict[int, int]) -> None:
    if window_full_ps <= 0:
        raise LimitError(
            f"--window-full-ps {window_full_ps} is not positive; give the full width in ps"
        )
    if window_full_ps > _LONGEST_PS:
        raise LimitError(f"--window-full-ps {window_full_ps} is more than a second (10^12 ps)")
    for channel, delay_ps in delays_ps.items():
        if abs(delay_ps) > _LONGEST_PS:
            raise LimitError(f"--delays {channel}={delay_ps} is more than a second (10^12 ps)")


def correlate_file(
    source: TagSource,
    pairs: list[tuple[int, int]],
    range_ps: int,
    bin_ps: int,
    delays_ps: dict[int, int],
) -> Correlation:
    """Return the histograms of lags of the pairs, in one pass.

    Raises:
        LimitError: an unknown channel, or bins that do not fit the range.
    """
    rates, _ = _count_singles(source)
    _used_channels(rates, pairs, delays_ps)
    delays = _delay_of_each(source, delays_ps)
    try:
        analyzer = CorrelationAnalyzer(source.n_channels, pairs, range_ps, bin_ps, delays)
    except ValueError as error:
        raise LimitError(f"the histogram cannot be made: {error}") from error
    for block in source.blocks():
        analyzer.update(block)
    return analyzer.result()


def _used_channels(
    rates: Any, pairs: list[tuple[int, int]], delays_ps: dict[int, int]
) -> list[int]:
    """Return the channels with tags, refusing named ones without."""
    used = [int(channel) for channel in np.flatnonzero(rates)]
    for channel in [*(c for pair in pairs for c in pair), *delays_ps]:
        if channel not in used:
            raise LimitError(
                f"channel {channel} has no tags in this file; "
                f"channels here: {', '.join(map(str, used)) or 'none'}"
            )
    return used


def _delay_of_each(source: TagSource, delays_ps: dict[int, int]) -> NDArray[np.int64]:
    delays = np.zeros(source.n_channels, dtype=np.int64)
    for channel, delay in delays_ps.items():
        delays[channel] = delay
    return delays


def _count_pairs(
    source: TagSource,
    pairs: list[tuple[int, int]],
    window_full_ps: int,
    convention: Convention,
    delays_ps: Any,
) -> Any:
    if not pairs:
        return None
    analyzer = PairAnalyzer(
        source.n_channels,
        pairs,
        window_full_ps,
        delays_ps,
        convention=convention,
        resolution_ps=source.resolution_ps,
    )
    for block in source.blocks():
        analyzer.update(block)
    return analyzer.result()


def _pair_row(
    pair: tuple[int, int], row: int, counted: Any, rates: Any, duration_s: float
) -> dict[str, Any]:
    a, b = pair
    width_ps = int(counted.window_effective_ps[row])
    expected = accidentals(int(rates[a]), int(rates[b]), duration_s, width_ps)
    return {
        "pair": f"{a}-{b}",
        "coincidences": int(counted.counts[row]),
        "coincidences_sigma": float(counted.sigma[row]),
        "accidentals": expected.value,
        "accidentals_sigma": expected.sigma,
        "window_effective_ps": width_ps,
    }
