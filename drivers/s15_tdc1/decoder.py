"""The TDC1's binary stream: 32-bit words, little endian.

Bits 31-5 are the time in steps of 2 ns, modulo 2^27; bits 3-0 say which inputs clicked in
that step; bit 4 marks a word without clicks, sent when the counter rolls over, so that the
time is known even when nothing happens (pyS15 usb_counter_fpga.py, read_timestamps_bin).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.tags import TagBlock, TagFlags

__all__ = ["RESOLUTION_PS", "Tdc1Decoder"]

RESOLUTION_PS = 2000
_PERIOD_STEPS = 1 << 27
_INPUT_BITS = np.array([1, 2, 4, 8], dtype=np.uint32)
_WORD_BYTES = 4
_DUMMY = 0x10


class Tdc1Decoder:
    """Decodes one uninterrupted stream of a TDC1.

    Times count from the start of the counter period in which the first word fell. A word
    that steps backward by less than half a period is out of order: it is sorted in and the
    block is flagged UNSORTED; what would fall into an interval already delivered is counted
    as lost and flagged MISSED. A larger step backward is a rollover whose marker is missing.
    Markers carry the time on where nothing clicks.
    """

    is_finished = False

    def __init__(self) -> None:
        self._rest = b""
        # Before the first word: below every time, so that it is no step backward.
        self._last_raw = -1
        self._last_is_marker = False
        self._periods = 0
        self._start_ps: int | None = None

    def feed(self, data: bytes) -> TagBlock | None:
        """Return the clicks that `data` completes; bytes may be cut anywhere."""
        data = self._rest + data
        whole = len(data) - len(data) % _WORD_BYTES
        self._rest = data[whole:]
        if not whole:
            return None
        words = np.frombuffer(data[:whole], dtype="<u4")
        steps = self._unroll(words)
        last = int(steps.max())
        times_ps, channels = _clicks(words, steps)
        # A second word at the time of a rollover marker is possible, one at the time of a
        # click is not: the pattern names all inputs of the step.
        is_click = not words[-1] & _DUMMY or bool(np.any(times_ps == last * RESOLUTION_PS))
        stop_ps = (last + (1 if is_click else 0)) * RESOLUTION_PS
        if self._start_ps is None:
            self._start_ps = int(steps.min()) * RESOLUTION_PS
        start_ps, self._start_ps = self._start_ps, max(stop_ps, self._start_ps)
        return _ordered(times_ps, channels, start_ps, self._start_ps)

    def _unroll(self, words: NDArray[np.uint32]) -> NDArray[np.int64]:
        raw = (words >> np.uint32(5)).astype(np.int64)
        is_marker = (words & _DUMMY) != 0
        drop = np.append(self._last_raw, raw[:-1]) - raw
        follows_marker = np.append(self._last_is_marker, is_marker[:-1])
        # Markers of successive periods without a click are equal. A marker that equals a click
        # is of the same step: in which order the two are sent is not documented.
        has_rolled = (drop > _PERIOD_STEPS // 2) | (
            is_marker & ((drop > 0) | ((drop == 0) & follows_marker))
        )
        periods: NDArray[np.int64] = self._periods + np.cumsum(has_rolled)
        self._last_raw = int(raw[-1])
        self._last_is_marker = bool(is_marker[-1])
        self._periods = int(periods[-1])
        return raw + periods * _PERIOD_STEPS


def _clicks(
    words: NDArray[np.uint32], steps: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return one tag per input that clicked; markers have none."""
    is_click = (words & _DUMMY) == 0
    rows, inputs = np.nonzero(words[is_click, None] & _INPUT_BITS)
    return steps[is_click][rows] * RESOLUTION_PS, (inputs + 1).astype(np.uint8)


def _ordered(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8], start_ps: int, stop_ps: int
) -> TagBlock:
    if bool(np.all(times_ps[1:] >= times_ps[:-1])) and (
        times_ps.size == 0 or times_ps[0] >= start_ps
    ):
        return TagBlock(times_ps, channels, start_ps, stop_ps)
    order = np.argsort(times_ps, kind="stable")
    times_ps, channels = times_ps[order], channels[order]
    late = int(np.searchsorted(times_ps, start_ps))
    flags = TagFlags.UNSORTED | (TagFlags.MISSED if late else TagFlags.NONE)
    return TagBlock(times_ps[late:], channels[late:], start_ps, stop_ps, lost=late, flags=flags)
