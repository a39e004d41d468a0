"""The TDC1's binary stream: 32-bit words, little endian.

Bits 31-5 are the time in steps of 2 ns, modulo 2^27; bits 3-0 say which inputs clicked in
that step; bit 4 marks a word without clicks, sent when the counter rolls over, so that the
time is known even when nothing happens (pyS15 usb_counter_fpga.py, read_timestamps_bin).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.tags import TagBlock, TagFlags
from labctl.tags.formats.patterns import tags_of_patterns

__all__ = ["RESOLUTION_PS", "Tdc1Decoder"]

RESOLUTION_PS = 2000
_WORD_BYTES = 4
_DUMMY = 0x10


class Tdc1Decoder:
    """Decodes one uninterrupted stream of a TDC1.

    Times count from the start of the counter period in which the first word fell. A word
    that steps backward by less than half a period is out of order: it is sorted in and the
    block is flagged UNSORTED; what would fall into an interval already delivered is counted
    as lost and flagged MISSED. A step has one word, so what comes
    twice, out of order, is kept once. A larger step backward is a rollover whose marker is missing.
    Markers carry the time on where nothing clicks.
    """

    is_finished = False

    def __init__(self) -> None:
        self._rest = b""
        # Before the first word: at no time that it could be a step backward from.
        self._before = np.uint32(0)
        self._periods = 0
        self._start_ps: int | None = None
        _load_kernels()

    def feed(self, data: bytes) -> TagBlock | None:
        """Return the clicks that `data` completes; bytes may be cut anywhere."""
        data = self._rest + data
        whole = len(data) - len(data) % _WORD_BYTES
        self._rest = data[whole:]
        if not whole:
            return None
        words = np.frombuffer(data, "<u4", whole // _WORD_BYTES)
        unpacked = _unpack(words, self._before, self._periods)
        times_ps, channels, self._periods, earliest_ps, latest_ps, is_ordered = unpacked
        self._before = words[-1]
        # A second word at the time of a rollover marker is possible, one at the time of a
        # click is not: the pattern names all inputs of the step.
        is_click = not words[-1] & _DUMMY or bool(np.any(times_ps == latest_ps))
        stop_ps = latest_ps + (RESOLUTION_PS if is_click else 0)
        if self._start_ps is None:
            self._start_ps = earliest_ps
        start_ps, self._start_ps = self._start_ps, max(stop_ps, self._start_ps)
        if is_ordered and earliest_ps >= start_ps:
            return TagBlock(times_ps, channels, start_ps, self._start_ps)
        return _ordered(times_ps, channels, start_ps, self._start_ps)


def _unpack(
    words: NDArray[np.uint32], before: np.uint32, periods: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], int, int, int, bool]:
    """Return times and channels of the clicks, and what `kernels.unroll` returns."""
    from drivers.s15_tdc1.kernels import unroll  # noqa: PLC0415 - loads numba

    steps_ps = np.empty(words.size, np.int64)
    patterns = np.empty(words.size, np.uint8)
    state = unroll(words, before, periods, steps_ps, patterns)
    return *tags_of_patterns(steps_ps, patterns), *state


def _load_kernels() -> None:
    """Compile or load all kernels, so that the first bytes of a stream do not wait for it."""
    for pattern in (0, 1):
        _unpack(np.frombuffer(pattern.to_bytes(_WORD_BYTES, "little"), "<u4"), np.uint32(0), 0)


def _ordered(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8], start_ps: int, stop_ps: int
) -> TagBlock:
    if bool(np.all(times_ps[1:] >= times_ps[:-1])) and (
        times_ps.size == 0 or times_ps[0] >= start_ps
    ):
        return TagBlock(times_ps, channels, start_ps, stop_ps)
    order = np.lexsort((channels, times_ps))
    times_ps, channels = times_ps[order], channels[order]
    is_new = np.append(True, (times_ps[1:] != times_ps[:-1]) | (channels[1:] != channels[:-1]))
    times_ps, channels = times_ps[is_new[: times_ps.size]], channels[is_new[: channels.size]]
    late = int(np.searchsorted(times_ps, start_ps))
    flags = TagFlags.UNSORTED | (TagFlags.MISSED if late else TagFlags.NONE)
    return TagBlock(times_ps[late:], channels[late:], start_ps, stop_ps, lost=late, flags=flags)
