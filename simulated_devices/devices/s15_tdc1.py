"""An S-Fifteen TDC1: four inputs, 2 ns steps, commands and a binary stream on one USB port.

Written from the manufacturer's public client (pyS15, usb_counter_fpga.py, commit ba5faee):
commands end with CR LF or `;` and may be chained in one line; setters are silent; `counts?`
answers after the integration time, or starts the stream in timestamp mode; `abort` ends it.
Unknown to us and chosen here: an external clock that is forced but absent leaves the internal
one running freely.

In `[simulation.instruments.NAME]`, `clock` is the internal oscillator (the maker says within
50 ppm), `has_external_clock = true` connects 10 MHz that have the rate of world time,
`delays_ps` are the delays of the inputs by detector, `pulse_v` is the height of the pulses (NIM:
-0.8 V), which the comparator sees where its level lies between zero and it, and `rate_limit_hz`
and `burst_words` are the limits of the stream (tdc1_stream.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from labctl.errors import ConfigError
from simulated_devices.devices.tdc1_stream import Tdc1Stream
from simulated_devices.devices.tdc1_words import RESOLUTION_PS, patterns
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.wire import Port
from simulated_devices.world.site_clock import SiteClock, SiteClockParameters
from simulated_devices.world.slices import SLICE_PS, Slice
from simulated_devices.world.tagger import TaggerModel

__all__ = ["Tdc1", "Tdc1Options", "build"]

_INTERNAL = 2
_SINGLES, _PAIRS, _TIMESTAMP = 0, 1, 3
_PAIR_INPUTS = ((1, 3), (1, 4), (2, 3), (2, 4))
_COMMAND_END = re.compile(rb"[;\r\n]+")
_LINE_END = b"\r\n"
_MAX_TIME_MS = 65_535


class Tdc1Options(InstrumentOptions):
    """The table `[simulation.instruments.NAME]`."""

    clock: SiteClockParameters = SiteClockParameters()
    has_external_clock: bool = False
    delays_ps: dict[str, int] = Field(default_factory=dict)
    pulse_v: float = Field(-0.8, ge=-5.0, le=5.0)
    rate_limit_hz: float = Field(1e7, gt=0.0, le=1e12)
    burst_words: int = Field(512, ge=1)


class Tdc1:
    """The counter's firmware.

    The 27-bit time counter runs freely from power-up; a word without clicks marks each
    rollover. In the counting modes a click of two inputs in the same 2 ns step is a pair.
    """

    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, surroundings: Surroundings, options: Tdc1Options) -> None:
        if "reference" in options.clock.model_fields_set:
            raise ConfigError(
                f"[simulation.instruments.{surroundings.name}] clock.reference is chosen by the "
                "command REFCLK; has_external_clock = true connects a reference"
            )
        self.port = Port(self._receive)
        self.is_streaming = False
        # REFCLK is 0 at power-up: the external clock, if there is one.
        following = options.clock.model_copy(update={"reference": "external"})
        self.clock = SiteClock(surroundings.name, following, surroundings.world.seed)
        self.clock.has_reference = options.has_external_clock
        self._tagger = TaggerModel(
            RESOLUTION_PS, surroundings.inputs, clock=self.clock, delays_ps=options.delays_ps
        )
        self._stream = Tdc1Stream(
            self.port,
            surroundings.truth,
            burst_words=options.burst_words,
            rate_limit_hz=options.rate_limit_hz,
        )
        self._pending = b""
        self._mode = _SINGLES
        self._threshold_v = -0.5
        self._pulse_v = options.pulse_v
        self._time_ms = 1000
        self._clock_source = 0
        self._stop_ps: int | None = None
        self._now_ps = surroundings.world.time_ps
        self._counts_until_ps: int | None = None
        self._counts = np.zeros(8, dtype=np.int64)

    @property
    def faults(self) -> Mapping[str, Fault]:
        """What can go wrong in the device itself."""
        return {
            **self._stream.faults,
            "reference_lost": self._lose_reference,
            "reference_regained": self._regain_reference,
        }

    @property
    def _sees_pulses(self) -> bool:
        """Whether pulses cross the comparator's level."""
        level_v, pulse_v = self._threshold_v, self._pulse_v
        return 0.0 < level_v < pulse_v or pulse_v < level_v < 0.0

    @property
    def has_external_clock(self) -> bool:
        """Whether the reference input has a signal; settable."""
        return self.clock.has_reference

    @has_external_clock.setter
    def has_external_clock(self, has_external_clock: bool) -> None:
        self.clock.has_reference = has_external_clock

    def advance(self, slice_: Slice) -> None:
        """Digitize the slice; send it, count it, or let it go."""
        self._now_ps = slice_.stop_ps
        times_ps, channels = self._tagger.digitize(slice_)
        if not self._sees_pulses:
            times_ps, channels = times_ps[:0], channels[:0]
        if self.is_streaming:
            self._stream.send(times_ps, channels, self._tagger.span_ps)
            if self._stop_ps is not None and slice_.stop_ps >= self._stop_ps:
                self.is_streaming = False
            return
        self._stream.pass_by(self._tagger.span_ps)
        if self._counts_until_ps is not None:
            self._count(times_ps, channels)

    def _count(self, times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> None:
        _, clicked = patterns(times_ps, channels)
        for channel in range(4):
            self._counts[channel] += np.count_nonzero(clicked & (1 << channel))
        for n, (a, b) in enumerate(_PAIR_INPUTS):
            both = (1 << (a - 1)) | (1 << (b - 1))
            self._counts[4 + n] += np.count_nonzero((clicked & both) == both)
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
            self._clock_source = _whole(argument, self._clock_source, 0, _INTERNAL)
            is_free = self._clock_source == _INTERNAL
            self.clock.change(reference="free" if is_free else "external")
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
            self._stream.begin()
            self.is_streaming = True
        else:
            self._counts[:] = 0
            self._counts_until_ps = self._now_ps + max(duration_ps, SLICE_PS)

    def _set_threshold(self, argument: str) -> None:
        try:
            self._threshold_v = float(argument)
        except ValueError:
            return

    def _lose_reference(self) -> None:
        """The signal at the reference input goes away."""
        self.has_external_clock = False

    def _regain_reference(self) -> None:
        """A signal arrives at the reference input."""
        self.has_external_clock = True

    def _reply(self, text: str) -> None:
        self.port.send(text.encode("ascii") + _LINE_END)


def _whole(text: str, present: int, low: int, high: int) -> int:
    """Return the number in `text`, or the present one where the firmware would ignore it."""
    return int(text) if text.isdigit() and low <= int(text) <= high else present


def build(surroundings: Surroundings) -> Tdc1:
    """Return a counter with the detectors of the bench on its inputs.

    Raises:
        ConfigError: its options are wrong.
    """
    return Tdc1(surroundings, checked_options(Tdc1Options, surroundings))
