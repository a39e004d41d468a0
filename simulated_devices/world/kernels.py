"""Compiled loops over the clicks of one detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

from simulated_devices.world.slices import Times

__all__ = ["register", "register_with_afterpulses"]

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def _compiled(function: FunctionT) -> FunctionT:
    # numba's decorators are untyped; the cast keeps the types of the function behind them.
    return cast("FunctionT", numba.njit(cache=True, nogil=True)(function))


@_compiled
def register(candidates: Times, live_from_ps: int, dead_ps: int) -> tuple[Times, int]:
    """Return the candidates that meet a live detector, and when it is live again.

    Non-paralyzable: a candidate in the dead time is lost and does not prolong it. `candidates`
    are sorted.
    """
    clicks = np.empty(candidates.size, dtype=np.int64)
    count = 0
    for time in candidates:
        # The write comes first and is kept or overwritten: no branch to mispredict.
        clicks[count] = time
        is_live = time >= live_from_ps
        count += is_live
        live_from_ps = time + dead_ps if is_live else live_from_ps
    return clicks[:count], live_from_ps


@_compiled
def register_with_afterpulses(
    candidates: Times,
    pending: Times,
    live_from_ps: int,
    stop_ps: int,
    dead_ps: int,
    probability: float,
    decay_ps: float,
    generator: np.random.Generator,
) -> tuple[Times, Times, int]:
    """Return the clicks before `stop_ps`, the afterpulses still to come, and the live time.

    Each click starts, with the given probability, one afterpulse candidate a dead time plus an
    exponential time later. It counts like any candidate: lost if the detector is dead again by
    then, else a click that may start an afterpulse itself. `candidates` lie before `stop_ps`;
    they and `pending` are sorted.
    """
    clicks = np.empty(candidates.size + pending.size + 16, dtype=np.int64)
    queue = np.empty(pending.size + 64, dtype=np.int64)
    queue[: pending.size] = pending
    head, tail = 0, pending.size
    count = position = 0
    while True:
        time = candidates[position] if position < candidates.size else stop_ps
        if head < tail and queue[head] < time:
            time = queue[head]
            head += 1
        else:
            position += 1
        if time >= stop_ps:
            break
        if time < live_from_ps:
            continue
        if count == clicks.size:
            clicks = np.concatenate((clicks, np.empty(clicks.size, dtype=np.int64)))
        clicks[count] = time
        count += 1
        live_from_ps = time + dead_ps
        if generator.random() >= probability:
            continue
        if tail == queue.size:
            waiting = queue[head:tail].copy()
            queue = np.empty(2 * waiting.size + 64, dtype=np.int64)
            queue[: waiting.size] = waiting
            head, tail = 0, waiting.size
        afterpulse = live_from_ps + int(generator.standard_exponential() * decay_ps)
        # Insertion from the end: the latest click's afterpulse is mostly the latest of all.
        place = tail
        while place > head and queue[place - 1] > afterpulse:
            queue[place] = queue[place - 1]
            place -= 1
        queue[place] = afterpulse
        tail += 1
    return clicks[:count], queue[head:tail].copy(), live_from_ps
