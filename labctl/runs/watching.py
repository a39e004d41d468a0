"""Live counts without a run: for the terminal and for alignment."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import combinations
from typing import Any, Self

import numpy as np

from labctl.analysis import MatrixAnalyzer, RateAnalyzer, poisson_sigma
from labctl.lab import Bench, Detector
from labctl.tags import TagBlock, TagSubscription

__all__ = ["LiveCounts"]


class LiveCounts:
    """Streams every tagger of a bench and counts in fresh intervals; a context manager.

    Coincidences are `all_pairs` within the bench's window, between detectors of different
    stations on one tagger.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stack = ExitStack()
        self._streams: dict[str, TagSubscription] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for name, pump in self._bench.pumps.items():
                self._streams[name] = stack.enter_context(pump.fanout.subscribe())
                stack.callback(pump.stop)
                pump.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def next(self, interval_s: float) -> dict[str, Any]:
        """Wait `interval_s` of bench time and return the rates in it, with uncertainties."""
        self._bench.clock.wait(interval_s)
        values: dict[str, Any] = {}
        for name in self._streams:
            values |= self._count(name)
        return values

    def _count(self, tagger: str) -> dict[str, Any]:
        detectors = [d for d in self._bench.detectors.values() if d.tagger == tagger]
        n_channels = max(self._bench.pumps[tagger].tagger.channels) + 1
        delays_ps = np.zeros(n_channels, dtype=np.int64)
        for detector in detectors:
            delays_ps[detector.channel] = detector.delay_ps
        rates = RateAnalyzer(n_channels)
        matrix = MatrixAnalyzer(
            n_channels, self._bench.config.coincidences.window_full_ps, delays_ps
        )
        for block in self._waiting(tagger):
            rates.update(block)
            matrix.update(block)
        live_s = rates.result().live_s
        counts = {d.name: int(rates.result().counts[d.channel]) for d in detectors}
        pairs = matrix.result().counts
        counts |= {f"{a.name}-{b.name}": int(pairs[a.channel, b.channel]) for a, b in self._pairs()}
        values: dict[str, Any] = {"live_s": live_s}
        for name, count in counts.items():
            values[f"{name}_hz"] = count / live_s if live_s else None
            values[f"{name}_sigma_hz"] = poisson_sigma(float(count)) / (live_s or math.inf)
        return values

    def _waiting(self, tagger: str) -> Iterator[TagBlock]:
        while (block := self._streams[tagger].get(0)) is not None:
            yield block

    def _pairs(self) -> list[tuple[Detector, Detector]]:
        stations = [station.detectors for station in self._bench.stations.values()]
        return [
            (a, b)
            for one, other in combinations(stations, 2)
            for a in one
            for b in other
            if a.tagger == b.tagger
        ]
