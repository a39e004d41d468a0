"""Which detectors, channels, window and delays a coincidence experiment works with."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import CorrelationAnalyzer, Estimate, effective_window_ps
from labctl.errors import ConfigError
from labctl.lab import Bench, Detector, Station
from labctl.tags import TagPump

__all__ = [
    "TURN_S",
    "PairSetup",
    "estimate_dict",
    "named_pairs",
    "pairs_between",
    "split_words",
    "stations_with_plates",
]

#: About how long a mount takes from one setting to the next, some 20°: two seconds at the K10CR1's
#: 10 °/s, and one more to speed up and brake.
TURN_S = 3.0


class PairSetup:
    """Pairs of detectors on one tagger, with the window and delays to count them.

    Attributes:
        pairs: the pairs, in the order asked for.
        detectors: every detector of them once, in the bench's order.
        pump: the tag stream that carries them all.
        delays_ps: int64 (n_channels,), subtracted before counting.
    """

    def __init__(
        self, bench: Bench, pairs: list[tuple[Detector, Detector]], window_full_ps: int | None
    ) -> None:
        self.pairs = pairs
        used = {detector.name for pair in pairs for detector in pair}
        self.detectors = [d for d in bench.detectors.values() if d.name in used]
        self.pump: TagPump = bench.pump_of(self.detectors)
        self.window_full_ps = window_full_ps or bench.config.coincidences.window_full_ps
        self.n_channels = max(self.pump.tagger.channels) + 1
        self.resolution_ps = self.pump.tagger.resolution_ps
        self.delays_ps: NDArray[np.int64] = np.zeros(self.n_channels, dtype=np.int64)
        for detector in self.detectors:
            self.delays_ps[detector.channel] = detector.delay_ps

    @property
    def channel_pairs(self) -> list[tuple[int, int]]:
        """The pairs as channel numbers."""
        return [(a.channel, b.channel) for a, b in self.pairs]

    def effective_window_ps(self, a: Detector, b: Detector) -> int:
        """Return the width that the tagger's steps accept for this pair's delays."""
        difference_ps = int(self.delays_ps[a.channel] - self.delays_ps[b.channel])
        return effective_window_ps(self.window_full_ps, self.resolution_ps, difference_ps)

    def correlator(self, range_ps: int) -> CorrelationAnalyzer:
        """Return a histogrammer of all pairs' lags, in bins of the tagger's steps.

        A fine tagger's bins are a sixtieth of the window: enough to see the peak's shape.
        """
        return CorrelationAnalyzer(
            self.n_channels, self.channel_pairs, range_ps, self.bin_ps, self.delays_ps
        )

    @property
    def bin_ps(self) -> int:
        """Width of the bins of `correlator`, a multiple of the tagger's resolution."""
        steps = max(1, self.window_full_ps // (60 * self.resolution_ps))
        return steps * self.resolution_ps


def pairs_between(bench: Bench) -> list[tuple[Detector, Detector]]:
    """Return all pairs of detectors of different stations; without stations, all pairs."""
    stations = [station.detectors for station in bench.stations.values()]
    between = [(a, b) for one, other in combinations(stations, 2) for a in one for b in other]
    return between or list(combinations(bench.detectors.values(), 2))


def stations_with_plates(
    bench: Bench, names: tuple[str, ...], experiment: str
) -> tuple[Station, Station]:
    """Return the two stations that are named, by default the first two with a half-wave plate.

    Raises:
        ConfigError: unknown names, or fewer than two stations with a plate.
    """
    chosen = names or tuple(s.name for s in bench.stations.values() if s.rotator is not None)
    if len(chosen) < 2:  # noqa: PLR2004  Alice and Bob
        raise ConfigError(
            f"{experiment} needs two stations with a half-wave plate; the bench has "
            f"{', '.join(chosen) or 'none'}",
            hint="Write rotator = ... in two [stations.NAME] tables.",
        )
    return bench.station(chosen[0]), bench.station(chosen[1])


def named_pairs(bench: Bench, names: tuple[str, ...]) -> list[tuple[Detector, Detector]]:
    """Return the pairs written as alice_h-bob_h or 1-3; all between stations for none.

    Raises:
        ConfigError: a word is no pair of two detectors of the bench.
    """
    pairs = []
    for name in names:
        first, separator, second = name.partition("-")
        if not separator:
            raise ConfigError(f'pair "{name}" is not two detectors joined by -, as alice_h-bob_h')
        a, b = bench.detector(first.strip()), bench.detector(second.strip())
        if a == b:
            raise ConfigError(f'pair "{name}" names the same detector twice')
        pairs.append((a, b))
    return pairs or pairs_between(bench)


def split_words(value: Any) -> Any:
    """Return the words of a text with commas, as the command line gives a list."""
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def estimate_dict(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as JSON allows it, where infinity and nan do not exist."""
    return {
        "value": estimate.value if np.isfinite(estimate.value) else None,
        "sigma": estimate.sigma if np.isfinite(estimate.sigma) else None,
    }
