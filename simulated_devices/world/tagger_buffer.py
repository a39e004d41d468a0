"""The memory between a tagger's inputs and its cable: what does not fit is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import ConfigError
from simulated_devices.world.compiled import compiled
from simulated_devices.world.slices import PS_PER_S, Times

__all__ = ["Admission", "Loss", "TaggerBuffer"]


@dataclass(frozen=True, slots=True)
class Loss:
    """No tag in begin_ps <= t < end_ps was kept; there were `tags`, at the end maybe none."""

    begin_ps: int
    end_ps: int
    tags: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Which tags of a call were kept, and the losses; one that a call cuts goes on in the next."""

    kept: NDArray[np.bool_]
    losses: tuple[Loss, ...]


class TaggerBuffer:
    """A first-in first-out memory of `capacity_tags` that is emptied at `rate_hz`.

    When a tag finds it full, this and all further tags are lost until the memory is empty: the
    device flushes it before it goes on, so that losses are few and long instead of every other
    tag. The time per tag is rounded to whole picoseconds.

    Raises:
        ConfigError: the capacity or the rate is not positive, or the rate is above 1e12/s.
    """

    def __init__(self, capacity_tags: int, rate_hz: float) -> None:
        if capacity_tags < 1:
            raise ConfigError(f"capacity_tags = {capacity_tags} is not at least 1")
        if not 0.0 < rate_hz <= PS_PER_S:
            raise ConfigError(f"rate_hz = {rate_hz:g} is not above 0 and at most {PS_PER_S:g}")
        self._tag_ps = round(PS_PER_S / rate_hz)
        self._full_ps = capacity_tags * self._tag_ps
        self._empty_at_ps = -(1 << 62)
        self._is_flushing = False
        self._begin_ps = 0

    def admit(self, times_ps: Times, stop_ps: int) -> Admission:
        """Return what happens to the tags of a slice that ends at `stop_ps`; times are sorted."""
        kept = np.ones(times_ps.size, dtype=np.bool_)
        losses: list[Loss] = []
        position = 0
        while True:
            if not self._is_flushing:
                position, self._empty_at_ps = _fill(
                    times_ps, position, self._empty_at_ps, self._tag_ps, self._full_ps
                )
                if position == times_ps.size:
                    break
                self._is_flushing = True
                self._begin_ps = int(times_ps[position])
            end_ps = min(self._empty_at_ps, stop_ps)
            first, position = position, int(np.searchsorted(times_ps, end_ps))
            kept[first:position] = False
            losses.append(Loss(self._begin_ps, end_ps, position - first))
            if end_ps < self._empty_at_ps:
                self._begin_ps = end_ps
                break
            self._is_flushing = False
        return Admission(kept, tuple(losses))


@compiled
def _fill(
    times: Times, position: int, empty_at_ps: int, tag_ps: int, full_ps: int
) -> tuple[int, int]:
    """Return the first position whose tag finds the memory full, and when that is empty."""
    for k in range(position, times.size):
        time = times[k]
        later_ps = max(empty_at_ps, time) + tag_ps
        if later_ps - time > full_ps:
            return k, empty_at_ps
        empty_at_ps = later_ps
    return times.size, empty_at_ps
