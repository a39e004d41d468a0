"""The book of alarms: what is wrong stays visible until it is over and somebody has seen it."""

from __future__ import annotations

import threading
import time

import pytest

from labctl.bus import Alarm, Bus, Message, Severity
from labctl.errors import ConfigError
from labctl.lab import AlarmBook


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def book(bus: Bus) -> AlarmBook:
    return AlarmBook(bus)


def raised(book: AlarmBook, severity: Severity = "alarm", text: str = "it is warm") -> int:
    return book.raise_alarm("snspd.warm", severity, "snspd", text)


def test_an_alarm_is_told_with_all_its_facts(book: AlarmBook) -> None:
    before = time.time()
    number = raised(book)
    (entry,) = book.snapshot()
    assert before <= entry.pop("since_utc") <= time.time()
    assert entry == {
        "id": number,
        "key": "snspd.warm",
        "severity": "alarm",
        "source": "snspd",
        "text": "it is warm",
        "is_active": True,
        "is_acknowledged": False,
        "count": 1,
    }


@pytest.mark.parametrize("first", ["acknowledge", "clear"])
def test_an_alarm_leaves_once_it_is_both_over_and_acknowledged(book: AlarmBook, first: str) -> None:
    number = raised(book)
    if first == "clear":
        book.clear("snspd.warm")
    else:
        book.acknowledge(number)
    (entry,) = book.snapshot()
    assert entry["is_active"] is (first == "acknowledge")
    assert entry["is_acknowledged"] is (first == "acknowledge")
    if first == "clear":
        book.acknowledge(number)
    else:
        book.clear("snspd.warm")
    assert book.snapshot() == []


def test_what_is_wrong_again_before_it_was_seen_is_one_entry_that_counts(book: AlarmBook) -> None:
    for _ in range(3):
        raised(book)
        book.clear("snspd.warm")
    (entry,) = book.snapshot()
    assert (entry["count"], entry["is_active"]) == (3, False)


def test_said_again_it_only_renews_the_text_and_stays_acknowledged(book: AlarmBook) -> None:
    number = raised(book)
    book.acknowledge(number)
    assert raised(book, text="it is warmer") == number
    (entry,) = book.snapshot()
    assert (entry["text"], entry["count"], entry["is_acknowledged"]) == ("it is warmer", 1, True)


def test_a_warning_that_becomes_an_alarm_wants_to_be_seen_anew(book: AlarmBook) -> None:
    book.acknowledge(raised(book, "warning"))
    raised(book, "alarm")
    (entry,) = book.snapshot()
    assert (entry["severity"], entry["is_acknowledged"]) == ("alarm", False)


def test_beginning_worsening_and_end_go_to_the_bus_and_repetition_does_not(
    bus: Bus, book: AlarmBook
) -> None:
    with bus.subscribe() as events:
        raised(book, "warning")
        raised(book, "warning", "still warm")
        raised(book, "alarm", "hot")
        raised(book, "alarm", "hotter")
        book.clear("snspd.warm")
        book.clear("snspd.warm")
        told = events.drain()
    assert [
        (e.severity, e.text, e.key) if isinstance(e, Alarm) else e.text
        for e in told
        if isinstance(e, (Alarm, Message))
    ] == [
        ("warning", "it is warm", "snspd.warm"),
        ("alarm", "hot", "snspd.warm"),
        "over: hotter",
    ]


def test_an_unknown_number_is_refused_with_those_that_are_known(book: AlarmBook) -> None:
    number = raised(book)
    with pytest.raises(ConfigError, match=f"no alarm 99; there are: {number}"):
        book.acknowledge(99)


def test_every_change_is_told_without_a_lock(book: AlarmBook) -> None:
    lists: list[int] = []
    book.on_change = lambda: lists.append(len(book.snapshot()))
    number = raised(book)
    raised(book)
    book.clear("snspd.warm")
    book.acknowledge(number)
    assert lists == [1, 1, 0], "what was said again changed nothing"


def test_an_alarm_without_a_key_is_kept_until_it_was_seen(book: AlarmBook) -> None:
    for _ in range(2):
        book.note(Alarm("safe", "NOT CONFIRMED SAFE: pump", utc_ns=5_000_000_000))
    (entry,) = book.snapshot()
    assert (entry["is_active"], entry["count"], entry["since_utc"]) == (False, 2, 5.0)
    book.acknowledge(entry["id"])
    assert book.snapshot() == []


def test_the_book_does_not_grow_without_end(book: AlarmBook) -> None:
    for n in range(2000):
        book.note(Alarm("room", f"door {n} is open"))
    book.raise_alarm("a", "alarm", "a", "a")
    listed = book.snapshot()
    assert len(listed) <= 501
    assert listed[-1]["key"] == "a"


def test_many_threads_lose_no_alarm(book: AlarmBook) -> None:
    def work(place: int) -> None:
        for n in range(50):
            book.raise_alarm(f"{place}", "alarm", "room", str(n))
            book.clear(f"{place}")

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry["key"] for entry in book.snapshot()) == [str(n) for n in range(8)]
    assert {entry["count"] for entry in book.snapshot()} == {50}
