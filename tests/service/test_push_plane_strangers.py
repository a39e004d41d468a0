from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.service.publisher import Publisher
from tests.service.listening import DEADLINE_S, Desk, Listener

FUZZ = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version: Input should be 1"),
        ({"topics": "log"}, "topics: Input should be a valid list"),
        ({"topics": ["log"] * 33}, "at most 32 items"),
        ({"client": ""}, "at least 1 character"),
        ({"client": "unknown"}, "say hello again"),
        ({"extra": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_subscription_is_told_what_is_wrong(
    publisher: Publisher, listener: Listener, changes: dict[str, Any], said: str
) -> None:
    listener.subscribe("log", **changes)

    refused = listener.next()
    assert refused["topic"] == "refused"
    assert said in refused["data"]["error"]
    assert publisher._subscribers == {}


def test_whoever_does_not_know_the_token_gets_nothing(
    listener: Listener, listen: Callable[..., Listener], desk: Desk
) -> None:
    for token in ("", "of another laboratory", None, 7, ["x"], "ü"):
        listener.subscribe("log", token=token)
    stranger = listen(password="")
    stranger.subscribe("log")
    listener.subscribe("log")

    assert listener.next()["topic"] == "snapshot"
    assert desk.beats == ["c"]
    assert stranger.socket.receive(0.1) is None


@FUZZ
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_met_with_silence(
    publisher: Publisher, listener: Listener, data: bytes
) -> None:
    listener.socket.send(data)
    listener.subscribe("log", is_new=False)

    assert listener.next()["topic"] == "alive"
    assert len(publisher._subscribers) == 1


@FUZZ
@given(
    changes=st.dictionaries(
        st.sampled_from(["version", "client", "topics", "is_new", "x"]),
        st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=9), max_size=4),
        min_size=1,
    )
)
def test_any_fields_are_answered(
    publisher: Publisher, listener: Listener, changes: dict[str, Any]
) -> None:
    listener.subscribe("log", **changes)

    assert listener.next()["topic"] in {"refused", "alive", "snapshot"}
    assert len(publisher._subscribers) <= 1


def test_strangers_that_speak_something_else_do_not_disturb(
    publisher: Publisher, listener: Listener
) -> None:
    port = int(publisher.endpoint.rpartition(":")[2])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(range(256)) * 10)
    listener.subscribe("log")

    assert listener.next()["topic"] == "snapshot"


def test_subscribers_that_left_are_forgotten_and_too_many_are_refused(
    publisher: Publisher,
) -> None:
    listeners = [Listener(publisher.endpoint) for _ in range(64)]
    for present in listeners:
        present.subscribe("log")
        assert present.next()["topic"] == "snapshot"
    late = Listener(publisher.endpoint)
    late.subscribe("log")
    assert "64 clients have subscribed" in late.next()["data"]["error"]

    listeners.pop().socket.close()
    deadline_s = time.monotonic() + DEADLINE_S
    answer = "refused"
    while answer != "snapshot":
        assert time.monotonic() < deadline_s
        late.subscribe("log")
        answer = late.next()["topic"]

    assert len(publisher._subscribers) == 64
    for present in [*listeners, late]:
        present.socket.close()
    publisher.publish("log", {"text": "anybody there?"})
    while publisher._subscribers:
        assert time.monotonic() < deadline_s
        publisher.publish("log", {"text": "anybody there?"})
