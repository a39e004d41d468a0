from __future__ import annotations

import threading
import time
from dataclasses import FrozenInstanceError

import pytest

from labctl.bus import Alarm, Bus, Level, Message


def test_every_subscriber_gets_every_event_in_order() -> None:
    bus = Bus()
    with bus.subscribe() as first, bus.subscribe() as second:
        for n in range(100):
            bus.publish(n)
        assert first.drain() == list(range(100))
        assert [second.get(0) for _ in range(100)] == list(range(100))


def test_a_subscriber_that_never_reads_does_not_stall_the_publisher() -> None:
    bus = Bus()
    with bus.subscribe(capacity=10) as slow, bus.subscribe(capacity=100_000) as fast:
        for n in range(50_000):
            bus.publish(n)
        assert slow.drain() == list(range(49_990, 50_000))
        assert slow.missed == 49_990
        assert (len(fast.drain()), fast.missed) == (50_000, 0)


def test_what_was_missed_is_counted_over_the_whole_subscription() -> None:
    bus = Bus()
    with bus.subscribe(capacity=2) as subscription:
        for n in range(5):
            bus.publish(n)
        subscription.drain()
        for n in range(3):
            bus.publish(n)
        assert subscription.missed == 3 + 1


def test_a_closed_subscription_receives_nothing_more_and_can_be_drained() -> None:
    bus = Bus()
    subscription = bus.subscribe()
    bus.publish("before")
    subscription.close()
    subscription.close()
    bus.publish("after")
    assert subscription.drain() == ["before"]


def test_get_returns_none_when_nothing_comes() -> None:
    with Bus().subscribe() as subscription:
        assert subscription.get(0.01) is None


def test_a_waiting_consumer_is_woken_by_an_event() -> None:
    bus = Bus()
    got: list[object] = []
    with bus.subscribe() as subscription:
        consumer = threading.Thread(target=lambda: got.append(subscription.get(10.0)))
        consumer.start()
        bus.publish("now")
        consumer.join()
    assert got == ["now"]


def test_events_of_many_threads_all_arrive_each_thread_in_its_order() -> None:
    bus = Bus()

    def publish(t: int) -> None:
        for n in range(5000):
            bus.publish((t, n))

    with bus.subscribe(capacity=40_000) as subscription:
        threads = [threading.Thread(target=publish, args=(t,)) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        events = subscription.drain()
    assert len(events) == 20_000
    for t in range(4):
        assert [e for e in events if isinstance(e, tuple) and e[0] == t] == [
            (t, n) for n in range(5000)
        ]


def test_an_event_knows_when_it_happened_and_cannot_be_changed() -> None:
    before_ns = time.time_ns()
    message = Message(source="pump", text="on")
    assert before_ns <= message.utc_ns <= time.time_ns()
    assert message.level is Level.INFO
    with pytest.raises(FrozenInstanceError):
        message.text = "off"  # type: ignore[misc]  # that it is refused is the point
    assert Alarm(source="pump", text="trip", utc_ns=5).utc_ns == 5
