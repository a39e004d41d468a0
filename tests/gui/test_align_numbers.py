"""Numbers that one aligns by, and the steps of actuators: closed forms."""

from __future__ import annotations

import math

import pytest

from labctl.gui.actuator_steps import next_step, step_ladder, stepped
from labctl.gui.align_numbers import AlignNumber, names_for, shown_of
from tests.gui.live_rates import rates


def test_a_visibility_has_the_uncertainty_that_propagation_gives() -> None:
    shown = shown_of(AlignNumber("visibility", "a-b", "a-c"), {"rates": rates(900)})
    assert shown.value == pytest.approx(0.8)
    # dV/da = 2b/(a + b)^2 and dV/db = -2a/(a + b)^2 with sigma^2 = counts.
    expected = 2 * math.sqrt(100**2 * 900 + 900**2 * 100) / 1000**2
    assert shown.sigma == pytest.approx(expected)
    swapped = shown_of(AlignNumber("visibility", "a-c", "a-b"), {"rates": rates(900)})
    assert swapped.value == pytest.approx(0.8)


def test_the_car_is_what_exceeds_accidentals_by_accidentals() -> None:
    shown = shown_of(AlignNumber("CAR", "a-b"), {"rates": rates(1010)})
    # (1010 - 10)/10; sigma of C/A from sqrt(1010) and 0.1 relative to 10.
    assert shown.value == pytest.approx(100.0)
    assert shown.sigma == pytest.approx(math.hypot(math.sqrt(1010) / 10, 101 * 0.1 / 10))


def test_without_live_time_or_stream_there_is_no_number_but_a_reason() -> None:
    number = AlignNumber("coincidences", "a-b")
    broken = rates(5)
    broken["taggers"]["tagger"]["error"] = "unplugged"
    assert "unplugged" in shown_of(number, {"rates": broken}).trouble
    dark = rates(5)
    dark["taggers"]["tagger"]["pairs"]["a-b"]["rate_hz"] = None
    assert shown_of(number, {"rates": dark}).digits == "–"
    assert shown_of(number, {"rates": dark}).trouble == "no live time"
    assert shown_of(number, {}).trouble


def test_numeric_readings_of_all_instruments_can_be_shown() -> None:
    latest = {
        "instruments": {
            "meter": {
                "power_mw": {"value": 1.5, "state": "stale", "error": ""},
                "model": {"value": "S120C", "state": "fresh", "error": ""},
                "is_on": {"value": True, "state": "fresh", "error": ""},
                "bias_ua": {"value": [1.0, 2.5], "state": "fresh", "error": ""},
            }
        }
    }
    assert names_for("reading", latest) == [
        "meter.power_mw",
        "meter.bias_ua[0]",
        "meter.bias_ua[1]",
    ]
    power = shown_of(AlignNumber("reading", "meter.power_mw"), latest)
    assert (power.digits, power.unit) == ("1.5", "mW")
    assert "STALE" in power.trouble
    assert shown_of(AlignNumber("reading", "meter.bias_ua[1]"), latest).value == 2.5


def test_the_steps_of_an_actuator_suit_its_limits() -> None:
    assert step_ladder((0.0, 360.0), 0.0) == (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
    # Limits over fourteen decades say nothing; the value does.
    assert step_ladder((1e-7, 1e7), 0.2)[-1] == 0.02
    assert step_ladder(None, 0.0)[-1] == 0.1


@pytest.mark.parametrize(
    ("step", "coarser", "finer"), [(1.0, 2.0, 0.5), (0.2, 0.5, 0.1), (3.0, 5.0, 2.0), (50, 100, 20)]
)
def test_page_keys_go_through_1_2_5(step: float, coarser: float, finer: float) -> None:
    assert next_step(step, 1) == coarser
    assert next_step(step, -1) == finer


def test_steps_add_up_as_decimals_and_end_at_the_limits() -> None:
    value = 0.0
    for _ in range(3):
        value = stepped(value, 0.1, 1, (0.0, 1.0)) or 0.0
    assert value == 0.3
    assert stepped(0.95, 0.1, 1, (0.0, 1.0)) == 1.0
    assert stepped(1.0, 0.1, 1, (0.0, 1.0)) is None
