"""Specs of virtual channels: frozen declarations, checked when they are made."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TypeAlias

from labctl.analysis import _checks
from labctl.analysis._derivation import (
    CoincidenceSource,
    CopySource,
    DividedSource,
    GatedSource,
    Source,
)
from labctl.analysis.gating import gate_channels

__all__ = ["Coincidence", "Delayed", "Divided", "Gated", "VirtualSpec", "source_of"]

#: A coincidence of so many channels is a pair, to which half the window applies.
PAIR = 2


@dataclass(frozen=True, slots=True)
class Coincidence:
    """A tag at the last member of each coincidence of all channels, each tag used once.

    On a walk of the stream in order of time, a tag completes a coincidence if every other
    channel has an unused tag within reach; it and the oldest of each are then used. For two
    channels that is `greedy_one_to_one` with |dt| <= window_full_ps/2; for more, all members
    lie within the full window (max - min <= window_full_ps).
    """

    channels: tuple[int, ...]
    window_full_ps: int

    def __post_init__(self) -> None:
        if len(self.channels) < PAIR or len(set(self.channels)) < len(self.channels):
            raise ValueError(f"channels = {self.channels}: name two or more, all different")
        _checks.positive_ps("window_full_ps", self.window_full_ps)

    @property
    def span_ps(self) -> int:
        """Largest distance between the first and the last member."""
        return self.window_full_ps // 2 if len(self.channels) == PAIR else self.window_full_ps


@dataclass(frozen=True, slots=True)
class Delayed:
    """A copy of a channel whose tags come delay_ps later, as behind a longer cable.

    Subtracting delay_ps from it (`delays_ps` of any function) gives the channel back. A
    negative delay gives earlier tags: `Delayed(c, -d)` is channel c with a delay d subtracted.
    """

    channel: int
    delay_ps: int

    def __post_init__(self) -> None:
        _checks.delays([self.delay_ps], 1)


@dataclass(frozen=True, slots=True)
class Gated:
    """The tags of a channel inside gates: [open tag, next close tag) in stream order.

    See `gate`. The channel may be the open channel itself.
    """

    channel: int
    open_channel: int
    close_channel: int

    def __post_init__(self) -> None:
        gate_channels(self.open_channel, self.close_channel)


@dataclass(frozen=True, slots=True)
class Divided:
    """Every divisor-th tag of a channel, beginning with its tag number `phase` (from 0).

    After a loss or a gap the count begins anew.
    """

    channel: int
    divisor: int
    phase: int = 0

    def __post_init__(self) -> None:
        if self.divisor < 1 or not 0 <= self.phase < self.divisor:
            raise ValueError(
                f"divisor = {self.divisor} with phase = {self.phase}: divide by 1 or more, and "
                "begin at 0 to divisor - 1"
            )


VirtualSpec: TypeAlias = Coincidence | Delayed | Gated | Divided


def source_of(spec: VirtualSpec, n_channels: int) -> Source:
    """Return the source of a virtual channel that may name channels 0 … n_channels - 1."""
    match spec:
        case Coincidence():
            members = _existing(spec, spec.channels, n_channels)
            return CoincidenceSource(members, spec.span_ps, n_channels)
        case Delayed():
            (channel,) = _existing(spec, (spec.channel,), n_channels)
            return CopySource(channel, spec.delay_ps)
        case Gated():
            named = (spec.channel, spec.open_channel, spec.close_channel)
            channel, opens, closes = _existing(spec, named, n_channels)
            return GatedSource(channel, opens, closes)
        case Divided():
            (channel,) = _existing(spec, (spec.channel,), n_channels)
            return DividedSource(channel, spec.divisor, spec.phase)


def _existing(spec: VirtualSpec, named: tuple[int, ...], n_channels: int) -> tuple[int, ...]:
    """Return the channels a spec names if all exist in front of it."""
    numbers = tuple(operator.index(channel) for channel in named)
    if any(not 0 <= number < n_channels for number in numbers):
        raise ValueError(f"{spec} names a channel outside 0 to {n_channels - 1}")
    return numbers
