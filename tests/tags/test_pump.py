from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from drivers.s15_tdc1 import Tdc1
from labctl.clock import WallClock
from labctl.errors import LabError, LinkError, ProtocolError, ReplyTimeoutError, TagLossError
from labctl.tags import MAX_BLOCK_TAGS, TagBlock, TagPump, TagSubscription
from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
ConnectTagger = Callable[..., Tdc1]
MakeBlock = Callable[..., TagBlock]


class ScriptedTagger:
    """A tagger whose every read is a step of a script: a block, nothing, or an error."""

    name = "scripted"
    resolution_ps = 1
    channels = (1,)
    latency_s = 0.0
    is_finished = False

    def __init__(
        self, steps: list[TagBlock | Exception | None], *, is_patient: bool = False
    ) -> None:
        self.steps = steps
        self.is_patient = is_patient
        self.is_streaming = False
        self._block: TagBlock | None = None

    def start_stream(self) -> ScriptedTagger:
        self.is_streaming = True
        return self

    def stop_stream(self) -> None:
        self.is_streaming = False

    def read_stream(self, timeout_s: float) -> bytes:
        del timeout_s
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, Exception):
            raise step
        if step is None:
            raise ReplyTimeoutError("nothing")
        self._block = step
        return b"x"

    def feed(self, data: bytes) -> TagBlock | None:
        return self._block if data == b"x" else None


def blocks_until(pump: TagPump, stop_ps: int, publish: Callable[[], None]) -> list[TagBlock]:
    """Start the pump, let `publish` make tags, and return the blocks up to `stop_ps`."""
    with pump.fanout.subscribe() as subscription:
        pump.start()
        publish()
        assert pump.wait_for(stop_ps, 10.0)
        blocks: list[TagBlock] = []
        while not blocks or blocks[-1].stop_ps < stop_ps:
            block = subscription.get(0)
            assert block is not None
            blocks.append(block)
    return blocks


def read_on(subscription: TagSubscription) -> None:
    while subscription.get(10.0) is not None:
        pass


@pytest.fixture
def lab(start_lab: StartLab) -> SimulatedLab:
    lab = start_lab(dark_rate_hz=200_000.0)
    lab.world.pump.target_mw = 5.0
    lab.world.pump.emitting = True
    return lab


@pytest.fixture
def pump(lab: SimulatedLab, tagger_of: ConnectTagger) -> Iterator[TagPump]:
    pump = TagPump(tagger_of(lab), lab)
    yield pump
    pump.stop()


def test_the_stream_arrives_joined_numbered_and_complete(lab: SimulatedLab, pump: TagPump) -> None:
    blocks = blocks_until(pump, 0, lambda: lab.wait(0.2))
    # Half a million clicks a second: the last one is well within a millisecond of the end.
    assert pump.wait_for(lab.world.time_ps - 10**9, 10.0)
    assert [block.sequence for block in blocks] == list(range(len(blocks)))
    for before, after in itertools.pairwise(blocks):
        assert after.start_ps == before.stop_ps
    assert pump.tags == lab.truth["tagger"].counts.sum()
    assert pump.lost == 0


def test_tag_time_never_runs_ahead_of_the_world(lab: SimulatedLab, pump: TagPump) -> None:
    assert pump.tag_time_ps(lab.now_s()) is None
    pump.start()
    for _ in range(20):
        lab.wait(0.01)
        tag_time_ps = pump.tag_time_ps(lab.now_s())
        assert tag_time_ps is not None
        # The tagger's clock and the world's begin together; a slice is 10 ms.
        assert lab.world.time_ps - 10**10 <= tag_time_ps <= lab.world.time_ps


def test_a_stopped_pump_starts_again_and_its_numbers_go_on(
    lab: SimulatedLab, pump: TagPump
) -> None:
    first = blocks_until(pump, 0, lambda: lab.wait(0.05))
    pump.stop()
    carried = pump.tags
    second = blocks_until(pump, 0, lambda: lab.wait(0.05))
    assert second[0].sequence > first[-1].sequence
    assert pump.tags > carried
    assert np.all(np.diff(second[0].times_ps) >= 0)


def test_starting_and_stopping_twice_is_allowed(lab: SimulatedLab, pump: TagPump) -> None:
    pump.stop()
    pump.start()
    pump.start()
    lab.wait(0.02)
    pump.stop()
    pump.stop()
    assert not pump.is_running


def test_a_large_portion_is_published_in_blocks(block: MakeBlock) -> None:
    count = 3 * MAX_BLOCK_TAGS + 5
    pump = TagPump(ScriptedTagger([block(np.arange(count))]), WallClock())
    blocks = blocks_until(pump, count, lambda: None)
    pump.stop()
    assert [len(one) for one in blocks] == [MAX_BLOCK_TAGS] * 3 + [5]
    assert [one.sequence for one in blocks] == [0, 1, 2, 3]


def test_a_pulled_cable_reaches_every_consumer(lab: SimulatedLab, pump: TagPump) -> None:
    with pump.fanout.subscribe() as first, pump.fanout.subscribe() as second:
        pump.start()
        lab.wait(0.02)
        lab.instruments["tagger"].port.unplug()
        with pytest.raises(LinkError):
            pump.wait_for(10**15, 10.0)
        for subscription in (first, second):
            with pytest.raises(LinkError):
                read_on(subscription)
    assert isinstance(pump.error, LinkError)
    lab.instruments["tagger"].port.plug()
    pump.tagger.link.reconnect()  # type: ignore[attr-defined]  # a driver


@pytest.mark.parametrize(
    "error",
    [
        ProtocolError("no tags"),
        LinkError("unplugged"),
        RuntimeError("a bug in the driver"),
        IndexError("another"),
    ],
)
def test_whatever_ends_the_stream_is_told_to_all_who_wait(
    block: MakeBlock, error: Exception
) -> None:
    pump = TagPump(ScriptedTagger([block([1]), None, error]), WallClock())
    with pump.fanout.subscribe() as subscription:
        pump.start()
        assert subscription.get(10.0) is not None
        with pytest.raises(LabError, match=str(error)):
            subscription.get(10.0)
    with pytest.raises(LabError, match=str(error)):
        pump.wait_for(10**9, 10.0)
    assert not pump.is_running or pump.error is not None
    pump.stop()


def test_a_sink_that_fails_is_told_to_all_who_wait(block: MakeBlock) -> None:
    pump = TagPump(ScriptedTagger([block([1])]), WallClock())

    def sink(_: TagBlock) -> None:
        raise TagLossError("the recorder's queue is full")

    pump.fanout.add_sink(sink)
    pump.start()
    with pytest.raises(TagLossError, match="queue is full"):
        pump.wait_for(10, 10.0)
    pump.stop()


def test_a_pump_that_failed_can_be_started_again(block: MakeBlock) -> None:
    pump = TagPump(ScriptedTagger([LinkError("unplugged")]), WallClock())
    pump.start()
    with pytest.raises(LinkError):
        pump.wait_for(1, 10.0)
    pump.stop()
    pump.tagger.steps.append(block([5]))  # type: ignore[attr-defined]  # the scripted one
    assert [one.start_ps for one in blocks_until(pump, 6, lambda: None)] == [5]
    pump.stop()
    assert not pump.tagger.is_streaming  # type: ignore[attr-defined]  # the scripted one


def test_a_patient_stream_is_still_patient_after_it_was_stopped(block: MakeBlock) -> None:
    """Stopping lets slow consumers go; starting again waits for them again."""
    blocks: list[TagBlock | Exception | None] = [block([n, n]) for n in range(100)]
    tagger = ScriptedTagger([], is_patient=True)
    pump = TagPump(tagger, WallClock())
    with pump.fanout.subscribe(capacity_tags=4) as slow:
        pump.start()
        pump.stop()
        tagger.steps += blocks
        pump.start()
        starts = [one.start_ps for one in (slow.get(10.0) for _ in blocks) if one is not None]
        pump.stop()
    assert starts == list(range(100))


def test_a_tagger_that_does_not_start_says_so(
    start_lab: StartLab, tagger_of: ConnectTagger
) -> None:
    lab = start_lab()
    pump = TagPump(tagger_of(lab), lab)
    lab.instruments["tagger"].port.unplug()
    with pytest.raises(LinkError):
        pump.start()
    assert not pump.is_running
    pump.stop()


def test_waiting_for_tags_that_do_not_come_ends(block: MakeBlock) -> None:
    pump = TagPump(ScriptedTagger([block([1])]), WallClock())
    pump.start()
    assert not pump.wait_for(10**9, 0.02)
    pump.stop()
