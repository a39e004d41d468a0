"""What stands in for the vendor's measurements: the base, Countrate and Counter."""

# The names are the vendor's, and so are positional truth values.
# ruff: noqa: N802, FBT001, FBT002

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from simulated_devices.devices.swabian.packet import Packet
from simulated_devices.devices.swabian.tagger import TimeTagger

__all__ = ["Counter", "Countrate", "IteratorBase"]

_PS_PER_S = 1e12
_PS_PER_MS = 1_000_000_000
#: A wait looks this often whether the measurement was stopped meanwhile.
_LOOK_S = 0.1


class IteratorBase(ABC):
    """A measurement: it runs from its creation, fed by the thread that steps the world.

    Attributes:
        channels: the vendor's numbers of the channels it takes.
    """

    #: Whether it hands out single tags, which the list of true tags then has.
    delivers_tags: ClassVar[bool] = False

    def __init__(self, tagger: TimeTagger, channels: Sequence[int]) -> None:
        self.channels = tuple(int(channel) for channel in channels)
        self._wanted = frozenset(self.channels)
        self._board = tagger.board
        self._lock = threading.Lock()
        self._is_running = True
        self._stop_ps: int | None = None
        self._captured_ps = 0
        for channel in self.channels:
            tagger.getInvertedChannel(channel)
        with self._board.port.guard:
            self._begin_ps = self._board.position_ps
            self._board.add(self)

    def clear(self) -> None:
        """Forget what was measured."""
        with self._lock:
            self._captured_ps = 0
            self._begin_ps = self._board.position_ps
            self._forget()

    def start(self) -> None:
        """Go on measuring."""
        with self._lock:
            self._is_running, self._stop_ps = True, None

    def startFor(self, capture_duration: int, clear: bool = True) -> None:
        """Measure for so many ps by the tagger's clock."""
        if clear:
            self.clear()
        with self._lock:
            self._is_running = True
            self._stop_ps = self._board.position_ps + capture_duration

    def stop(self) -> None:
        """Take no more tags."""
        with self._lock:
            self._is_running = False

    def abort(self) -> None:
        """Take no more tags and forget what was measured."""
        self.stop()
        self.clear()

    def isRunning(self) -> bool:
        """Return whether it takes tags."""
        return self._is_running

    def waitUntilFinished(self, timeout: int = -1) -> bool:
        """Return True once it is finished, False after so many ms; negative waits for ever.

        The ms are those of the simulated world where it is faster than the wall, as a stepped
        one is.
        """
        begin_ps, begin_s = self._seen_until_ps(), time.monotonic()
        while self.isRunning():
            left_s = _LOOK_S
            if timeout >= 0:
                left_s = min(left_s, begin_s + timeout / 1000 - time.monotonic())
                passed_ps = 0 if self._board.port.is_held else self._board.position_ps - begin_ps
                if left_s <= 0 or passed_ps >= timeout * _PS_PER_MS:
                    return False
            self._board.port.wait(left_s)
        return True

    def getCaptureDuration(self) -> int:
        """Return how long it has measured, in ps."""
        return self._captured_ps

    def receive(self, packet: Packet) -> None:
        """Take a packet of the stream; called by the board."""
        with self._lock:
            if not self._is_running:
                return
            packet = packet.of(self._wanted)
            if self._stop_ps is not None and packet.stop_ps >= self._stop_ps:
                packet = packet.until(self._stop_ps)
                self._is_running = False
            self._captured_ps += packet.stop_ps - packet.start_ps
            self._take(packet)

    def _seen_until_ps(self) -> int:
        """Return from when on a wait counts world time."""
        return self._board.position_ps

    @abstractmethod
    def _take(self, packet: Packet) -> None:
        """Measure a packet."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget what was measured."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        with self._board.port.guard:
            self._board.remove(self)


class Countrate(IteratorBase):
    """Average count rates since the first tag; tags missed in an overflow count too."""

    def __init__(self, tagger: TimeTagger, channels: Sequence[int]) -> None:
        self._counts = np.zeros(len(channels), dtype=np.int64)
        self._first_ps: int | None = None
        self._last_ps = 0
        super().__init__(tagger, channels)

    def getData(self) -> NDArray[np.float64]:
        """Return the rate of each channel in counts per second."""
        with self._lock:
            if self._first_ps is None:
                return np.zeros(self._counts.size)
            duration_s = (self._last_ps - self._first_ps) / _PS_PER_S
            return self._counts / duration_s

    def getCountsTotal(self) -> NDArray[np.int64]:
        """Return the counts of each channel."""
        with self._lock:
            return self._counts.copy()

    def _take(self, packet: Packet) -> None:
        if self._first_ps is None and packet.times_ps.size:
            self._first_ps = int(packet.times_ps[0])
        self._last_ps = packet.stop_ps
        self._counts += packet.counts(self.channels)

    def _forget(self) -> None:
        self._counts[:] = 0
        self._first_ps = None


class Counter(IteratorBase):
    """Counts in bins of equal width; the bin that is being filled is not shown."""

    def __init__(
        self,
        tagger: TimeTagger,
        channels: Sequence[int],
        binwidth: int = 1_000_000_000,
        n_values: int = 1,
    ) -> None:
        self._binwidth_ps = binwidth
        self._n_values = n_values
        self._bins: dict[int, NDArray[np.int64]] = {}
        super().__init__(tagger, channels)

    def getIndex(self) -> NDArray[np.int64]:
        """Return the times of the bins in ps; the first is 0."""
        return np.arange(self._n_values, dtype=np.int64) * self._binwidth_ps

    def getData(self, rolling: bool = True) -> NDArray[np.int32]:
        """Return the counts, one row per channel.

        Rolling has the newest bin last; otherwise bins fill the row again and again.
        """
        with self._lock:
            shown = np.zeros((len(self.channels), self._n_values), dtype=np.int32)
            complete = self._captured_ps // self._binwidth_ps
            for number in range(max(0, complete - self._n_values), complete):
                column = number - complete if rolling else number % self._n_values
                shown[:, column] = self._bins.get(number, 0)
            return shown

    def _take(self, packet: Packet) -> None:
        # Its own time, in which a pause has no length.
        begin_ps = self._captured_ps - (packet.stop_ps - packet.start_ps)
        first, last = begin_ps // self._binwidth_ps, (self._captured_ps - 1) // self._binwidth_ps
        rest = packet
        for number in range(first, last + 1):
            edge_ps = packet.start_ps + (number + 1) * self._binwidth_ps - begin_ps
            part = rest.until(min(edge_ps, packet.stop_ps))
            counted = part.counts(self.channels)
            self._bins[number] = self._bins.get(number, np.zeros_like(counted)) + counted
            rest = rest.since(part.stop_ps)
        for number in [n for n in self._bins if n < last - self._n_values]:
            del self._bins[number]

    def _forget(self) -> None:
        self._bins.clear()
