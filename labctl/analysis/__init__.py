"""Counting and statistics of time tags: pure functions and streaming analyzers.

No clocks, threads or I/O. Every count states its convention: `all_pairs` is the default because
it does not depend on the order of tags and adds up over blocks; `greedy_one_to_one` serves
sifting, where a detection may be used once. One-shot functions are the analyzers over one block,
so live and offline counts are the same numbers.

An analyzer counts within stretches without a gap. A block with losses contributes neither tags
nor live time, and nothing pairs across it. Delays are subtracted by holding tags back until
nothing earlier can come: from some hundred nanoseconds on a stream is sorted, at a cost that
does not depend on the delays, and a result in mid-stream includes what is held.

Names are loaded on first use and numba when counting starts, so importing this package, or an
analyzer's class, stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.analysis.coincidences import (
        MatrixAnalyzer,
        PairAnalyzer,
        coincidence_matrix,
        count_pairs,
    )
    from labctl.analysis.correlation import CorrelationAnalyzer, cross_correlation
    from labctl.analysis.delayed import DelayedAccidentalsAnalyzer, delayed_accidentals
    from labctl.analysis.estimate import Estimate, poisson_sigma, quadrature
    from labctl.analysis.pair_statistics import accidentals, car, heralding
    from labctl.analysis.rates import RateAnalyzer, count_rates
    from labctl.analysis.results import (
        CoincidenceMatrix,
        Convention,
        Correlation,
        PairCounts,
        Rates,
    )
    from labctl.analysis.windows import bin_warning, effective_window_ps, window_warning

__all__ = [
    "CoincidenceMatrix",
    "Convention",
    "Correlation",
    "CorrelationAnalyzer",
    "DelayedAccidentalsAnalyzer",
    "Estimate",
    "MatrixAnalyzer",
    "PairAnalyzer",
    "PairCounts",
    "RateAnalyzer",
    "Rates",
    "accidentals",
    "bin_warning",
    "car",
    "coincidence_matrix",
    "count_pairs",
    "count_rates",
    "cross_correlation",
    "delayed_accidentals",
    "effective_window_ps",
    "heralding",
    "poisson_sigma",
    "quadrature",
    "window_warning",
]

_MODULES = {
    "pair_statistics": ("accidentals", "car", "heralding"),
    "coincidences": ("MatrixAnalyzer", "PairAnalyzer", "coincidence_matrix", "count_pairs"),
    "correlation": ("CorrelationAnalyzer", "cross_correlation"),
    "delayed": ("DelayedAccidentalsAnalyzer", "delayed_accidentals"),
    "estimate": ("Estimate", "poisson_sigma", "quadrature"),
    "rates": ("RateAnalyzer", "count_rates"),
    "results": ("CoincidenceMatrix", "Convention", "Correlation", "PairCounts", "Rates"),
    "windows": ("bin_warning", "effective_window_ps", "window_warning"),
}
__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
