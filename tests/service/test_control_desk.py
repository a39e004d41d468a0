from __future__ import annotations

import re

import pytest

from labctl.errors import InterlockError, LimitError
from labctl.service.control import Client, ControlDesk, ControlEvent, UnknownClientError


class Record:
    """A desk whose clock the test moves, and everything that it told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events: list[ControlEvent] = []
        self.gone: list[Client] = []
        self.desk = ControlDesk(lost_after_s=15.0, now_s=lambda: self.now_s)
        self.desk.on_event = self.events.append
        self.desk.on_operator_gone = self.gone.append

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.desk.expire()


@pytest.fixture
def record() -> Record:
    return Record()


def join(record: Record, name: str) -> Client:
    return record.desk.hello(name, 1, "script")


def test_control_that_is_free_is_taken_at_once(record: Record) -> None:
    anna = join(record, "anna")

    record.desk.take(anna.id)

    assert record.desk.operator == anna
    assert record.kinds == ["joined", "taken"]


def test_control_that_is_held_is_refused_with_the_holders_name(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    record.desk.take(anna.id)

    said = r"anna \(script, process 1\) has held control since \d\d:\d\d:\d\d\. Ask for it"
    with pytest.raises(InterlockError, match=said):
        record.desk.take(bert.id)
    assert record.desk.operator == anna


def test_control_taken_by_force_is_told_to_both(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    record.desk.take(anna.id)

    record.desk.take(bert.id, force=True)

    event = record.events[-1]
    assert record.desk.operator == bert
    assert (event.kind, event.client, event.other) == ("taken_by_force", bert, anna)
    assert re.fullmatch(r"bert .* took control from anna .* by force", event.text)
    assert record.gone == []


def test_taking_control_twice_changes_nothing(record: Record) -> None:
    anna = join(record, "anna")
    record.desk.take(anna.id)
    record.desk.take(anna.id)

    assert record.kinds == ["joined", "taken"]


def test_control_is_given_by_its_holder_only(record: Record) -> None:
    anna, bert, cora = (join(record, name) for name in ("anna", "bert", "cora"))
    with pytest.raises(InterlockError, match="nobody holds control"):
        record.desk.give(anna.id, bert.id)
    record.desk.take(anna.id)
    with pytest.raises(InterlockError, match=r"anna .* has held control"):
        record.desk.give(bert.id, cora.id)

    record.desk.give(anna.id, bert.id)

    assert record.desk.operator == bert
    with pytest.raises(InterlockError, match=r"bert .* has held control"):
        record.desk.release(anna.id)


def test_control_is_not_given_to_somebody_who_is_lost(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    record.desk.take(anna.id)
    record.now_s = 10.0
    record.desk.beat(anna.id)
    record.pass_time(6.0)

    with pytest.raises(InterlockError, match=r"bert .* does not answer"):
        record.desk.give(anna.id, bert.id)


def test_control_that_is_released_is_free(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    record.desk.take(anna.id)
    record.desk.release(anna.id)

    record.desk.authorize(bert)
    record.desk.take(bert.id)

    assert record.gone == []
    assert record.desk.snapshot()["operator"] == bert.id


def test_while_somebody_holds_control_only_the_holder_may_change_things(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    one_shot = Client("", "carla@desk 7", "one-shot")
    for client in (anna, bert, one_shot):
        record.desk.authorize(client)

    record.desk.take(anna.id)

    record.desk.authorize(anna)
    for client in (bert, one_shot):
        with pytest.raises(InterlockError, match="take it by force"):
            record.desk.authorize(client)


def test_a_client_that_is_silent_for_too_long_is_lost_once(record: Record) -> None:
    anna = join(record, "anna")
    record.pass_time(15.0)
    assert record.kinds == ["joined"]

    record.pass_time(0.1)
    record.pass_time(100.0)

    assert record.kinds == ["joined", "lost"]
    assert record.events[-1].text.endswith("has been silent for 15 s")
    assert record.desk.client(anna.id).is_lost
    assert record.gone == []


def test_control_of_a_lost_operator_is_free_and_comes_back_with_it(record: Record) -> None:
    anna = join(record, "anna")
    record.desk.take(anna.id)
    record.pass_time(16.0)
    assert record.desk.operator is None
    assert [client.id for client in record.gone] == [anna.id]

    record.desk.beat(anna.id)

    assert record.desk.snapshot()["operator"] == anna.id
    assert record.kinds == ["joined", "taken", "lost", "returned"]
    assert record.events[-1].text.endswith("is back and has control again")


def test_a_lost_operator_gets_nothing_back_that_somebody_else_took(record: Record) -> None:
    anna = join(record, "anna")
    record.desk.take(anna.id)
    record.pass_time(16.0)
    bert = join(record, "bert")
    record.desk.take(bert.id)
    record.desk.release(bert.id)

    record.desk.beat(anna.id)

    assert record.desk.operator is None
    assert record.kinds[-1] == "returned"


def test_an_operator_that_says_goodbye_is_gone_too(record: Record) -> None:
    anna, bert = join(record, "anna"), join(record, "bert")
    record.desk.take(anna.id)

    record.desk.goodbye(anna.id)
    record.desk.goodbye(bert.id)

    assert record.desk.operator is None
    assert record.gone == [anna]
    assert record.kinds[-2:] == ["left", "left"]
    with pytest.raises(UnknownClientError, match="say hello again"):
        record.desk.beat(anna.id)


def test_only_so_many_clients_are_taken_and_lost_ones_make_room(record: Record) -> None:
    first = join(record, "first")
    for n in range(63):
        join(record, f"client {n}")
    with pytest.raises(LimitError, match="64 clients are connected, which is the most"):
        join(record, "one more")

    record.now_s = 10.0
    for client in record.desk.snapshot()["clients"][1:]:
        record.desk.beat(client["id"])
    record.pass_time(6.0)
    late = join(record, "late")

    ids = [client["id"] for client in record.desk.snapshot()["clients"]]
    assert first.id not in ids
    assert ids[-1] == late.id
    assert len(ids) == 64


def test_an_unknown_client_can_do_nothing(record: Record) -> None:
    for act in (record.desk.beat, record.desk.take, record.desk.goodbye, record.desk.client):
        with pytest.raises(UnknownClientError):
            act("nobody")


def test_a_desk_finds_lost_clients_by_itself() -> None:
    desk = ControlDesk(lost_after_s=0.05)
    lost: list[str] = []
    desk.on_event = lambda event: lost.append(event.kind)
    desk.hello("anna", 1, "script")
    desk.start()
    try:
        for _ in range(1000):
            if "lost" in lost:
                break
            desk._is_closing.wait(0.005)
        assert lost == ["joined", "lost"]
    finally:
        desk.close()
