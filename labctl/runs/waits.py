"""Waiting inside a plan: for a while, and for tags.

Every wait is cut into pieces of at most 100 ms with a yield between them, so that a run can
be aborted and paused there, and asks the bench's clock, so that a stepped bench waits in no
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from labctl.errors import ConfigError, ReplyTimeoutError, TagLossError
from labctl.lab import Bench
from labctl.runs.plan import DwellTaken, Plan, Progress, Retaken
from labctl.tags import TagBlock, TagFeed, TagPump

__all__ = ["BlockConsumer", "Dwell", "dwell", "retaken", "settle"]

#: Longest time between two yields.
_PIECE_S = 0.05
_PICOSECOND_S = 1e-12
#: A tagger that delivers nothing for so long is not streaming.
_SILENCE_S = 5.0
_END_OF_TIME_PS = 1 << 62


class BlockConsumer(Protocol):
    """Takes the blocks of a dwell, in order: an analyzer."""

    def update(self, block: TagBlock) -> None:
        """Take the next block."""
        ...


@dataclass(frozen=True, slots=True)
class Dwell:
    """The interval of tag time that a dwell covered, exactly."""

    start_ps: int
    stop_ps: int
    lost: int


def settle(bench: Bench, duration_s: float) -> Plan[None]:
    """Wait `duration_s` of bench time."""
    end_s = bench.clock.now_s() + duration_s
    # Less than a picosecond is a rounding error, which a stepped clock would never wait for.
    while (remaining_s := end_s - bench.clock.now_s()) > _PICOSECOND_S:
        bench.clock.wait(min(remaining_s, _PIECE_S))
        yield Progress(0.0)


def dwell(
    bench: Bench,
    pump: TagPump,
    duration_s: float | None,
    make_consumers: Callable[[], Iterable[BlockConsumer]],
    progress: Callable[[float], Progress] = Progress,
) -> Plan[Dwell]:
    """Give every tag of exactly `duration_s` of tag time to fresh consumers.

    The interval begins with the first tag time that is certainly after the call. Where the
    run is paused or the stream interrupted meanwhile, the dwell is taken again from its
    beginning, with consumers made anew; a recording waits and is taken on. `progress` makes
    what is yielded from the fraction of the dwell that is done.
    None for the duration takes a recording from its beginning to its end.

    Raises:
        TagLossError: the tagger lost tags and the bench says `on_tag_loss = "abort"`.
        LabError: the stream ended with this error.
        ReplyTimeoutError: the tagger delivers nothing, or the recording ends too early.
    """
    while True:
        taken = yield from _attempt(bench, pump, duration_s, list(make_consumers()), progress)
        if taken is not None:
            yield DwellTaken(taken.start_ps, taken.stop_ps)
            return taken
        yield retaken(bench, "the run was paused during the dwell")


def retaken(bench: Bench, reason: str) -> Retaken:
    """Return that the dwell under way, if there is one, is thrown away."""
    dwelling, bench.dwelling = bench.dwelling, None
    if dwelling is None:
        return Retaken(reason)
    tagger, start_ps = dwelling
    stop_ps = bench.pumps[tagger].stop_ps
    return Retaken(reason, start_ps, max(start_ps, stop_ps or start_ps))


def _attempt(
    bench: Bench,
    pump: TagPump,
    duration_s: float | None,
    consumers: list[BlockConsumer],
    progress: Callable[[float], Progress],
) -> Plan[Dwell | None]:
    interruptions = (bench.interruptions, pump.restarts)
    bench.dwelling = None
    with ExitStack() as stack:
        feed = bench.recorded_feed or stack.enter_context(TagFeed(pump))
        yield from _wait_for_stream(bench, pump)
        start_ps, stop_ps = _interval_ps(bench, pump, duration_s)
        bench.dwelling = (pump.tagger.name, start_ps)
        silence = _Silence(bench, pump)
        lost = _hand_over(bench, feed, consumers, start_ps, stop_ps)
        while not feed.has_reached(stop_ps):
            bench.clock.wait(_PIECE_S)
            lost += _hand_over(bench, feed, consumers, start_ps, stop_ps)
            yield progress(_fraction(feed.reached_ps, start_ps, stop_ps))
            if (bench.interruptions, pump.restarts) != interruptions and not bench.recorded_feed:
                return None
            silence.check()
    reached_ps = feed.reached_ps or start_ps
    if reached_ps < stop_ps and duration_s is not None:
        raise ReplyTimeoutError(
            f"the recording ends at {reached_ps} ps, before the dwell does at {stop_ps} ps",
            device=pump.tagger.name,
        )
    bench.dwelling = None
    return Dwell(start_ps, min(stop_ps, reached_ps), lost)


def _interval_ps(bench: Bench, pump: TagPump, duration_s: float | None) -> tuple[int, int]:
    """Return the tag time that the dwell covers."""
    if bench.recorded_dwells is not None:
        recorded = next(bench.recorded_dwells, None)
        if recorded is None:
            raise ReplyTimeoutError(
                "the recording has no more dwells than the original run took",
                device=pump.tagger.name,
            )
        return recorded
    if duration_s is None:
        if not pump.tagger.is_patient:
            raise ConfigError(
                f"{pump.tagger.name} is no recording, so a dwell needs a duration",
                device=pump.tagger.name,
            )
        return pump.start_ps or 0, _END_OF_TIME_PS
    now_ps = pump.tag_time_ps(bench.clock.now_s()) or 0
    start_ps = now_ps + round(pump.tagger.latency_s * 1e12)
    return start_ps, start_ps + round(duration_s * 1e12)


class _Silence:
    """Notices a tagger that has stopped delivering, in bench time and in wall-clock time."""

    def __init__(self, bench: Bench, pump: TagPump) -> None:
        self._bench = bench
        self._pump = pump
        self._reached_ps: int | None = None
        self._since_s = self._now_s()

    def check(self) -> None:
        """Raise where the stream has ended, or nothing has come for too long by both clocks."""
        if self._pump.error is not None:
            raise self._pump.error
        if self._pump.stop_ps != self._reached_ps:
            self._reached_ps, self._since_s = self._pump.stop_ps, self._now_s()
            return
        # A stepped bench lets five seconds pass in no time, a slow one in hours.
        if all(
            now - since > _SILENCE_S
            for now, since in zip(self._now_s(), self._since_s, strict=True)
        ):
            raise ReplyTimeoutError(
                f"{self._pump.tagger.name} has delivered no tags for {_SILENCE_S:g} s",
                device=self._pump.tagger.name,
                hint="Check its inputs, its threshold and its clock.",
            )

    def _now_s(self) -> tuple[float, float]:
        return self._bench.clock.now_s(), time.monotonic()


def _wait_for_stream(bench: Bench, pump: TagPump) -> Plan[None]:
    silence = _Silence(bench, pump)
    while pump.tag_time_ps(0.0) is None and not pump.is_finished:
        bench.clock.wait(_PIECE_S)
        silence.check()
        yield Progress(0.0, "waiting for the first tags")


def _hand_over(
    bench: Bench, feed: TagFeed, consumers: list[BlockConsumer], start_ps: int, stop_ps: int
) -> int:
    """Give the waiting blocks to the consumers and return the tags the instrument lost."""
    lost = 0
    for block in feed.until(stop_ps):
        if block.stop_ps <= start_ps or block.start_ps >= stop_ps:
            continue
        # The part may be empty and still tell of a loss.
        part = block.between(start_ps, stop_ps)
        if not part.is_lossless and bench.config.data.on_tag_loss == "abort":
            raise TagLossError(
                f"{block.lost} tags were lost between {block.start_ps} and {block.stop_ps} ps",
                device=feed.tagger,
                hint='[data] on_tag_loss = "flag" would go on with less live time.',
            )
        # All of the block's: which of them fell into the dwell, nobody knows.
        lost += block.lost
        for consumer in consumers:
            consumer.update(part)
    return lost


def _fraction(reached_ps: int | None, start_ps: int, stop_ps: int) -> float:
    return max(0.0, min(1.0, ((reached_ps or start_ps) - start_ps) / (stop_ps - start_ps)))
