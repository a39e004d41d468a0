"""An S-Fifteen TDC1: four inputs, 2 ns steps, commands and a binary stream on one USB port.

Written from the manufacturer's public client (pyS15, usb_counter_fpga.py, commit ba5faee):
commands end with CR LF or `;` and may be chained in one line; setters are silent; `counts?`
answers after the integration time, or starts the stream in timestamp mode; `abort` ends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulated_devices.instrument import Surroundings
from simulated_devices.wire import Port
from simulated_devices.world import SLICE_PS, Slice
from simulated_devices.world.tagger import TaggerModel

__all__ = ["Tdc1", "build"]

_RESOLUTION_PS = 2000
_COUNTER_STEPS = 1 << 27
_MARKER = np.uint32(0x10)
_SINGLES, _PAIRS, _TIMESTAMP = 0, 1, 3
_PAIR_INPUTS = ((1, 3), (1, 4), (2, 3), (2, 4))
_COMMAND_END = re.compile(rb"[;\r\n]+")
_LINE_END = b"\r\n"
_MAX_TIME_MS = 65_535


class Tdc1:
    """The counter's firmware.

    The 27-bit time counter runs freely from power-up; a word without clicks marks each
    rollover. In the counting modes a click of two inputs in the same 2 ns step is a pair.
    """

    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, surroundings: Surroundings) -> None:
        self.port = Port(self._receive)
        self.is_streaming = False
        self.has_external_clock = False
        self._truth = surroundings.truth
        self._tagger = TaggerModel(_RESOLUTION_PS, surroundings.inputs)
        self._pending = b""
        self._mode = _SINGLES
        self._threshold_v = -0.5
        self._time_ms = 1000
        self._clock_source = 0
        self._stop_ps: int | None = None
        self._now_ps = surroundings.world.time_ps
        self._counts_until_ps: int | None = None
        self._counts = np.zeros(8, dtype=np.int64)

    def advance(self, slice_: Slice) -> None:
        """Digitize the slice; send it, count it, or let it go."""
        self._now_ps = slice_.stop_ps
        times_ps, channels = self._tagger.digitize(slice_)
        if self.is_streaming:
            self._stream(times_ps, channels, slice_)
        elif self._counts_until_ps is not None:
            self._count(times_ps, channels)

    def _stream(
        self, times_ps: NDArray[np.int64], channels: NDArray[np.uint8], slice_: Slice
    ) -> None:
        self._truth.write(times_ps, channels)
        words = _words(times_ps, channels, slice_)
        if words.size:
            self.port.send(words.tobytes())
        if self._stop_ps is not None and slice_.stop_ps >= self._stop_ps:
            self.is_streaming = False

    def _count(self, times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> None:
        steps, patterns = _patterns(times_ps, channels)
        del steps
        for channel in range(4):
            self._counts[channel] += np.count_nonzero(patterns & (1 << channel))
        for n, (a, b) in enumerate(_PAIR_INPUTS):
            both = (1 << (a - 1)) | (1 << (b - 1))
            self._counts[4 + n] += np.count_nonzero((patterns & both) == both)
        if self._counts_until_ps is not None and self._now_ps >= self._counts_until_ps:
            shown = self._counts[:4] if self._mode == _SINGLES else self._counts
            self._reply(" ".join(str(count) for count in shown))
            self._counts_until_ps = None

    def _receive(self, data: bytes) -> None:
        *commands, self._pending = _COMMAND_END.split(self._pending + data)
        for command in commands:
            if command.strip():
                self._execute(command.decode("ascii", "replace").strip())

    def _execute(self, command: str) -> None:
        word, _, argument = command.partition(" ")
        word = word.upper()
        if word.endswith("?"):
            self._answer(word)
        elif word == "TIME":
            self._time_ms = _whole(argument, self._time_ms, 0, _MAX_TIME_MS)
        elif word in {"SINGLES", "PAIRS", "TIMESTAMP"}:
            self._mode = {"SINGLES": _SINGLES, "PAIRS": _PAIRS, "TIMESTAMP": _TIMESTAMP}[word]
        elif word in {"NEG", "POS"}:
            self._set_threshold(argument)
        elif word in {"NIM", "TTL"}:
            self._threshold_v = -0.5 if word == "NIM" else 2.0
        elif word == "REFCLK":
            self._clock_source = _whole(argument, self._clock_source, 0, 2)
        elif word == "ABORT":
            self.is_streaming = False
            self._counts_until_ps = None

    def _answer(self, word: str) -> None:
        if word == "COUNTS?":
            self._start()
            return
        replies = {
            "*IDN?": "S-Fifteen Instruments TDC1 TDC1_00121",
            # The firmware prints the time as a signed 16-bit number.
            "TIME?": str(int(np.uint16(self._time_ms).astype(np.int16))),
            "MODE?": str(self._mode),
            "LEVEL?": f"{self._threshold_v:+.3f} V",
            "REFCLK?": str(self._clock_source),
            "ECLOCK?": str(int(self.has_external_clock)),
        }
        if word in replies:
            self._reply(replies[word])

    def _start(self) -> None:
        duration_ps = self._time_ms * 1_000_000_000
        if self._mode == _TIMESTAMP:
            self._stop_ps = self._now_ps + duration_ps if self._time_ms else None
            self.is_streaming = True
        else:
            self._counts[:] = 0
            self._counts_until_ps = self._now_ps + max(duration_ps, SLICE_PS)

    def _set_threshold(self, argument: str) -> None:
        try:
            self._threshold_v = float(argument)
        except ValueError:
            return

    def _reply(self, text: str) -> None:
        self.port.send(text.encode("ascii") + _LINE_END)


def _whole(text: str, present: int, low: int, high: int) -> int:
    """Return the number in `text`, or the present one where the firmware would ignore it."""
    return int(text) if text.isdigit() and low <= int(text) <= high else present


def _patterns(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return each step with a click once, and the inputs that clicked in it as bits."""
    if not times_ps.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32)
    steps = times_ps // _RESOLUTION_PS
    is_first = np.concatenate(([True], steps[1:] != steps[:-1]))
    bits = np.left_shift(1, channels.astype(np.int64) - 1)
    patterns = np.bitwise_or.reduceat(bits, np.flatnonzero(is_first))
    return steps[is_first], patterns.astype(np.uint32)


def _words(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8], slice_: Slice
) -> NDArray[np.uint32]:
    """Return the slice's words: clicks, and a marker at each rollover of the counter."""
    steps, patterns = _patterns(times_ps, channels)
    first = -(-slice_.start_ps // _RESOLUTION_PS)
    stop = -(-slice_.stop_ps // _RESOLUTION_PS)
    rollovers = np.arange(
        -(-first // _COUNTER_STEPS) * _COUNTER_STEPS, stop, _COUNTER_STEPS, dtype=np.int64
    )
    counters = (steps % _COUNTER_STEPS).astype(np.uint32)
    words = (counters << np.uint32(5)) | patterns
    places = np.searchsorted(steps, rollovers)
    return np.insert(words, places, np.full(rollovers.size, _MARKER)).astype("<u4")


def build(surroundings: Surroundings) -> Tdc1:
    """Return a counter with the detectors of the bench on its inputs."""
    return Tdc1(surroundings)
