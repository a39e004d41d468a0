"""The reader of the library's TimeTagStream: from buffers to frames."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from drivers.swabian_timetagger.frames import EVENT, Frame, frame_bytes
from drivers.swabian_timetagger.protocol import WIRE, inputs_of
from labctl.errors import LinkError, ReplyTimeoutError

__all__ = ["TagStream"]

#: Events that wait in the library for a host that is busy: 50 ms at the 80 Mtag/s that the
#: cable carries at most, in 64 MB.
_BUFFER_EVENTS = 1 << 22
#: After less than a block the host waits a little, or it would copy every handful of tags.
_SMALL_EVENTS = 65_536
#: The board collects tags for 20 ms (docstring of setStreamBlockSize), so this adds little.
_POLL_S = 0.005
#: A stream whose time stands still for so long is asked whether the tagger is still there.
_SILENCE_S = 0.5


class TagStream:
    """One stream, from its start to its end; read by one thread.

    Of each input the edge with which its pulses begin is tagged: the falling one where the
    trigger level is negative, as for negative pulses.
    """

    def __init__(self, library: Any, tagger: Any) -> None:
        channels = [
            tagger.getInvertedChannel(number) if tagger.getTriggerLevel(number) < 0 else number
            for number in inputs_of(library, tagger)
        ]
        self._tagger = tagger
        # What happened before, such as a change of settings, must not get into the stream.
        self._require_answer()
        self._source = library.TimeTagStream(tagger, _BUFFER_EVENTS, channels)
        self._stop_ps: int | None = None
        self._was_small = True
        self._advanced_s = time.monotonic()

    def read(self, timeout_s: float) -> bytes:
        """Return the next frame.

        Raises:
            ReplyTimeoutError: the stream has not gone on within `timeout_s`.
            LinkError: the tagger does not answer any more.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            now_s = time.monotonic()
            if self._was_small and now_s < deadline_s:
                wait_s = min(_POLL_S, deadline_s - now_s)
                self._source.waitUntilFinished(math.ceil(wait_s * 1000))
            frame = self._next_frame()
            if frame is not None:
                return frame
            if time.monotonic() - self._advanced_s > _SILENCE_S:
                self._require_answer()
            if time.monotonic() >= deadline_s:
                raise ReplyTimeoutError(f"no tags within {timeout_s:g} s")

    def stop(self) -> None:
        """End the stream.

        Raises:
            LinkError: the tagger does not answer any more.
        """
        self._source.stop()
        self._require_answer()

    def _next_frame(self) -> bytes | None:
        buffer = self._source.getData()
        size = int(buffer.size)
        self._was_small = size < _SMALL_EVENTS
        start_ps = int(buffer.tStart) if self._stop_ps is None else self._stop_ps
        stop_ps = int(buffer.tGetData)
        if not size and stop_ps == start_ps:
            return None
        self._stop_ps = stop_ps
        self._advanced_s = time.monotonic()
        return _packed(buffer, start_ps, stop_ps)

    def _require_answer(self) -> None:
        self._advanced_s = time.monotonic()
        if not self._tagger.sync(round(WIRE.timeout_s * 1000)):
            raise LinkError(
                "the tagger does not answer",
                hint="Check its cable and its power, then reconnect.",
            )


def _packed(buffer: Any, start_ps: int, stop_ps: int) -> bytes:
    """Return the frame of a TimeTagStreamBuffer."""
    times, channels = buffer.getTimestamps(), buffer.getChannels()
    types = buffer.getEventTypes()
    events = np.empty(0, dtype=EVENT)
    is_other = types != 0
    if is_other.any():
        events = np.zeros(np.count_nonzero(is_other), dtype=EVENT)
        events["type"] = types[is_other]
        events["missed"] = buffer.getMissedEvents()[is_other]
        events["channel"] = channels[is_other]
        events["time_ps"] = times[is_other]
        times, channels = times[~is_other], channels[~is_other]
    is_full = int(buffer.size) >= _BUFFER_EVENTS
    # Inputs have numbers up to 18, so that a byte holds both their edges.
    return frame_bytes(Frame(start_ps, stop_ps, times, channels.astype(np.int8), events, is_full))
