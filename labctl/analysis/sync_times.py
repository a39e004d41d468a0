"""Histogram of detection times relative to the pulses of a laser."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Batch
from labctl.analysis._roles import checked_parts, role_aligner, role_channels
from labctl.analysis._stream import StreamAnalyzer
from labctl.analysis.fold_results import SyncHistogram
from labctl.tags.block import Times

__all__ = ["SyncHistogramAnalyzer", "sync_histogram"]


def sync_histogram(
    times_ps: ArrayLike,
    channels: ArrayLike,
    sync: int,
    channel: int,
    period_ps: int,
    bin_ps: int,
    divider: int = 1,
    *,
    delays_ps: ArrayLike | None = None,
) -> SyncHistogram:
    """Histogram the time of each tag of a channel since the last sync, modulo the period.

    Convention `last_sync`: the sync at or before the tag; one of the same time gives 0, in
    whatever order the two are stored. With a divider only every divider-th pulse has a sync tag,
    and the range of divider·period_ps is folded into one period. A tag more than half a period
    beyond that range adds to `overflow`, for a sync is missing; the half absorbs the jitter of
    the syncs and a period that is not a whole number of picoseconds. Tags before the first sync
    of the stream, or the first after a gap, add to `unreferenced`.

    There are n = ceil(period_ps / bin_ps) bins, centred on k·bin_ps for k = 0 … n - 1; a bin
    covers [centre - bin_ps/2, centre + bin_ps/2) modulo the period, so that a peak at the sync
    stays whole. If the period is no multiple of the bin, the last bin is narrower.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        sync: channel of the syncs.
        channel: channel to histogram.
        period_ps: time between pulses.
        bin_ps: width of a bin, at most the period; a multiple of the tagger's resolution (see
            `bin_warning`).
        divider: pulses per sync tag, 1 or more.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign. Channels
            0 … n_channels - 1 exist; without delays any may occur.

    Raises:
        ValueError: unsorted times, a channel outside the range, two equal channels, delays that
            are not whole picoseconds, or a period, bin or divider that is not positive.
    """
    analyzer = SyncHistogramAnalyzer(sync, channel, period_ps, bin_ps, divider, delays_ps=delays_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class SyncHistogramAnalyzer(StreamAnalyzer["SyncCounter"]):
    """`sync_histogram` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        sync: int,
        channel: int,
        period_ps: int,
        bin_ps: int,
        divider: int = 1,
        *,
        delays_ps: ArrayLike | None = None,
    ) -> None:
        roles = {"sync": sync, "channel": channel}
        self._chosen = role_channels(roles, delays_ps)
        if self._chosen[0] == self._chosen[1]:
            raise ValueError(f"sync and channel are both {sync}; give two different channels")
        self._period_ps = _checks.positive_ps("period_ps", period_ps)
        self._bin_ps = _checks.positive_ps("bin_ps", bin_ps)
        if self._bin_ps > self._period_ps:
            raise ValueError(f"bin_ps = {bin_ps} ps is more than period_ps = {period_ps} ps")
        self._divider = operator.index(divider)
        if self._divider < 1:
            raise ValueError(f"divider = {divider} is less than 1")
        _checks.positive_ps("divider * period_ps", self._divider * self._period_ps)
        bins = -(-self._period_ps // self._bin_ps)
        self._lags_ps = np.arange(bins, dtype=np.int64) * self._bin_ps
        self._lags_ps.flags.writeable = False
        aligner = role_aligner(self._chosen, delays_ps)
        counter = SyncCounter(
            aligner.n_used, aligner.labels[self._chosen].tolist(), self._period_ps, self._bin_ps
        )
        counter.reach_ps = ((2 * self._divider + 1) * self._period_ps - 1) // 2
        super().__init__(aligner, counter)

    def result(self) -> SyncHistogram:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        sync, channel = self._chosen
        return SyncHistogram(
            counts=counter.counts,
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            sync=sync,
            channel=channel,
            lags_ps=self._lags_ps,
            bin_ps=self._bin_ps,
            period_ps=self._period_ps,
            divider=self._divider,
            syncs=counter.syncs,
            overflow=counter.overflow,
            unreferenced=counter.unreferenced,
        )


class SyncCounter:
    """Times since the last sync, folded; `counts` is (bins,)."""

    def __init__(self, n_channels: int, labels: list[int], period_ps: int, bin_ps: int) -> None:
        self.counts = np.zeros(-(-period_ps // bin_ps), dtype=np.int64)
        self.reach_ps = period_ps
        self.syncs = 0
        self.overflow = 0
        self.unreferenced = 0
        self._n_channels = n_channels
        self._sync, self._channel = labels
        self._period_ps = period_ps
        self._bin_ps = bin_ps
        self._newest_sync_ps: int | None = None

    def count(self, batch: Batch) -> None:
        for part in checked_parts(batch, self._n_channels):
            self._count(part.times_ps, part.channels)

    def cut(self) -> None:
        self._newest_sync_ps = None

    def _count(self, times_ps: Times, channels: Any) -> None:
        if self._newest_sync_ps is None:
            found = np.flatnonzero(channels == self._sync)
            if not found.size:
                self.unreferenced += int(np.count_nonzero(channels == self._channel))
                return
            first = int(np.searchsorted(times_ps, times_ps[found[0]]))
            self.unreferenced += int(np.count_nonzero(channels[:first] == self._channel))
            self._newest_sync_ps = int(times_ps[first])
            times_ps, channels = times_ps[first:], channels[first:]
        intervals_ps = np.empty(times_ps.size + 1, dtype=np.int64)
        filled, syncs, newest_ps = _kernels.sync_intervals(
            times_ps, channels, self._sync, self._channel, self._newest_sync_ps, intervals_ps
        )
        self.overflow += int(
            _kernels.bin_intervals(
                intervals_ps[:filled], self.reach_ps, self._period_ps, self._bin_ps, self.counts
            )
        )
        self.syncs += syncs
        self._newest_sync_ps = newest_ps
