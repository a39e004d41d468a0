"""The binary stream of an S-Fifteen TDC1: from tags to words on the cable, with what gets lost.

The specification allows more than 10 Mevents/s on average and 250 Mevents/s in bursts of less
than 512 events (TDC1 Documentation, wiki of 2024-09-13). What happens beyond is not documented,
and the words have no flag for it: here the device drops what does not fit, and the host cannot
see it in the words. Markers of rollovers are never dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.errors import LimitError
from simulated_devices.devices.tdc1_words import COUNTER_STEPS, RESOLUTION_PS, swapped, words
from simulated_devices.instrument import Fault
from simulated_devices.truth import TruthLog
from simulated_devices.wire import Port
from simulated_devices.world.tagger_buffer import TaggerBuffer

__all__ = ["Tdc1Stream"]

_PS_PER_US = 1_000_000
_PERIOD_PS = COUNTER_STEPS * RESOLUTION_PS


class Tdc1Stream:
    """Sends tags as words and notes in the truth list what it sends and what it drops.

    `burst_words` and `rate_limit_hz` are the memory before the cable and the cable's speed.
    """

    def __init__(
        self, port: Port, truth: TruthLog, *, burst_words: int, rate_limit_hz: float
    ) -> None:
        self._port = port
        self._truth = truth
        self._limits = (burst_words, rate_limit_hz)
        self._buffer = TaggerBuffer(*self._limits)
        self._until_ps = 0
        # What faults have in store.
        self._ahead_ps = 0
        self._tags_to_drop = 0
        self._swap: tuple[int, int] | None = None
        self._repeats = False

    @property
    def faults(self) -> dict[str, Fault]:
        """What can go wrong in the stream."""
        return {
            "overflow": self._overflow,
            "rollover": self._rollover,
            "unsorted": self._unsort,
            "duplicate": self._duplicate,
        }

    def begin(self) -> None:
        """Begin a stream with an empty memory."""
        self._buffer = TaggerBuffer(*self._limits)

    def pass_by(self, span_ps: tuple[int, int]) -> None:
        """Let time pass without a stream; the counter runs on."""
        self._until_ps = span_ps[1] + self._ahead_ps

    def send(
        self,
        times_ps: NDArray[np.int64],
        channels: NDArray[np.uint8],
        span_ps: tuple[int, int],
    ) -> None:
        """Send all tags of the span, sorted, and the markers of the rollovers in it."""
        begin_ps, self._until_ps = (end_ps + self._ahead_ps for end_ps in span_ps)
        times_ps = times_ps + self._ahead_ps
        is_kept = self._admitted(times_ps)
        self._truth.lose(channels[~is_kept])
        times_ps, channels = times_ps[is_kept], channels[is_kept]
        self._truth.write(times_ps, channels)
        sent = words(times_ps, channels, (begin_ps, self._until_ps))
        if not sent.size:
            return
        if self._swap is not None:
            sent, self._swap = swapped(sent, *self._swap), None
        self._port.send(sent.tobytes())
        if self._repeats:
            self._repeats = False
            self._port.send(sent.tobytes())

    def _admitted(self, times_ps: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which tags get into the memory; those of one step share a word."""
        dropped = min(self._tags_to_drop, times_ps.size)
        self._tags_to_drop -= dropped
        rest_ps = times_ps[dropped:]
        is_first = np.append(True, rest_ps[1:] != rest_ps[:-1])[: rest_ps.size]
        admission = self._buffer.admit(rest_ps[is_first], self._until_ps)
        is_kept = np.zeros(times_ps.size, dtype=np.bool_)
        is_kept[dropped:] = admission.kept[np.cumsum(is_first) - 1]
        return is_kept

    def _overflow(self, *, tags: int = 10_000) -> None:
        """The next tags are lost in the device, as in a burst beyond its memory."""
        self._tags_to_drop += _positive("tags", tags)

    def _rollover(self, *, within_us: int = 20_000) -> None:
        """The time counter jumps ahead, to so long before it rolls over."""
        if _positive("within_us", within_us) * _PS_PER_US >= _PERIOD_PS:
            raise LimitError(
                f"within_us = {within_us} is not below the counter's period, "
                f"{_PERIOD_PS // _PS_PER_US} us"
            )
        ahead_ps = (-within_us * _PS_PER_US - self._until_ps) % _PERIOD_PS
        self._ahead_ps += ahead_ps // RESOLUTION_PS * RESOLUTION_PS

    def _unsort(self, *, words: int = 1000, within_us: int = 1000) -> None:
        """The first words of the next packet arrive with their two halves swapped."""
        within_steps = _positive("within_us", within_us) * _PS_PER_US // RESOLUTION_PS
        self._swap = (_positive("words", words), within_steps)

    def _duplicate(self) -> None:
        """The next packet arrives twice."""
        self._repeats = True


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise LimitError(f"{name} = {value} is not at least 1")
    return value
