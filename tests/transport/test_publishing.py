from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import zmq

from labctl.errors import LinkError
from labctl.transport.publishing import (
    MAX_UPDATE_BYTES,
    Delivery,
    PublishingSocket,
    SubscribingSocket,
)
from tests.transport.strangers import resident_bytes, send_without_end

PASSWORD = "open sesame"  # noqa: S105  of a test
DEADLINE_S = 5.0


@pytest.fixture
def publisher() -> Iterator[PublishingSocket]:
    opened = PublishingSocket(is_password=lambda text: text == PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def subscriber(publisher: PublishingSocket) -> Iterator[SubscribingSocket]:
    opened = SubscribingSocket(publisher.endpoint, password=PASSWORD)
    yield opened
    opened.close()


def hear(publisher: PublishingSocket) -> tuple[bytes, bytes]:
    deadline_s = time.monotonic() + DEADLINE_S
    while (heard := publisher.receive()) is None:
        assert time.monotonic() < deadline_s, "nothing was received"
        publisher.wait(0.1)
    return heard


def receive(subscriber: SubscribingSocket) -> bytes:
    deadline_s = time.monotonic() + DEADLINE_S
    while (message := subscriber.receive(0.1)) is None:
        assert time.monotonic() < deadline_s, "nothing was received"
    return message


def test_a_subscriber_is_heard_and_told(
    publisher: PublishingSocket, subscriber: SubscribingSocket
) -> None:
    subscriber.send(b"hello")
    address, message = hear(publisher)

    assert message == b"hello"
    assert publisher.send(address, b"update") is Delivery.SENT
    assert receive(subscriber) == b"update"


def test_an_update_to_somebody_who_never_came_is_known_as_such(
    publisher: PublishingSocket,
) -> None:
    assert publisher.send(b"nobody", b"update") is Delivery.GONE


def test_a_subscriber_that_reads_nothing_fills_its_own_queue_and_nobody_waits(
    publisher: PublishingSocket, subscriber: SubscribingSocket
) -> None:
    other = SubscribingSocket(publisher.endpoint, password=PASSWORD)
    subscriber.send(b"slow")
    slow, _ = hear(publisher)
    other.send(b"fast")
    fast, _ = hear(publisher)
    update = bytes(100_000)

    # Twenty messages on either side, and the system's buffers of some 64 kB in between.
    sent = 0
    while publisher.send(slow, update) is Delivery.SENT:
        sent += 1
        assert sent < 100
    assert publisher.send(slow, update) is Delivery.FULL

    assert publisher.send(fast, b"x") is Delivery.SENT
    assert receive(other) == b"x"
    other.close()


def test_a_subscriber_notices_at_once_that_the_publisher_is_gone() -> None:
    publisher = PublishingSocket()
    subscriber = SubscribingSocket(publisher.endpoint)
    subscriber.send(b"hello")
    hear(publisher)

    publisher.close()

    deadline_s = time.monotonic() + DEADLINE_S
    while not subscriber.is_lost:
        assert time.monotonic() < deadline_s
        assert subscriber.receive(0.1) is None
    subscriber.close()


def test_a_subscriber_whose_password_is_wrong_is_not_heard(publisher: PublishingSocket) -> None:
    stranger = SubscribingSocket(publisher.endpoint, password=PASSWORD[::-1])
    stranger.send(b"hello")
    deadline_s = time.monotonic() + DEADLINE_S
    while not stranger.is_lost:
        assert time.monotonic() < deadline_s
        publisher.wait(0.01)
        stranger.receive(0.01)

    assert publisher.receive() is None
    stranger.close()


def test_waiting_ends_when_somebody_wakes_it(
    publisher: PublishingSocket, subscriber: SubscribingSocket
) -> None:
    publisher.wake()
    publisher.wait(None)
    subscriber.wake()

    assert subscriber.receive(DEADLINE_S * 10) is None


@pytest.mark.parametrize("endpoint", ["tcp://10.0.0.5:5000", "ipc://x", ""])
def test_only_this_machine_is_subscribed_to(endpoint: str) -> None:
    with pytest.raises(LinkError, match="this machine only"):
        SubscribingSocket(endpoint)


def test_a_subscriber_takes_no_message_without_end() -> None:
    publisher = PublishingSocket()
    subscriber = SubscribingSocket(publisher.endpoint)
    subscriber.send(b"hello")
    address, _ = hear(publisher)

    publisher.send(address, bytes(MAX_UPDATE_BYTES + 1))

    deadline_s = time.monotonic() + DEADLINE_S
    while not subscriber.is_lost:
        assert time.monotonic() < deadline_s
        assert subscriber.receive(0.1) is None
    subscriber.close()
    publisher.close()


def test_a_message_without_end_from_a_stranger_costs_no_memory(
    publisher: PublishingSocket, subscriber: SubscribingSocket
) -> None:
    before = resident_bytes()

    with pytest.raises(OSError):  # noqa: PT011  broken pipe, or reset
        send_without_end(int(publisher.endpoint.rpartition(":")[2]))

    assert resident_bytes() - before < 20_000_000
    subscriber.send(b"hello")
    assert hear(publisher)[1] == b"hello"


def test_a_stranger_without_password_is_not_heard(publisher: PublishingSocket) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(publisher.endpoint)
        stranger.send(b"hello")
        publisher.wait(0.1)
        publisher.wait(0.1)
        assert publisher.receive() is None
