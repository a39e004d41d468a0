"""The newest part of many traces over time, in bounded memory and ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["POINTS", "TraceRings"]

#: More points than a plot is wide show nothing more and cost time in every frame.
POINTS: Final = 1200
#: So many empty slots, and no less than so many seconds, are a gap in the line.
_GAP_SLOTS: Final = 5
_GAP_S: Final = 2.0

Values = NDArray[np.float64]


class TraceRings:
    """The newest `span_s` seconds of traces that share their times; owned by one thread.

    Values that come faster than `capacity` per span are averaged; nan says that there was none.

    Args:
        names: one per trace.
        span_s: how far back the traces reach.
        capacity: points per trace at most.

    Attributes:
        slot_s: how much time one point stands for.
    """

    def __init__(self, names: Sequence[str], span_s: float, capacity: int = POINTS) -> None:
        self.names = tuple(names)
        self.span_s = span_s
        self._capacity = capacity
        # The span begins and ends within a slot.
        self.slot_s = span_s / (capacity - 2)
        # Twice the capacity: what is shown is always one piece, and is moved once per capacity.
        self._times_s: Values = np.empty(2 * capacity)
        self._values: Values = np.full((len(self.names), 2 * capacity), math.nan)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._end = 0
        self._slot = -math.inf
        self._newest_s = -math.inf
        self._sums: Values = np.zeros(len(self.names))
        self._counts = np.zeros(len(self.names), dtype=np.int64)
        self._sum_s, self._n = 0.0, 0

    def add(self, at_s: float, values: Values) -> None:
        """Take one value per trace; a time before the newest one begins anew."""
        if at_s < self._newest_s:
            self.clear()
        slot = math.floor(at_s / self.slot_s)
        if slot != self._slot:
            if at_s - self._newest_s > max(_GAP_SLOTS * self.slot_s, _GAP_S) and self._end:
                self._append()
                self._times_s[self._end - 1] = at_s
            self._append()
            self._slot = slot
            self._sums[:] = 0
            self._counts[:] = 0
            self._sum_s, self._n = 0.0, 0
        self._newest_s = at_s
        known = np.isfinite(values)
        self._sums[known] += values[known]
        self._counts += known
        self._sum_s, self._n = self._sum_s + at_s, self._n + 1
        self._times_s[self._end - 1] = self._sum_s / self._n
        self._values[:, self._end - 1] = np.divide(
            self._sums,
            self._counts,
            out=np.full(len(self.names), math.nan),
            where=self._counts > 0,
        )

    def shown(self) -> tuple[Values, Values]:
        """Return times and values (trace, time) of the newest span; views, until the next add."""
        start = max(0, self._end - self._capacity)
        times_s = self._times_s[start : self._end]
        start += int(np.searchsorted(times_s, self._newest_s - self.span_s))
        return self._times_s[start : self._end], self._values[:, start : self._end]

    def _append(self) -> None:
        if self._end == self._times_s.size:
            keep = self._capacity - 1
            self._times_s[:keep] = self._times_s[-keep:]
            self._values[:, :keep] = self._values[:, -keep:]
            self._end = keep
        self._values[:, self._end] = math.nan
        self._end += 1
