"""The queue outlives its service: whole, in order, held, and disarmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.runs import LabSession, open_lab
from labctl.service.kept_queue import KeptQueue
from labctl.service.queue import RunQueue

#: What an entry holds besides its experiment.
REST = '"parameters": {}, "label": "", "arm": null, "folder": null}'
MakeQueue = Callable[[], tuple[RunQueue, KeptQueue]]


@pytest.fixture
def session() -> Iterator[LabSession]:
    with open_lab(simulated=True, speed=0) as opened:
        yield opened


@pytest.fixture
def make_queue(session: LabSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeQueue:
    """Return a maker of queues that begins nothing, each as a new service would have it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def make() -> tuple[RunQueue, KeptQueue]:
        queue, kept = RunQueue(session), KeptQueue("test")
        queue.on_change = lambda: kept.keep(queue.waiting())
        return queue, kept

    return make


def kept_file(folder: Path) -> Path:
    return folder / "labctl" / "services" / "test.queue.json"


def test_what_waits_is_back_in_order_held_and_disarmed(make_queue: MakeQueue) -> None:
    former, _ = make_queue()
    former.add("counting", {"dwell_s": 0.5}, label="one", arm=True, folder="/data")
    former.add("counting", {"dwell_s": 0.2}, label="two", arm=False)
    former.add("counting", {}, label="three", scan=["pump.power_mw 1:3:3"])
    former.move("2", 0)

    queue, kept = make_queue()
    told = kept.bring_back(queue)

    found = queue.waiting()
    assert [(e.label, e.arm) for e in found] == [("two", False), ("one", None), ("three", None)]
    assert found[1].parameters == {"dwell_s": 0.5}
    assert found[1].folder == Path("/data")
    assert (found[2].experiment, found[2].points) == ("scan", 3)
    assert queue.to_dict()["is_held"]
    assert "3 to run; 1 armed before and not any more" in told


def test_what_has_left_the_queue_does_not_come_back(make_queue: MakeQueue) -> None:
    former, _ = make_queue()
    former.add("counting", {})
    former.remove("1")
    queue, kept = make_queue()
    assert kept.bring_back(queue) == ""
    assert queue.waiting() == []
    assert not queue.to_dict()["is_held"]


@pytest.mark.parametrize(
    ("text", "told", "left"),
    [
        ("{", "cannot be read", 0),
        ("{}", "holds no queue", 0),
        ('[5, {"experiment": "counting"}]', "2 entries of", 0),
        (
            f'[{{"experiment": 7, {REST}, {{"experiment": "counting", {REST}]',
            "not taken: 7: ",
            1,
        ),
        (
            f'[{{"experiment": "countin", {REST}, {{"experiment": "counting", {REST}]',
            "not taken: countin: ",
            1,
        ),
    ],
)
def test_what_makes_no_sense_is_said_and_keeps_nothing_else_out(
    make_queue: MakeQueue, tmp_path: Path, text: str, told: str, left: int
) -> None:
    queue, kept = make_queue()
    kept_file(tmp_path).write_text(text, encoding="utf-8")
    assert told in kept.bring_back(queue)
    assert len(queue.waiting()) == left


def test_only_changes_are_written(make_queue: MakeQueue, tmp_path: Path) -> None:
    queue, kept = make_queue()
    queue.add("counting", {})
    before_ns = kept_file(tmp_path).stat().st_mtime_ns
    inode = kept_file(tmp_path).stat().st_ino
    queue.hold()
    kept.keep(queue.waiting())
    assert (kept_file(tmp_path).stat().st_mtime_ns, kept_file(tmp_path).stat().st_ino) == (
        before_ns,
        inode,
    )
