"""What was set in a window is remembered, newest first, so that it can be set back."""

from __future__ import annotations

import pytest

from labctl.gui.undo import UndoHistory


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock: Clock) -> UndoHistory:
    return UndoHistory(clock)


def test_the_last_change_comes_first(history: UndoHistory) -> None:
    history.note("pump.power_mw", 5.0, 6.0)
    history.note("hwp.angle_deg", 0.0, 45.0)
    last = history.last
    assert last is not None
    assert (last.path, last.former, last.value) == ("hwp.angle_deg", 0.0, 45.0)
    history.forget(last)
    assert history.last is not None
    assert history.last.path == "pump.power_mw"


def test_there_is_nothing_to_undo_at_first(history: UndoHistory) -> None:
    assert history.last is None
    assert history.last_of("pump.power_mw") is None


def test_a_value_that_did_not_change_is_not_remembered(history: UndoHistory) -> None:
    history.note("pump.power_mw", 5.0, 5)
    assert history.last is None


def test_what_was_before_must_be_known(history: UndoHistory) -> None:
    history.note("pump.power_mw", None, 5.0)
    assert history.last is None


def test_steps_in_quick_succession_are_one_change(history: UndoHistory, clock: Clock) -> None:
    for step in range(5):
        history.note("pump.power_mw", 5.0 + step, 6.0 + step)
        clock.now_s += 0.3
    assert history.last is not None
    assert (history.last.former, history.last.value) == (5.0, 10.0)
    history.forget(history.last)
    assert history.last is None


def test_steps_with_a_pause_are_changes_of_their_own(history: UndoHistory, clock: Clock) -> None:
    history.note("pump.power_mw", 5.0, 6.0)
    clock.now_s += 2.0
    history.note("pump.power_mw", 6.0, 7.0)
    assert history.last is not None
    assert history.last.former == 6.0


def test_the_last_change_of_one_setting_is_found_below_others(history: UndoHistory) -> None:
    history.note("pump.power_mw", 5.0, 6.0)
    history.note("hwp.angle_deg", 0.0, 45.0)
    found = history.last_of("pump.power_mw")
    assert found is not None
    assert found.former == 5.0
