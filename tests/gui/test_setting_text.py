"""Settings in words: numbers with units, steps, labels, and lines for scripts and shells."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.gui.setting_text import (
    command_line,
    label_of,
    parse_number,
    script_line,
    step_of,
)


def described(**facts: Any) -> dict[str, Any]:
    """What the copied lines depend on: a number, but for `facts`."""
    return {"is_settable": True, "is_emission": False, **facts}


@pytest.mark.parametrize(
    ("text", "number"),
    [("5", 5), ("5.5", 5.5), (" 5.5 mW", 5.5), ("-1e-3mW", -0.001), ("−2", -2)],
)
def test_numbers_are_read_with_or_without_their_unit(text: str, number: float) -> None:
    assert parse_number(text, "mW") == number


@pytest.mark.parametrize(
    ("limits", "value", "step"),
    [
        ((0.0, 20.0), 5.0, 0.1),
        ((0.0, 360.0), 45.0, 1.0),
        ((0.0, 12.0), 10.0, 0.05),
        ((1e-7, 1e7), 0.25, 0.01),
        ((185.0, 25000.0), 405.0, 10.0),
        (None, None, 0.1),
    ],
)
def test_a_step_suits_the_limits(
    limits: tuple[float, float] | None, value: float | None, step: float
) -> None:
    assert step_of(limits, value) == pytest.approx(step)


def test_labels_leave_the_unit_to_the_value() -> None:
    assert label_of("trigger_level_mv") == "Trigger level"
    assert label_of("is_open") == "Is open"


def test_rows_are_copied_as_scripts_and_commands_write_them() -> None:
    number = described()
    switch = described(is_emission=True)
    reading = described(is_settable=False)
    assert script_line("pump.power_mw", 5.0, number) == 'lab.set("pump.power_mw", 5.0)'
    assert script_line("pump.emission", True, switch) == 'lab.set("pump.emission", True, arm=True)'
    assert script_line("pump.output_mw", 5.0, reading) == 'lab.get("pump.output_mw")'
    assert command_line("pump.power_mw", 5.0, number) == "labctl set pump.power_mw 5.0"
    assert command_line("pump.emission", True, switch) == "labctl set --arm pump.emission on"
    assert command_line("t.threshold_v", -0.5, number) == "labctl set t.threshold_v -- -0.5"
    assert command_line("s.bias_ua", [10.0, 9.5], number) == "labctl set s.bias_ua 10,9.5"
