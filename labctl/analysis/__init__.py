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
    from labctl.analysis.bell import (
        CLASSICAL_BOUND,
        TSIRELSON_BOUND,
        chsh,
        correlation_from_rates,
        correlation_value,
        exceeds_tsirelson,
        setting_rate,
        tsirelson_warning,
        unswapped_rates,
    )
    from labctl.analysis.block_merging import StreamMerger
    from labctl.analysis.bundle import LiveBundle, LiveCounts
    from labctl.analysis.coincidences import (
        MatrixAnalyzer,
        PairAnalyzer,
        coincidence_matrix,
        count_pairs,
    )
    from labctl.analysis.correlation import CorrelationAnalyzer, cross_correlation
    from labctl.analysis.dead_time import live_fraction, without_dead_time
    from labctl.analysis.delayed import DelayedAccidentalsAnalyzer, delayed_accidentals
    from labctl.analysis.delays import ChannelDelays, channel_delays
    from labctl.analysis.estimate import Estimate, poisson_sigma, quadrature
    from labctl.analysis.fold_results import FoldCounts, HeraldedG2, StartStop, SyncHistogram
    from labctl.analysis.folds import FoldAnalyzer, fold_counts
    from labctl.analysis.gating import GateAnalyzer, GatedTags, gate
    from labctl.analysis.heralded import HeraldedG2Analyzer, heralded_g2
    from labctl.analysis.merging import MergedTags, merge
    from labctl.analysis.pair_statistics import accidentals, car, heralding
    from labctl.analysis.pairing import PairedTags, PairUpAnalyzer, pair_up
    from labctl.analysis.peak_fit import PeakFit, fit_peak
    from labctl.analysis.peaks import Peak, find_peak
    from labctl.analysis.rates import RateAnalyzer, count_rates
    from labctl.analysis.results import (
        CoincidenceMatrix,
        Convention,
        Correlation,
        PairCounts,
        Rates,
    )
    from labctl.analysis.sorting import BoundedSorter, SortedTags, sort_bounded
    from labctl.analysis.splitting import TagPart, split_for_threads
    from labctl.analysis.start_stop_times import StartStopAnalyzer, start_stop
    from labctl.analysis.sync_times import SyncHistogramAnalyzer, sync_histogram
    from labctl.analysis.virtual import (
        Coincidence,
        Delayed,
        Divided,
        Gated,
        VirtualChannels,
        VirtualSpec,
        VirtualTags,
        with_virtual,
    )
    from labctl.analysis.visibility import Fringe, contrast, fit_fringe
    from labctl.analysis.windows import bin_warning, effective_window_ps, window_warning

__all__ = [
    "CLASSICAL_BOUND",
    "TSIRELSON_BOUND",
    "BoundedSorter",
    "ChannelDelays",
    "Coincidence",
    "CoincidenceMatrix",
    "Convention",
    "Correlation",
    "CorrelationAnalyzer",
    "Delayed",
    "DelayedAccidentalsAnalyzer",
    "Divided",
    "Estimate",
    "FoldAnalyzer",
    "FoldCounts",
    "Fringe",
    "GateAnalyzer",
    "Gated",
    "GatedTags",
    "HeraldedG2",
    "HeraldedG2Analyzer",
    "LiveBundle",
    "LiveCounts",
    "MatrixAnalyzer",
    "MergedTags",
    "PairAnalyzer",
    "PairCounts",
    "PairUpAnalyzer",
    "PairedTags",
    "Peak",
    "PeakFit",
    "RateAnalyzer",
    "Rates",
    "SortedTags",
    "StartStop",
    "StartStopAnalyzer",
    "StreamMerger",
    "SyncHistogram",
    "SyncHistogramAnalyzer",
    "TagPart",
    "VirtualChannels",
    "VirtualSpec",
    "VirtualTags",
    "accidentals",
    "bin_warning",
    "car",
    "channel_delays",
    "chsh",
    "coincidence_matrix",
    "contrast",
    "correlation_from_rates",
    "correlation_value",
    "count_pairs",
    "count_rates",
    "cross_correlation",
    "delayed_accidentals",
    "effective_window_ps",
    "exceeds_tsirelson",
    "find_peak",
    "fit_fringe",
    "fit_peak",
    "fold_counts",
    "gate",
    "heralded_g2",
    "heralding",
    "live_fraction",
    "merge",
    "pair_up",
    "poisson_sigma",
    "quadrature",
    "setting_rate",
    "sort_bounded",
    "split_for_threads",
    "start_stop",
    "sync_histogram",
    "tsirelson_warning",
    "unswapped_rates",
    "window_warning",
    "with_virtual",
    "without_dead_time",
]

_MODULES = {
    "bell": (
        "CLASSICAL_BOUND",
        "TSIRELSON_BOUND",
        "chsh",
        "correlation_from_rates",
        "correlation_value",
        "exceeds_tsirelson",
        "setting_rate",
        "tsirelson_warning",
        "unswapped_rates",
    ),
    "block_merging": ("StreamMerger",),
    "bundle": ("LiveBundle", "LiveCounts"),
    "delays": ("ChannelDelays", "channel_delays"),
    "peak_fit": ("PeakFit", "fit_peak"),
    "peaks": ("Peak", "find_peak"),
    "visibility": ("Fringe", "contrast", "fit_fringe"),
    "pair_statistics": ("accidentals", "car", "heralding"),
    "coincidences": ("MatrixAnalyzer", "PairAnalyzer", "coincidence_matrix", "count_pairs"),
    "correlation": ("CorrelationAnalyzer", "cross_correlation"),
    "dead_time": ("live_fraction", "without_dead_time"),
    "delayed": ("DelayedAccidentalsAnalyzer", "delayed_accidentals"),
    "estimate": ("Estimate", "poisson_sigma", "quadrature"),
    "fold_results": ("FoldCounts", "HeraldedG2", "StartStop", "SyncHistogram"),
    "folds": ("FoldAnalyzer", "fold_counts"),
    "heralded": ("HeraldedG2Analyzer", "heralded_g2"),
    "start_stop_times": ("StartStopAnalyzer", "start_stop"),
    "sync_times": ("SyncHistogramAnalyzer", "sync_histogram"),
    "splitting": ("TagPart", "split_for_threads"),
    "rates": ("RateAnalyzer", "count_rates"),
    "results": ("CoincidenceMatrix", "Convention", "Correlation", "PairCounts", "Rates"),
    "gating": ("GateAnalyzer", "GatedTags", "gate"),
    "merging": ("MergedTags", "merge"),
    "pairing": ("PairUpAnalyzer", "PairedTags", "pair_up"),
    "sorting": ("BoundedSorter", "SortedTags", "sort_bounded"),
    "virtual": (
        "Coincidence",
        "Delayed",
        "Divided",
        "Gated",
        "VirtualChannels",
        "VirtualSpec",
        "VirtualTags",
        "with_virtual",
    ),
    "windows": ("bin_warning", "effective_window_ps", "window_warning"),
}
__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
