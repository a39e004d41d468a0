"""Compiled loops over the clicks of one detector."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulated_devices.world.compiled import compiled
from simulated_devices.world.slices import Times

__all__ = ["ALWAYS_LIVE_PS", "Response", "register", "register_each", "register_paralyzable"]

ALWAYS_LIVE_PS = -(1 << 62)
"""When a detector is live from that has never clicked; times since then fit into 64 bits."""


class Response(NamedTuple):
    """What a click does to the detector, in the form that compiled loops take."""

    dead_ps: int
    is_paralyzable: bool
    recovery_ps: float
    afterpulse_probability: float
    afterpulse_decay_ps: float


@compiled
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


@compiled
def register_paralyzable(candidates: Times, live_from_ps: int, dead_ps: int) -> tuple[Times, int]:
    """Return the candidates that meet a live detector, and when it is live again.

    Paralyzable: every candidate starts the dead time anew, also the lost ones. `candidates` are
    sorted.
    """
    clicks = np.empty(candidates.size, dtype=np.int64)
    count = 0
    for time in candidates:
        clicks[count] = time
        count += time >= live_from_ps
        # A dead time that was made shorter meanwhile does not cut the present one.
        live_from_ps = max(live_from_ps, time + dead_ps)
    return clicks[:count], live_from_ps


@compiled
def _queued(queue: Times, head: int, tail: int, time: int) -> tuple[Times, int, int]:
    """Insert a time into the sorted queue[head:tail]; return its new place, with room ahead."""
    if tail == queue.size:
        waiting = queue[head:tail].copy()
        queue = np.empty(2 * waiting.size + 64, dtype=np.int64)
        queue[: waiting.size] = waiting
        head, tail = 0, waiting.size
    # Insertion from the end: the latest click's afterpulse is mostly the latest of all.
    place = tail
    while place > head and queue[place - 1] > time:
        queue[place] = queue[place - 1]
        place -= 1
    queue[place] = time
    return queue, head, tail + 1


@compiled
def register_each(
    candidates: Times,
    pending: Times,
    live_from_ps: int,
    stop_ps: int,
    response: Response,
    generator: np.random.Generator,
) -> tuple[Times, Times, int]:
    """Return the clicks before `stop_ps`, the afterpulses still to come, and the live time.

    At x after the end of the dead time a candidate clicks with the probability
    1 - exp(-x/recovery). Each click starts, with its probability, one afterpulse candidate a
    dead time plus an exponential time later. It counts like any candidate: lost if the detector
    is dead again by then, else a click that may start an afterpulse itself. `candidates` lie
    before `stop_ps`; they and `pending` are sorted.
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
            if response.is_paralyzable:
                live_from_ps = max(live_from_ps, time + response.dead_ps)
            continue
        if response.recovery_ps > 0.0 and generator.random() < math.exp(
            (live_from_ps - time) / response.recovery_ps
        ):
            continue
        if count == clicks.size:
            clicks = np.concatenate((clicks, np.empty(clicks.size, dtype=np.int64)))
        clicks[count] = time
        count += 1
        live_from_ps = time + response.dead_ps
        if (
            response.afterpulse_probability == 0.0
            or generator.random() >= response.afterpulse_probability
        ):
            continue
        delay = int(generator.standard_exponential() * response.afterpulse_decay_ps)
        queue, head, tail = _queued(queue, head, tail, live_from_ps + delay)
    return clicks[:count], queue[head:tail].copy(), live_from_ps
