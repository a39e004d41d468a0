from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LabError, LinkError, TagLossError
from labctl.tags import TagBlock, TagFanout, TagSubscription

MakeBlock = Callable[..., TagBlock]


def drain(subscription: TagSubscription) -> list[TagBlock]:
    blocks = []
    while (block := subscription.get(0)) is not None:
        blocks.append(block)
    return blocks


def test_every_consumer_gets_every_block_in_order(block: MakeBlock) -> None:
    fanout = TagFanout()
    sunk: list[TagBlock] = []
    fanout.add_sink(sunk.append)
    blocks = [block([n]) for n in range(100)]
    with fanout.subscribe() as first, fanout.subscribe() as second:
        for one in blocks:
            fanout.publish(one)
        assert drain(first) == drain(second) == sunk == blocks


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 30))
def test_a_consumer_gets_everything_or_is_told_of_the_first_loss(
    block: MakeBlock, sizes: list[int], capacity_tags: int
) -> None:
    fanout = TagFanout()
    blocks = [block([n] * size, start_ps=n, stop_ps=n + 1) for n, size in enumerate(sizes)]
    # Whatever fits is carried, and one block whatever its size; after a loss, nothing.
    fits = [n == 0 or sum(sizes[: n + 1]) <= capacity_tags for n in range(len(blocks))]
    carried = blocks[: [*fits, False].index(False)]
    with fanout.subscribe(capacity_tags) as subscription:
        for one in blocks:
            fanout.publish(one)
        assert [subscription.get(0) for _ in carried] == carried
        if carried == blocks:
            assert subscription.get(0) is None
        else:
            with pytest.raises(TagLossError):
                subscription.get(0)


def test_a_loss_says_how_much_and_from_when(block: MakeBlock) -> None:
    fanout = TagFanout()
    with fanout.subscribe(capacity_tags=3) as slow, fanout.subscribe() as other:
        for n in range(3):
            fanout.publish(block([10 * n, 10 * n + 1]))
        assert len(drain(other)) == 3
        assert slow.get(0) is not None
        with pytest.raises(TagLossError, match="fell behind by 2 tags; tags from 10 ps on"):
            slow.get(0)
        # The loss stays: a consumer must not go on as if nothing had happened.
        fanout.publish(block([50]))
        with pytest.raises(TagLossError):
            slow.get(0)


def test_room_that_was_read_can_be_used_again(block: MakeBlock) -> None:
    fanout = TagFanout()
    with fanout.subscribe(capacity_tags=2) as subscription:
        for n in range(50):
            fanout.publish(block([n, n]))
            assert subscription.get(0) is not None


def test_cleared_blocks_are_no_loss_and_make_room(block: MakeBlock) -> None:
    fanout = TagFanout()
    with fanout.subscribe(capacity_tags=2) as subscription:
        fanout.publish(block([1, 2]))
        subscription.clear()
        fanout.publish(block([3, 4]))
        assert [one.start_ps for one in drain(subscription)] == [3]


def test_a_failure_reaches_every_consumer_after_the_blocks_before_it(block: MakeBlock) -> None:
    fanout = TagFanout()
    with fanout.subscribe() as first, fanout.subscribe() as second:
        fanout.publish(block([1]))
        fanout.fail(LinkError("unplugged"))
        for subscription in (first, second):
            assert subscription.get(0) is not None
            with pytest.raises(LinkError, match="unplugged"):
                subscription.get(0)


def test_the_first_failure_is_the_one_that_is_told() -> None:
    fanout = TagFanout()
    with fanout.subscribe() as subscription:
        fanout.fail(LinkError("the cause"))
        fanout.fail(LabError("a consequence"))
        with pytest.raises(LinkError, match="the cause"):
            subscription.get(0)


def test_a_waiting_consumer_is_woken_by_a_failure() -> None:
    fanout = TagFanout()
    told: list[Exception] = []

    def consume(subscription: TagSubscription) -> None:
        try:
            subscription.get(30.0)
        except LabError as error:
            told.append(error)

    with fanout.subscribe() as subscription:
        consumer = threading.Thread(target=consume, args=(subscription,))
        consumer.start()
        fanout.fail(LinkError("unplugged"))
        consumer.join()
    assert [str(error) for error in told] == ["unplugged"]


def test_who_left_gets_nothing_more(block: MakeBlock) -> None:
    fanout = TagFanout()
    sunk: list[TagBlock] = []
    fanout.add_sink(sunk.append)
    subscription = fanout.subscribe()
    subscription.close()
    subscription.close()
    fanout.remove_sink(sunk.append)
    fanout.publish(block([1]))
    assert subscription.get(0) is None
    assert sunk == []


def test_a_patient_stream_waits_for_its_slowest_consumer(block: MakeBlock) -> None:
    fanout = TagFanout(is_patient=True)
    blocks = [block([n, n]) for n in range(200)]

    def publish() -> None:
        for one in blocks:
            fanout.publish(one)

    with fanout.subscribe(capacity_tags=4) as subscription:
        publisher = threading.Thread(target=publish)
        publisher.start()
        assert [subscription.get(10.0) for _ in blocks] == blocks
        publisher.join()


def test_a_patient_stream_does_not_wait_for_who_left(block: MakeBlock) -> None:
    fanout = TagFanout(is_patient=True)
    subscription = fanout.subscribe(capacity_tags=1)
    fanout.publish(block([1]))
    publisher = threading.Thread(target=fanout.publish, args=(block([2]),))
    publisher.start()
    subscription.close()
    publisher.join()


def test_a_sink_that_cannot_carry_more_stops_the_publisher(block: MakeBlock) -> None:
    fanout = TagFanout()

    def sink(_: TagBlock) -> None:
        raise TagLossError("the recorder's queue is full")

    fanout.add_sink(sink)
    with pytest.raises(TagLossError, match="queue is full"):
        fanout.publish(block([1]))
