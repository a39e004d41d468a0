from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from labctl.service.publisher import Publisher
from tests.service.listening import Desk, Listener


def test_the_first_update_is_a_snapshot_then_what_changes(
    publisher: Publisher, listener: Listener, desk: Desk
) -> None:
    desk.state = {"alarms": ["hot"]}
    listener.subscribe("alarms")
    first = listener.next()
    before_ns = time.time_ns()
    publisher.publish("alarms", {"alarms": ["hot", "dark"]})
    second = listener.next()

    assert (first["topic"], first["data"]) == ("snapshot", {"alarms": ["hot"]})
    assert second["version"] == 1
    assert second["topic"] == "alarms"
    assert second["missed"] == 0
    assert second["data"] == {"alarms": ["hot", "dark"]}
    assert before_ns <= second["utc_ns"] <= time.time_ns()


def test_only_the_topics_that_were_asked_for_come(publisher: Publisher, listener: Listener) -> None:
    listener.subscribe("log")
    listener.next()
    publisher.publish("alarms", {"alarms": []})
    publisher.publish("log", {"text": "hello"})

    assert listener.next()["topic"] == "log"


def test_a_sign_of_life_is_answered_and_passed_on(
    publisher: Publisher, listener: Listener, desk: Desk
) -> None:
    del publisher
    listener.subscribe(is_new=False)
    listener.subscribe(is_new=False, client="d")

    assert [listener.next()["topic"], listener.next()["topic"]] == ["alive", "alive"]
    assert desk.beats == ["c", "d"]


def test_of_a_fast_topic_the_newest_comes_at_most_twenty_times_a_second(
    publisher: Publisher, listener: Listener
) -> None:
    listener.subscribe("rates", "log")
    listener.next()
    began_s = time.monotonic()
    for n in range(20_000):
        publisher.publish("rates", {"n": n})
    publisher.publish("log", {"text": "end"})
    updates = listener.until(lambda update: update["data"].get("n") == 19_999)
    took_s = time.monotonic() - began_s

    rates = [update for update in updates if update["topic"] == "rates"]
    assert len(rates) <= took_s / 0.05 + 2
    assert [update["sequence"] for update in rates] == list(range(1, len(rates) + 1))
    assert all(update["missed"] == 0 for update in rates)


def test_of_the_log_everything_comes_in_order(publisher: Publisher, listener: Listener) -> None:
    listener.subscribe("log")
    listener.next()
    for n in range(15):
        publisher.publish("log", {"n": n})

    assert [listener.next()["data"]["n"] for _ in range(15)] == list(range(15))


def test_every_state_of_a_run_comes_in_order(publisher: Publisher, listener: Listener) -> None:
    listener.subscribe("run")
    listener.next()
    publisher.publish("run", {"state": "running", "points_done": 0})
    for n in range(100):
        publisher.publish("run", {"state": "running", "points_done": n})
    publisher.publish("run", {"state": "paused", "points_done": 100})
    publisher.publish("run", {"state": "running", "points_done": 100})
    publisher.publish("run", {"state": "finished", "points_done": 200})

    updates = listener.until(lambda update: update["data"]["state"] == "finished")
    states = [update["data"]["state"] for update in updates]
    changes = [state for n, state in enumerate(states) if states[n - 1 : n] != [state]]
    assert changes == ["running", "paused", "running", "finished"]
    done = [update["data"]["points_done"] for update in updates]
    assert done == sorted(done)


def test_values_that_changed_together_come_together(
    publisher: Publisher, listener: Listener
) -> None:
    listener.subscribe("instruments")
    listener.next()
    publisher.publish("instruments", {"pump": {"power_mw": 1}})
    listener.next()
    publisher.publish("instruments", {"pump": {"power_mw": 2}})
    publisher.publish("instruments", {"pump": {"emission": True}})
    publisher.publish("instruments", {"tagger": {"level": 3}, "pump": {"power_mw": 4}})

    assert listener.next()["data"] == {
        "pump": {"power_mw": 4, "emission": True},
        "tagger": {"level": 3},
    }


def test_a_subscriber_that_reads_nothing_learns_what_it_missed_and_how_things_are(
    publisher: Publisher, listener: Listener, listen: Callable[..., Listener], desk: Desk
) -> None:
    """Its queue and the system's buffers hold some; the rest is counted, and made up for."""
    listener.subscribe("log", "alarms")
    listener.next()
    lively = listen()
    lively.subscribe("log", "alarms", client="lively")
    lively.next()
    filling = "x" * 20_000
    n_published = 400
    for n in range(n_published):
        publisher.publish("log", {"n": n, "filling": filling})
        assert lively.next()["data"]["n"] == n
    publisher.publish("alarms", {"alarms": ["hot"]})
    assert lively.next()["data"] == {"alarms": ["hot"]}
    desk.state = {"alarms": ["hot"], "log": "all of it"}

    updates = listener.until(lambda update: update["topic"] == "alarms")

    logs = [update for update in updates if update["topic"] == "log"]
    (snapshot,) = [update for update in updates if update["topic"] == "snapshot"]
    numbers = [update["data"]["n"] for update in logs]
    gaps = [n - before - 1 for before, n in zip([-1, *numbers], numbers, strict=False)]
    assert [update["missed"] for update in logs] == gaps
    assert numbers[0] == 0
    assert len(logs) < 200
    assert snapshot["missed_of"] == {"log": n_published - 1 - numbers[-1]}
    assert snapshot["data"] == desk.state
    assert updates[-1]["data"] == {"alarms": ["hot"]}
    publisher.publish("log", {"n": n_published})
    final = listener.until(lambda update: update["topic"] == "log")[-1]
    assert (final["missed"], final["sequence"]) == (0, n_published + 1)


def test_publishing_never_waits_for_a_snapshot_that_takes_long(desk: Desk) -> None:
    released = threading.Event()

    def snapshot() -> dict[str, Any]:
        released.wait(10.0)
        return {}

    publisher = Publisher(is_token=lambda _: True, admit=desk.admit, snapshot=snapshot)
    listener = Listener(publisher.endpoint)
    listener.subscribe("log")
    while not desk.beats:
        assert listener.socket.receive(0.01) is None
    began_s = time.monotonic()
    for n in range(5000):
        publisher.publish("log", {"n": n})
    assert time.monotonic() - began_s < 5.0
    released.set()

    updates = listener.until(lambda update: update["topic"] == "log")
    # 2000 wait at most; what was dropped of the others is told.
    assert updates[0]["topic"] == "snapshot"
    assert updates[-1]["data"]["n"] == 3000
    assert updates[-1]["missed"] == 3000
    listener.socket.close()
    publisher.close()


def test_an_update_that_cannot_be_encoded_costs_nobody_the_others(
    publisher: Publisher, listener: Listener
) -> None:
    listener.subscribe("log")
    listener.next()
    circle: dict[str, Any] = {}
    circle["self"] = circle
    publisher.publish("log", circle)
    publisher.publish("log", {("no", "key"): 1})  # type: ignore[dict-item]
    publisher.publish("log", {"text": "fine"})

    assert listener.next()["data"] == {"text": "fine"}


def test_a_topic_that_does_not_exist_is_a_mistake(publisher: Publisher, listener: Listener) -> None:
    with pytest.raises(ValueError, match='there is no topic "wether"; there are: alarms, '):
        publisher.publish("wether", {})

    listener.subscribe("wether")
    refused = listener.next()
    assert refused["topic"] == "refused"
    assert refused["data"]["error"] == "there is no topic wether"
