"""Virtual channels: tags derived from other tags, usable wherever a channel is.

A virtual channel is declared by a frozen spec. `VirtualChannels` appends the channels to a
stream: the first spec gets the number n_channels, the next one n_channels + 1, and so on; a
spec may name earlier virtual channels. Tags of equal time come in the order: the stream's own,
then virtual channels by number.

The observed intervals stay what they were. A copy that lies outside the stretch it comes from
is kept at the beginning and the end of the stream, whose interval is extended to hold it, so
that no pair is lost against `delays_ps`. At a gap inside the stream it is dropped, because
nothing is known there and blocks must not overlap. Where a copy precedes its tag (a negative
delay) the output lags behind the input by as much: a tag is handed on when every channel is
complete up to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._derivation import Stage
from labctl.analysis._stream import LiveTime
from labctl.analysis._virtual_specs import (
    Coincidence,
    Delayed,
    Divided,
    Gated,
    VirtualSpec,
    source_of,
)
from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagBlock, TagFlags, Times

__all__ = [
    "Coincidence",
    "Delayed",
    "Divided",
    "Gated",
    "VirtualChannels",
    "VirtualSpec",
    "VirtualTags",
    "with_virtual",
]

#: No tag has this time or a later one.
END_OF_TIME_PS = int(np.iinfo(np.int64).max)


class VirtualTags(NamedTuple):
    """A stream with virtual channels.

    Attributes:
        times_ps: int64 (n,), sorted.
        channels: uint8 (n,), or uint16 where there are more than 256 channels.
        n_channels: number of channels, virtual ones included.
    """

    times_ps: Times
    channels: Channels
    n_channels: int


def with_virtual(
    times_ps: ArrayLike, channels: ArrayLike, n_channels: int, specs: Sequence[VirtualSpec]
) -> VirtualTags:
    """Return the tags with those of virtual channels n_channels, n_channels + 1, … among them.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        specs: the virtual channels; each may name channels in front of it.

    Raises:
        ValueError: unsorted times, a channel outside the range, or a spec that names one.
    """
    virtual = VirtualChannels(n_channels, specs)
    block = virtual.transform(_checks.whole_block(times_ps, channels))
    blocks = (block, *virtual.finish())
    return VirtualTags(
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
        virtual.n_channels,
    )


@dataclass(slots=True)
class _Stretch:
    """Output of a stretch without a gap that is not handed on yet."""

    start_ps: int
    is_first: bool
    stop_ps: int = 0
    next_ps: int | None = None  # where the next output block begins
    times_ps: list[Times] = field(default_factory=list)
    channels: list[NDArray[Any]] = field(default_factory=list)
    flags: list[tuple[int, TagFlags]] = field(default_factory=list)


class VirtualChannels:
    """Adds virtual channels to a stream of blocks; owned by the thread that calls `transform`.

    The output does not depend on the split into blocks. Losses and gaps pass through, and
    nothing is derived across them.

    Attributes:
        n_channels: number of channels of the output.
        lag_ps: how far the output lags behind the input.
    """

    def __init__(self, n_channels: int, specs: Sequence[VirtualSpec]) -> None:
        self._n_real = _checks.channel_count(n_channels)
        self.n_channels = _checks.channel_count(self._n_real + len(specs))
        kind = np.uint8 if self.n_channels <= 1 << 8 else np.uint16
        sources = [source_of(spec, self._n_real + k) for k, spec in enumerate(specs)]
        self.lag_ps = sum(source.lag_ps for source in sources)
        reach_ps = sum(abs(spec.delay_ps) for spec in specs if isinstance(spec, Delayed))
        if reach_ps > _checks.MAX_SPAN_PS:
            raise ValueError(f"the delays add up to more than {_checks.MAX_SPAN_PS} ps")
        self._stages = [Stage(source, self._n_real + k, kind) for k, source in enumerate(sources)]
        self._kind = kind
        self._counts = np.zeros(self._n_real, dtype=np.int64)
        self._begin()

    def _begin(self) -> None:
        """Be ready for a stream."""
        self._time = LiveTime()
        self._stretch: _Stretch | None = None
        self._ready: deque[TagBlock] = deque()
        self._sequence = 0
        self._is_first = True

    def transform(self, block: TagBlock) -> TagBlock:
        """Return the next block of the stream with virtual channels, one for each block.

        Its tags are those that are complete, so its interval ends `lag_ps` before that of the
        block. At a gap the rest of the stretch comes first and the block follows with the next
        one; a block may be empty.

        Raises:
            ValueError: a tag is out of order, outside its block's interval, or its channel is
                n_channels or more; nothing more is accepted then.
        """
        if not self._time.enter(block):
            self._close(is_last=False)
        if block.is_lossless:
            self._add(block)
        else:
            self._ready.append(replace(block, sequence=self._next_sequence()))
            self._is_first = False
        self._time.accept()
        if self._ready or self._stretch is None:
            return self._ready.popleft()
        return self._emit(self._stretch, block.stop_ps - self.lag_ps)

    def finish(self) -> tuple[TagBlock, ...]:
        """Return what was held, as blocks that end the stream; a new one may begin."""
        self._time.refuse_if_broken()
        self._close(is_last=True)
        blocks = tuple(self._ready)
        self._begin()
        return blocks

    def _add(self, block: TagBlock) -> None:
        """Take the tags of a block that continues or begins a stretch."""
        times_ps, channels = _checks.times(block.times_ps), _checks.channels(block.channels)
        bad = _kernels.count_singles(times_ps, channels, self._n_real, self._counts)
        if bad >= 0:
            raise _checks.bad_tag(times_ps, channels, bad, self._n_real)
        numbers = _checks.channels(channels.astype(self._kind, copy=False))
        if self._stretch is None:
            self._stretch = _Stretch(block.start_ps, self._is_first)
            self._is_first = False
        self._stretch.stop_ps = block.stop_ps
        self._stretch.flags.append((block.stop_ps, block.flags))
        for start in range(0, max(times_ps.size, 1), MAX_BLOCK_TAGS):
            stop = start + MAX_BLOCK_TAGS
            horizon_ps = int(times_ps[stop]) if stop < times_ps.size else block.stop_ps
            self._push(self._stretch, times_ps[start:stop], numbers[start:stop], horizon_ps)

    def _push(
        self, stretch: _Stretch, times_ps: Times, channels: NDArray[Any], horizon_ps: int
    ) -> None:
        """Send tags through all stages."""
        for stage in self._stages:
            times_ps, channels, horizon_ps = stage.push(times_ps, channels, horizon_ps)
        if times_ps.size:
            stretch.times_ps.append(times_ps)
            stretch.channels.append(channels)

    def _close(self, *, is_last: bool) -> None:
        """End the stretch and make its rest ready."""
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        nothing = np.empty(0, dtype=np.int64)
        empty: NDArray[Any] = np.empty(0, dtype=self._kind)
        self._push(stretch, _checks.times(nothing), _checks.channels(empty), END_OF_TIME_PS)
        for stage in self._stages:
            stage.clear()
        stop_ps = stretch.stop_ps
        if is_last and stretch.times_ps:
            stop_ps = max(stop_ps, int(stretch.times_ps[-1][-1]) + 1)
        if stretch.next_ps is None or stretch.next_ps < stop_ps:
            self._ready.append(self._emit(stretch, stop_ps))

    def _emit(self, stretch: _Stretch, stop_ps: int) -> TagBlock:
        """Return the output of a stretch up to stop_ps as a block, without copies beyond it."""
        nothing: NDArray[Any] = np.empty(0, dtype=self._kind)
        if stretch.next_ps is None and stop_ps < stretch.start_ps:
            start_ps = stretch.start_ps  # nothing is complete yet
            return TagBlock(
                np.empty(0, np.int64), nothing, start_ps, start_ps, self._next_sequence()
            )
        times_ps = _joined(stretch.times_ps, np.empty(0, np.int64))
        channels = _joined(stretch.channels, nothing)
        start_ps = stretch.start_ps if stretch.next_ps is None else stretch.next_ps
        if stretch.next_ps is None and stretch.is_first and times_ps.size:
            start_ps = min(start_ps, int(times_ps[0]))
        first, last = np.searchsorted(times_ps, (start_ps, stop_ps)).tolist()
        flags = TagFlags.NONE
        for _, earlier in stretch.flags:
            flags |= earlier
        stretch.flags = [(s, f & ~TagFlags.GAP) for s, f in stretch.flags if s > stop_ps]
        stretch.times_ps, stretch.channels, stretch.next_ps = [], [], stop_ps
        return TagBlock(
            times_ps[first:last],
            channels[first:last],
            start_ps,
            stop_ps,
            self._next_sequence(),
            flags=flags,
        )

    def _next_sequence(self) -> int:
        """Return the number of the next block of the output."""
        self._sequence += 1
        return self._sequence - 1


def _joined(parts: list[NDArray[Any]], nothing: NDArray[Any]) -> NDArray[Any]:
    """Return the parts as one array, a single one as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate([nothing, *parts])
