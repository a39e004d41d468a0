"""How virtual channels come about: sources of derived tags, and their way into the stream.

Tags arrive checked, in order, with channel numbers in one type. A source derives the times of
one virtual channel; its stage merges them in and holds back what is not complete yet.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _checks, _kernels
from labctl.tags.block import Times

#: Tags of one member that may wait at first; the rings grow when needed.
RING_SIZE = 64


class Source(Protocol):
    """Derives the tags of one virtual channel from the stream in front of it."""

    @property
    def lag_ps(self) -> int:
        """How far a derived tag may precede the tag it comes from."""

    def derive(self, times_ps: Times, channels: NDArray[Any]) -> Times:
        """Return the derived times, in order, that these further tags bring about."""

    def cut(self) -> None:
        """Let nothing that follows meet what was before."""


class CopySource:
    """The tags of a channel, delay_ps later."""

    def __init__(self, channel: int, delay_ps: int) -> None:
        self._channel = channel
        self._delay_ps = delay_ps
        self.lag_ps = max(0, -delay_ps)

    def derive(self, times_ps: Times, channels: NDArray[Any]) -> Times:
        copies_ps = _picked(times_ps, channels, self._channel)
        copies_ps += self._delay_ps
        return copies_ps

    def cut(self) -> None:
        pass


class DividedSource:
    """Every divisor-th tag of a channel, counted from its tag number `phase` of a stretch."""

    lag_ps = 0

    def __init__(self, channel: int, divisor: int, phase: int) -> None:
        self._channel = channel
        self._divisor = divisor
        self._phase = self._skipped = phase

    def derive(self, times_ps: Times, channels: NDArray[Any]) -> Times:
        picked = _picked(times_ps, channels, self._channel)
        kept = picked[self._skipped :: self._divisor]
        self._skipped = (self._skipped - picked.size) % self._divisor
        return kept

    def cut(self) -> None:
        self._skipped = self._phase


class GatedSource:
    """The tags of a channel inside gates."""

    lag_ps = 0

    def __init__(self, channel: int, open_channel: int, close_channel: int) -> None:
        self._channel = channel
        self._open_channel = open_channel
        self._close_channel = close_channel
        self._is_open = False

    def derive(self, times_ps: Times, channels: NDArray[Any]) -> Times:
        kept = np.empty(times_ps.size, dtype=np.bool_)
        _, _, self._is_open, _ = _kernels.gate_mask(
            times_ps,
            channels,
            _checks.MAX_CHANNELS,
            self._open_channel,
            self._close_channel,
            0,
            self._is_open,
            kept,
        )
        inside_ps: Times = times_ps[kept & (channels == self._channel)]
        return inside_ps

    def cut(self) -> None:
        self._is_open = False


class CoincidenceSource:
    """The last tag of each coincidence of all members, each tag used once."""

    lag_ps = 0

    def __init__(self, members: tuple[int, ...], span_ps: int, n_channels: int) -> None:
        self._members = np.array(members, dtype=np.int64)
        self._slots = np.full(n_channels, -1, dtype=np.int64)
        self._slots[list(members)] = np.arange(len(members))
        self._span_ps = span_ps
        self._queues_ps = np.empty((len(members), RING_SIZE), dtype=np.int64)
        self._heads = np.zeros(len(members), dtype=np.int64)
        self._sizes = np.zeros(len(members), dtype=np.int64)

    def derive(self, times_ps: Times, channels: NDArray[Any]) -> Times:
        out_ps = np.empty(times_ps.size, dtype=np.int64)
        done = found = 0
        while True:
            done, found = _kernels.complete_folds(
                times_ps,
                channels,
                done,
                self._members,
                self._slots,
                self._span_ps,
                self._queues_ps,
                self._heads,
                self._sizes,
                found,
                out_ps,
            )
            if done == times_ps.size:
                return out_ps[:found]
            self._grow()

    def _grow(self) -> None:
        """Double the rings."""
        members, size = self._queues_ps.shape
        places = (self._heads[:, None] + np.arange(size)) % size
        larger = np.empty((members, 2 * size), dtype=np.int64)
        larger[:, :size] = np.take_along_axis(self._queues_ps, places, axis=1)
        self._queues_ps = larger
        self._heads[:] = 0

    def cut(self) -> None:
        self._sizes[:] = 0


class Stage:
    """Adds one virtual channel to a stream; holds what later tags may still precede."""

    def __init__(self, source: Source, number: int, kind: type[np.unsignedinteger[Any]]) -> None:
        self._source = source
        self._number = number
        self._kind = kind
        self.clear()

    def clear(self) -> None:
        """Forget everything held and begin a new stretch."""
        self._source.cut()
        self._times_ps = np.empty(0, dtype=np.int64)
        self._channels: NDArray[Any] = np.empty(0, dtype=self._kind)
        self._derived_ps = np.empty(0, dtype=np.int64)

    def push(
        self, times_ps: Times, channels: NDArray[Any], horizon_ps: int
    ) -> tuple[Times, NDArray[Any], int]:
        """Return the complete part of the stream, and the horizon that no later tag precedes."""
        derived_ps = self._source.derive(times_ps, channels)
        if self._times_ps.size:
            times_ps = _checks.times(np.concatenate((self._times_ps, times_ps)))
            channels = _checks.channels(np.concatenate((self._channels, channels)))
        if self._derived_ps.size:
            derived_ps = np.concatenate((self._derived_ps, derived_ps))
        horizon_ps -= self._source.lag_ps
        cut = int(np.searchsorted(times_ps, horizon_ps))
        derived_cut = int(np.searchsorted(derived_ps, horizon_ps))
        self._times_ps, self._channels = times_ps[cut:].copy(), channels[cut:].copy()
        self._derived_ps = derived_ps[derived_cut:].copy()
        if derived_cut == 0:
            return times_ps[:cut], channels[:cut], horizon_ps
        out_ps = np.empty(cut + derived_cut, dtype=np.int64)
        out = np.empty(cut + derived_cut, dtype=self._kind)
        numbers = np.full(derived_cut, self._number, dtype=self._kind)
        _kernels.merge_two(
            times_ps,
            channels,
            0,
            cut,
            _checks.times(derived_ps),
            _checks.channels(numbers),
            0,
            derived_cut,
            out_ps,
            out,
            0,
        )
        return _checks.times(out_ps), _checks.channels(out), horizon_ps


def _picked(times_ps: Times, channels: NDArray[Any], channel: int) -> Times:
    """Return the times of one channel."""
    out_ps = np.empty(times_ps.size, dtype=np.int64)
    return out_ps[: _kernels.pick_channel(times_ps, channels, channel, out_ps)]
