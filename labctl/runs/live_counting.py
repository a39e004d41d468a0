"""Live counts of one tag stream by the names of the bench: rates, coincidences, histograms."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import Correlation, LiveBundle, LiveCounts, accidentals, find_peak
from labctl.analysis.estimate import Estimate, poisson_sigma
from labctl.errors import LimitError
from labctl.lab import Bench, Detector
from labctl.tags import TagBlock, TimeTagger

__all__ = ["LiveSettings", "LiveStream", "between_stations", "settings_for"]

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


@dataclass(frozen=True, slots=True)
class _Mark:
    """Sums of the stream up to some moment."""

    live_s: float
    lost: int
    singles: NDArray[np.int64]
    coincidences: NDArray[np.int64]


class LiveStream:
    """Counts one tagger's blocks and tells rates, coincidences and histograms by name.

    Owned by one thread. Rates and coincidences slide over `interval_s`; histograms add up until
    `reset`. Convention `all_pairs`, delays of the bench subtracted.

    Raises:
        LimitError: a pair names a detector that is not on this tagger.
    """

    def __init__(self, bench: Bench, tagger: TimeTagger, settings: LiveSettings) -> None:
        self.settings = settings
        self._tagger = tagger
        self._detectors = [d for d in bench.detectors.values() if d.tagger == tagger.name]
        self._by_name = {detector.name: detector for detector in self._detectors}
        self._shown = between_stations(bench, tagger.name)
        for name in (name for pair in settings.pairs for name in pair):
            if name not in self._by_name:
                known = ", ".join(self._by_name) or "none"
                raise LimitError(f'"{name}" is no detector of {tagger.name}; known are: {known}')
        self.reset()

    def reset(self) -> None:
        """Begin all counts anew."""
        n_channels = max(self._tagger.channels) + 1
        delays_ps = np.zeros(n_channels, dtype=np.int64)
        for detector in self._detectors:
            delays_ps[detector.channel] = detector.delay_ps
        channels = [
            (self._by_name[a].channel, self._by_name[b].channel) for a, b in self.settings.pairs
        ]
        self._bundle = LiveBundle(
            n_channels,
            self.settings.window_full_ps,
            np.array(channels, dtype=np.int64).reshape(-1, 2),
            self.settings.range_ps,
            self.settings.bin_ps,
            delays_ps,
            self._tagger.resolution_ps,
        )
        empty = np.zeros(n_channels, dtype=np.int64)
        self._marks = deque([_Mark(0.0, 0, empty, np.zeros((n_channels, n_channels), np.int64))])
        self._latest: LiveCounts | None = None

    def update(self, block: TagBlock) -> None:
        """Count a block."""
        self._bundle.update(block)

    def advance(self) -> None:
        """Close the interval that slides; `rates`, `matrix` and `histogram` tell of its end."""
        counts = self._bundle.result()
        live_s = counts.rates.live_s
        self._marks.append(
            _Mark(live_s, counts.rates.lost, counts.rates.counts, counts.matrix.counts)
        )
        # One mark from before the interval stays: the sums at its beginning.
        while len(self._marks) > 2 and live_s - self._marks[1].live_s >= self.settings.interval_s:  # noqa: PLR2004  the beginning and the end
            self._marks.popleft()
        self._latest = counts

    def rates(self) -> dict[str, Any]:
        """Return the rates of detectors and of pairs between stations, with uncertainties."""
        first, last = self._marks[0], self._marks[-1]
        live_s = last.live_s - first.live_s
        singles = last.singles - first.singles
        return {
            "live_s": live_s,
            "lost": last.lost - first.lost,
            "lost_total": last.lost,
            "detectors": {
                d.name: {"channel": d.channel, **_rate(int(singles[d.channel]), live_s)}
                for d in self._detectors
            },
            "pairs": {
                f"{a.name}-{b.name}": self._pair(a, b, singles, live_s) for a, b in self._shown
            },
        }

    def rates_hz(self) -> dict[str, float]:
        """Return the rate of each detector in the interval; absent without live time."""
        first, last = self._marks[0], self._marks[-1]
        live_s = last.live_s - first.live_s
        if live_s <= 0:
            return {}
        singles = last.singles - first.singles
        return {d.name: float(singles[d.channel]) / live_s for d in self._detectors}

    def matrix(self) -> dict[str, Any]:
        """Return the coincidences of all pairs of detectors in the interval that slides."""
        first, last = self._marks[0], self._marks[-1]
        channels = [detector.channel for detector in self._detectors]
        counts = (last.coincidences - first.coincidences)[np.ix_(channels, channels)]
        return {
            "names": [detector.name for detector in self._detectors],
            "counts": counts.tolist(),
            "live_s": last.live_s - first.live_s,
            "window_full_ps": self.settings.window_full_ps,
            "resolution_ps": self._tagger.resolution_ps,
            "convention": "all_pairs",
        }

    def histogram(self) -> dict[str, Any]:
        """Return the histograms since the beginning, with their peaks; empty before `advance`."""
        if self._latest is None:
            return {}
        correlation, rates = self._latest.correlation, self._latest.rates
        names = [f"{a}-{b}" for a, b in self.settings.pairs]
        expected = [
            accidentals(
                int(rates.counts[a]), int(rates.counts[b]), rates.live_s, correlation.bin_ps
            ).value
            for a, b in correlation.pairs
        ]
        return {
            "pairs": names,
            "first_lag_ps": int(correlation.lags_ps[0]),
            "bin_ps": correlation.bin_ps,
            "counts": correlation.counts.tolist(),
            "live_s": rates.live_s,
            "resolution_ps": self._tagger.resolution_ps,
            "singles": [[int(rates.counts[a]), int(rates.counts[b])] for a, b in correlation.pairs],
            "accidentals_per_bin": [_finite(value) for value in expected],
            "peaks": [self._peak(correlation, row) for row in range(len(names))],
        }

    def _pair(
        self, a: Detector, b: Detector, singles: NDArray[np.int64], live_s: float
    ) -> dict[str, Any]:
        first, last = self._marks[0], self._marks[-1]
        at = (a.channel, b.channel)
        count = int(last.coincidences[at] - first.coincidences[at])
        width_ps = self.settings.window_full_ps
        if self._latest is not None:
            width_ps = int(self._latest.matrix.window_effective_ps[at])
        chance = accidentals(int(singles[a.channel]), int(singles[b.channel]), live_s, width_ps)
        per_s = 1 / live_s if live_s > 0 else math.nan
        return {
            **_rate(count, live_s),
            "accidentals_hz": _finite(chance.value * per_s),
            "accidentals_sigma_hz": _finite(chance.sigma * per_s),
        }

    def _peak(self, correlation: Correlation, row: int) -> dict[str, Any] | None:
        try:
            peak = find_peak(
                correlation.counts[row],
                correlation.lags_ps,
                correlation.bin_ps,
                resolution_ps=self._tagger.resolution_ps,
            )
        except ValueError:
            # The histogram is too short to have bins beside its peak; it is shown without.
            return None
        if not peak.is_found:
            return None
        return {
            "position_ps": _estimate(peak.position),
            "fwhm_ps": _estimate(peak.fwhm),
            "counts": _estimate(peak.counts),
            "background": _estimate(peak.background),
            "significance": _finite(peak.significance),
        }


def _rate(count: int, live_s: float) -> dict[str, float | None]:
    per_s = 1 / live_s if live_s > 0 else math.nan
    return {
        "rate_hz": _finite(count * per_s),
        "sigma_hz": _finite(poisson_sigma(float(count)) * per_s),
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": _finite(estimate.value), "sigma": _finite(estimate.sigma)}


def _finite(value: float) -> float | None:
    """Return the value as JSON allows it, where infinity and nan do not exist."""
    return float(value) if math.isfinite(value) else None
