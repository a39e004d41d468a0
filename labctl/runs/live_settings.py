"""What a live display counts: pairs, window, histograms and interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from labctl.errors import LimitError
from labctl.lab import Bench, Detector
from labctl.tags import TimeTagger

__all__ = ["LiveSettings", "between_stations", "settings_for"]

#: Histograms of more pairs are no live display any more, and each costs time per tag.
MAX_PAIRS: Final = 16
MAX_BINS: Final = 4001
_BINS_PER_SIDE: Final = 100
_BINS_PER_WINDOW: Final = 20


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What a live display counts on one tagger.

    Attributes:
        pairs: detectors (a, b) whose lags t_b - t_a are histogrammed.
        window_full_ps: full width of the coincidence window.
        range_ps: largest bin center of the histograms, on either side.
        bin_ps: width of their bins.
        interval_s: rates and coincidences are those of the newest so many live seconds.
    """

    pairs: tuple[tuple[str, str], ...]
    window_full_ps: int
    range_ps: int
    bin_ps: int
    interval_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("window_full_ps", "range_ps", "bin_ps", "interval_s"):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                raise LimitError(f"{name} = {value:g} is not above 0")
        if len(self.pairs) > MAX_PAIRS:
            raise LimitError(f"{len(self.pairs)} histograms are more than {MAX_PAIRS}")
        n_bins = 2 * (self.range_ps // self.bin_ps) + 1
        if n_bins > MAX_BINS:
            raise LimitError(
                f"range_ps = {self.range_ps} in bins of {self.bin_ps} ps gives {n_bins} bins, "
                f"more than {MAX_BINS}; choose wider bins or a shorter range"
            )


def settings_for(bench: Bench, tagger: TimeTagger) -> LiveSettings:
    """Return the settings to begin with: the bench's window, all pairs between stations."""
    window_ps = bench.config.coincidences.window_full_ps
    step_ps = tagger.resolution_ps
    bin_ps = step_ps * max(1, window_ps // (_BINS_PER_WINDOW * step_ps))
    pairs = tuple((a.name, b.name) for a, b in between_stations(bench, tagger.name))[:MAX_PAIRS]
    return LiveSettings(pairs, window_ps, _BINS_PER_SIDE * bin_ps, bin_ps)


def between_stations(bench: Bench, tagger: str) -> list[tuple[Detector, Detector]]:
    """Return the pairs of detectors of different stations; without stations, all pairs."""
    stations = [station.detectors for station in bench.stations.values()]
    between = [(a, b) for one, other in combinations(stations, 2) for a in one for b in other]
    pairs = between or list(combinations(bench.detectors.values(), 2))
    return [(a, b) for a, b in pairs if a.tagger == b.tagger == tagger]
