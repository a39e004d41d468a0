"""Live counts of one tag stream by the names of the bench: rates, coincidences, histograms."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import LiveBundle, LiveCounts, accidentals
from labctl.analysis.estimate import poisson_sigma
from labctl.errors import LimitError
from labctl.lab import Bench, Detector
from labctl.runs.live_histograms import Begun, finite, told_histograms
from labctl.runs.live_settings import LiveSettings, between_stations, settings_for
from labctl.tags import TagBlock, TimeTagger

__all__ = ["LiveSettings", "LiveStream", "between_stations", "settings_for"]

#: An interval slides in no more steps than these, so that a long one takes no memory.
_MARKS: Final = 200


@dataclass(frozen=True, slots=True)
class _Mark:
    """Sums of the stream up to some moment; coincidences since the window was chosen."""

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
        self._tagger = tagger
        self._detectors = [d for d in bench.detectors.values() if d.tagger == tagger.name]
        self._by_name = {detector.name: detector for detector in self._detectors}
        self._shown = between_stations(bench, tagger.name)
        self._channels_of(settings)
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Begin all counts anew."""
        n_channels = max(self._tagger.channels) + 1
        delays_ps = np.zeros(n_channels, dtype=np.int64)
        for detector in self._detectors:
            delays_ps[detector.channel] = detector.delay_ps
        channels = self._channels_of(self.settings)
        self._delays_ps = delays_ps
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
        first = _Mark(0.0, 0, empty, np.zeros((n_channels, n_channels), np.int64))
        self._marks = deque([first])
        self._window_mark = first
        self._begun = dict.fromkeys(channels, Begun(0.0, empty))
        self._window_chosen_s: float | None = None
        self._bins_chosen_s: float | None = None
        self._latest: LiveCounts | None = None

    def configure(self, settings: LiveSettings) -> None:
        """Count by these settings from now on; only what depends on a change begins anew.

        Another window begins the coincidences, another range or other bins all histograms, and
        a pair that is new its own. Another interval begins nothing.

        Raises:
            LimitError: a pair names a detector that is not on this tagger.
        """
        channels = self._channels_of(settings)
        former, self.settings = self.settings, settings
        if settings.window_full_ps != former.window_full_ps:
            self.advance()
            self._bundle.choose_window(settings.window_full_ps)
            last = self._marks[-1]
            self._window_mark = replace(last, coincidences=np.zeros_like(last.coincidences))
            self._marks[-1] = self._window_mark
            self._window_chosen_s = last.live_s
        has_new_bins = (settings.range_ps, settings.bin_ps) != (former.range_ps, former.bin_ps)
        if has_new_bins or settings.pairs != former.pairs:
            rates = self._bundle.result().rates
            self._bundle.choose_histograms(
                np.array(channels, dtype=np.int64).reshape(-1, 2),
                settings.range_ps,
                settings.bin_ps,
            )
            now = Begun(rates.live_s, rates.counts)
            kept = {} if has_new_bins else self._begun
            self._begun = {pair: kept.get(pair, now) for pair in channels}
            if has_new_bins:
                self._bins_chosen_s = rates.live_s
        self._latest = None if self._latest is None else self._bundle.result()

    def interrupt(self) -> None:
        """Let rates and coincidences begin anew after a stretch that was not seen."""
        self._marks = deque([self._marks[-1]])

    def update(self, block: TagBlock) -> None:
        """Count a block."""
        self._bundle.update(block)

    def advance(self) -> None:
        """Close the interval that slides; `rates`, `matrix` and `histogram` tell of its end."""
        counts = self._bundle.result()
        live_s = counts.rates.live_s
        interval_s = self.settings.interval_s
        mark = _Mark(live_s, counts.rates.lost, counts.rates.counts, counts.matrix.counts)
        if len(self._marks) > 1 and live_s - self._marks[-2].live_s < interval_s / _MARKS:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)
        # One mark from before the interval stays: the sums at its beginning.
        while len(self._marks) > 2 and live_s - self._marks[1].live_s >= interval_s:  # noqa: PLR2004  the beginning and the end
            self._marks.popleft()
        self._latest = counts

    def rates(self) -> dict[str, Any]:
        """Return the rates of detectors and of pairs between stations, with uncertainties."""
        first, last = self._marks[0], self._marks[-1]
        live_s = last.live_s - first.live_s
        singles = last.singles - first.singles
        first = self._first_of_pairs()
        of_pairs = _Sums(
            last.live_s - first.live_s,
            last.singles - first.singles,
            last.coincidences - first.coincidences,
            None if self._latest is None else self._latest.matrix.window_effective_ps,
        )
        return {
            "live_s": live_s,
            "lost": last.lost - self._marks[0].lost,
            "lost_total": last.lost,
            "window_age_s": self._age_s(self._window_chosen_s),
            "detectors": {
                d.name: {"channel": d.channel, **_rate(int(singles[d.channel]), live_s)}
                for d in self._detectors
            },
            "pairs": {f"{a.name}-{b.name}": of_pairs.pair(a, b) for a, b in self._shown},
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
        first, last = self._first_of_pairs(), self._marks[-1]
        channels = [detector.channel for detector in self._detectors]
        counts = (last.coincidences - first.coincidences)[np.ix_(channels, channels)]
        return {
            "names": [detector.name for detector in self._detectors],
            "counts": counts.tolist(),
            "live_s": last.live_s - first.live_s,
            "window_full_ps": self.settings.window_full_ps,
            "window_age_s": self._age_s(self._window_chosen_s),
            "resolution_ps": self._tagger.resolution_ps,
            "convention": "all_pairs",
        }

    def histogram(self) -> dict[str, Any]:
        """Return the histograms since each was begun, with fitted peaks; empty before `advance`.

        `live_s` and `singles` are those of the time that each was counted.
        """
        if self._latest is None:
            return {}
        rates = self._latest.rates
        begun = [self._begun[pair] for pair in self._latest.correlation.pairs]
        return {
            "live_s": rates.live_s,
            "bins_age_s": self._age_s(self._bins_chosen_s),
            "pairs": [f"{a}-{b}" for a, b in self.settings.pairs],
            **told_histograms(
                self._latest.correlation, rates, begun, self._delays_ps, self._tagger.resolution_ps
            ),
        }

    def _channels_of(self, settings: LiveSettings) -> list[tuple[int, int]]:
        for name in (name for pair in settings.pairs for name in pair):
            if name not in self._by_name:
                known = ", ".join(self._by_name) or "none"
                raise LimitError(
                    f'"{name}" is no detector of {self._tagger.name}; known are: {known}'
                )
        return [(self._by_name[a].channel, self._by_name[b].channel) for a, b in settings.pairs]

    def _first_of_pairs(self) -> _Mark:
        """Return the beginning of the interval of coincidences: none before the window was."""
        first = self._marks[0]
        return first if first.live_s > self._window_mark.live_s else self._window_mark

    def _age_s(self, chosen_s: float | None) -> float | None:
        """Return how much live time has gone by since something was chosen."""
        return None if chosen_s is None else self._marks[-1].live_s - chosen_s


@dataclass(frozen=True, slots=True)
class _Sums:
    """Tags and coincidences of an interval; no window before the first result."""

    live_s: float
    singles: NDArray[np.int64]
    coincidences: NDArray[np.int64]
    windows_ps: NDArray[np.int64] | None

    def pair(self, a: Detector, b: Detector) -> dict[str, Any]:
        """Return the rate of a pair and its accidentals, with uncertainties."""
        at = (a.channel, b.channel)
        width_ps = 0 if self.windows_ps is None else int(self.windows_ps[at])
        singles = int(self.singles[a.channel]), int(self.singles[b.channel])
        chance = accidentals(*singles, self.live_s, width_ps)
        per_s = 1 / self.live_s if self.live_s > 0 else math.nan
        return {
            **_rate(int(self.coincidences[at]), self.live_s),
            "accidentals_hz": finite(chance.value * per_s),
            "accidentals_sigma_hz": finite(chance.sigma * per_s),
        }


def _rate(count: int, live_s: float) -> dict[str, float | None]:
    per_s = 1 / live_s if live_s > 0 else math.nan
    return {
        "rate_hz": finite(count * per_s),
        "sigma_hz": finite(poisson_sigma(float(count)) * per_s),
    }
