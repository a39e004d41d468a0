"""Histogram of the time from each start to the next stop."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Batch
from labctl.analysis._roles import checked_parts, role_aligner, role_channels
from labctl.analysis._stream import StreamAnalyzer
from labctl.analysis.fold_results import StartStop
from labctl.tags.block import Times

__all__ = ["StartStopAnalyzer", "start_stop"]


def start_stop(
    times_ps: ArrayLike,
    channels: ArrayLike,
    start: int,
    stop: int,
    range_ps: int,
    bin_ps: int,
    *,
    delays_ps: ArrayLike | None = None,
) -> StartStop:
    """Histogram the time from each start to the first stop at or after it.

    Convention `first_stop`: each start takes exactly one stop, the first whose time is not
    earlier, whatever comes between; several starts before one stop all take that stop, and a
    stop of the same time counts as 0, in whatever order the two are stored. A start whose stop
    comes after the last bin adds to `overflow`, one without a stop before the next gap or the
    end of the stream to `unstopped`. If start and stop are one channel, each tag takes the next.
    At high rates the histogram falls off with the rate of the stops; `cross_correlation`, which
    takes all pairs, does not.

    There are n + 1 bins, n = floor(range_ps / bin_ps), centred on k·bin_ps for k = 0 … n; a bin
    covers [centre - bin_ps/2, centre + bin_ps/2), so that they are the bins of
    `cross_correlation`, and only half of the first can hold anything.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        start: channel of the starts.
        stop: channel of the stops.
        range_ps: largest bin centre wanted.
        bin_ps: width of a bin; a multiple of the tagger's resolution (see `bin_warning`).
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign. Channels
            0 … n_channels - 1 exist; without delays any may occur.

    Raises:
        ValueError: unsorted times, a channel outside the range, delays that are not whole
            picoseconds, or a range or bin that is not positive.
    """
    analyzer = StartStopAnalyzer(start, stop, range_ps, bin_ps, delays_ps=delays_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class StartStopAnalyzer(StreamAnalyzer["StartStopCounter"]):
    """`start_stop` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        start: int,
        stop: int,
        range_ps: int,
        bin_ps: int,
        *,
        delays_ps: ArrayLike | None = None,
    ) -> None:
        roles = {"start": start, "stop": stop}
        self._chosen = role_channels(roles, delays_ps)
        self._bin_ps = _checks.positive_ps("bin_ps", bin_ps)
        bins = _checks.positive_ps("range_ps", range_ps) // self._bin_ps + 1
        self._lags_ps = np.arange(bins, dtype=np.int64) * self._bin_ps
        self._lags_ps.flags.writeable = False
        aligner = role_aligner(self._chosen, delays_ps)
        labels = aligner.labels[self._chosen].tolist()
        super().__init__(aligner, StartStopCounter(aligner.n_used, labels, bins, self._bin_ps))

    def result(self) -> StartStop:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        counter.cut()
        start, stop = self._chosen
        return StartStop(
            counts=counter.counts,
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            start=start,
            stop=stop,
            lags_ps=self._lags_ps,
            bin_ps=self._bin_ps,
            overflow=counter.overflow,
            unstopped=counter.unstopped,
        )


class StartStopCounter:
    """Times from start to stop; `counts` is (bins,)."""

    def __init__(self, n_channels: int, labels: list[int], bins: int, bin_ps: int) -> None:
        self.counts = np.zeros(bins, dtype=np.int64)
        self.overflow = 0
        self.unstopped = 0
        self._n_channels = n_channels
        self._start, self._stop = labels
        self._bin_ps = bin_ps
        self._reach_ps = bins * bin_ps - bin_ps // 2 - 1  # the last time of the last bin
        self._waiting_ps = np.empty(0, dtype=np.int64)
        self._overdue = 0  # starts that have waited for longer than the reach

    def count(self, batch: Batch) -> None:
        for part in checked_parts(batch, self._n_channels):
            if self._start == self._stop:
                self._follow(part.times_ps[part.channels == self._start])
            else:
                self._stop_starts(part)
            late = int(np.searchsorted(self._waiting_ps, part.horizon_ps - self._reach_ps))
            self._overdue += late
            self._waiting_ps = self._waiting_ps[late:]

    def cut(self) -> None:
        self.unstopped += self._overdue + self._waiting_ps.size
        self._overdue = 0
        self._waiting_ps = self._waiting_ps[:0]

    def _stop_starts(self, part: Batch) -> None:
        """Give the starts their stops; those after the last stop wait."""
        intervals_ps = np.empty(part.times_ps.size + 1, dtype=np.int64)
        filled, last, first_stop_ps = _kernels.start_stop_intervals(
            part.times_ps, part.channels, self._start, self._stop, intervals_ps
        )
        first = 0
        if last >= 0:
            self._add(intervals_ps[:filled])
            self._release(first_stop_ps)
            first = int(np.searchsorted(part.times_ps, part.times_ps[last], "right"))
        new_ps = part.times_ps[first:][part.channels[first:] == self._start]
        self._waiting_ps = np.concatenate((self._waiting_ps, new_ps))

    def _follow(self, times_ps: Times) -> None:
        """Stop each tag of the only channel by the next one; the last waits."""
        if times_ps.size:
            self._release(int(times_ps[0]))
            self._add(np.diff(times_ps))
            self._waiting_ps = times_ps[-1:].copy()

    def _release(self, stop_ps: int) -> None:
        """Stop the waiting starts."""
        self._add(stop_ps - self._waiting_ps)
        self.overflow += self._overdue
        self._overdue = 0
        self._waiting_ps = self._waiting_ps[:0]

    def _add(self, intervals_ps: Times) -> None:
        self.overflow += int(
            _kernels.bin_intervals(
                intervals_ps, self._reach_ps, _checks.MAX_TIME_PS, self._bin_ps, self.counts
            )
        )
