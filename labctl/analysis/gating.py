"""Gates: the tags between the markers that open and close a measurement, and for how long."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._stream import PS_PER_S, LiveTime
from labctl.tags.block import Channels, TagBlock, TagFlags, Times

__all__ = ["GateAnalyzer", "GatedTags", "gate"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GatedTags:
    """Which tags of a stream lie inside gates, and how long the gates were open.

    Attributes:
        kept: bool (n,), True for tags inside a gate; of lossy blocks none is.
        all_times_ps: int64 (n,), the tags to which `kept` applies.
        all_channels: uint8 or uint16 (n,), their channels.
        open_ps: time inside gates, the live time of what was kept; a gate still open counts to
            the end of the observation.
        live_s: seconds observed without loss, gates open or not.
        flags: everything that any block suffered, lossy blocks included.
        lost: tags the instrument says it dropped.
        convention: always "open_to_close": [open tag, next close tag) in stream order.
    """

    kept: NDArray[np.bool_]
    all_times_ps: Times
    all_channels: Channels
    open_ps: int
    live_s: float
    flags: TagFlags = TagFlags.NONE
    lost: int = 0
    convention: str = "open_to_close"

    def __post_init__(self) -> None:
        for values in (self.kept, self.all_times_ps, self.all_channels):
            values.flags.writeable = False

    @property
    def times_ps(self) -> Times:
        """Times of the tags inside gates; a new array."""
        return self.all_times_ps[self.kept]

    @property
    def channels(self) -> Channels:
        """Channels of the tags inside gates; a new array."""
        return self.all_channels[self.kept]

    @property
    def open_s(self) -> float:
        """Time inside gates in seconds, the divisor of gated rates."""
        return self.open_ps / PS_PER_S


def gate(
    times_ps: ArrayLike, channels: ArrayLike, open_channel: int, close_channel: int
) -> GatedTags:
    """Return which tags lie inside gates, and for how long the gates were open.

    A gate reaches from a tag of the open channel, which belongs to it, to the next tag of the
    close channel, which does not. Tags of equal time are inside or outside by their order in
    the stream. Opening an open gate or closing a closed one changes nothing; before the first
    open tag the gate is closed. The observation ends with the last tag: where its interval is
    known, use `GateAnalyzer` on blocks.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        open_channel: channel whose tags open the gate.
        close_channel: channel whose tags close it, another one.

    Raises:
        ValueError: unsorted times, or one channel for both.
    """
    analyzer = GateAnalyzer(open_channel, close_channel)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class GateAnalyzer:
    """`gate` for a stream of blocks, with the same mask and open time for any split.

    A loss or a gap closes the gate until the next open tag, because a close tag may be missing.
    The results of `take` join to what a single `result` would have been: a long stream is
    processed in constant memory. Owned by the thread that calls `update`.
    """

    def __init__(self, open_channel: int, close_channel: int) -> None:
        self._open_channel, self._close_channel = gate_channels(open_channel, close_channel)
        self._time = LiveTime()
        self._is_open = False
        self._open_ps = 0
        self._parts: list[tuple[NDArray[np.bool_], Times, Channels]] = []

    def update(self, block: TagBlock) -> None:
        """Add a block; of one that is not lossless no tag is kept.

        Raises:
            ValueError: a tag is out of order or outside its block's interval; the analyzer
                then accepts nothing more.
        """
        if not self._time.enter(block):
            self._is_open = False
        times_ps, channels = _checks.times(block.times_ps), _checks.channels(block.channels)
        kept = np.zeros(times_ps.size, dtype=np.bool_)
        if block.is_lossless:
            closed_ps, since_ps, self._is_open, bad = _kernels.gate_mask(
                times_ps,
                channels,
                _checks.MAX_CHANNELS,
                self._open_channel,
                self._close_channel,
                block.start_ps,
                self._is_open,
                kept,
            )
            if bad >= 0:
                raise _checks.bad_tag(times_ps, channels, bad, _checks.MAX_CHANNELS)
            self._open_ps += closed_ps + (block.stop_ps - since_ps if self._is_open else 0)
        self._parts.append((kept, times_ps, channels))
        self._time.accept()

    def result(self) -> GatedTags:
        """Return the tags since the last `take`, as if the stream ended here; it may go on."""
        self._time.refuse_if_broken()
        if not self._parts:
            self._parts = [(np.zeros(0, np.bool_), np.zeros(0, np.int64), np.zeros(0, np.uint8))]
        if len(self._parts) > 1:
            kept, times_ps, channels = zip(*self._parts, strict=True)
            joined: Channels = np.concatenate(channels)
            self._parts = [(np.concatenate(kept), np.concatenate(times_ps), joined)]
        (part,) = self._parts
        return GatedTags(
            kept=part[0],
            all_times_ps=part[1],
            all_channels=part[2],
            open_ps=self._open_ps,
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
        )

    def take(self) -> GatedTags:
        """Return the tags and the times since the last `take`, and forget them."""
        result = self.result()
        self._parts = []
        self._open_ps = 0
        self._time.live_ps, self._time.flags, self._time.lost = 0, TagFlags.NONE, 0
        return result


def gate_channels(open_channel: int, close_channel: int) -> tuple[int, int]:
    """Return both channel numbers as int; refuse one channel for both."""
    opens, closes = operator.index(open_channel), operator.index(close_channel)
    for name, number in (("open_channel", opens), ("close_channel", closes)):
        if not 0 <= number < _checks.MAX_CHANNELS:
            raise ValueError(f"{name} = {number} is outside 0 to {_checks.MAX_CHANNELS - 1}")
    if opens == closes:
        raise ValueError(f"channel {opens} cannot both open and close the gate; name two channels")
    return opens, closes
