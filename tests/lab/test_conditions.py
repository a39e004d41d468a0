"""Conditions of rules: what they mean, what is refused, and that nothing is ever evaluated."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError, LimitError
from labctl.lab.condition_text import parse_condition
from labctl.lab.conditions import Quantity, holds, quantities

VALUES = {
    Quantity("snspd", "bias_ua"): (10.0, 12.5, 10.0),
    Quantity("snspd", "temperature_k"): 3.0,
    Quantity("pump", "emission"): True,
    Quantity("pump", "fault"): "none",
    Quantity("alice_h", "rate_hz"): 2e6,
    Quantity("oven", "setpoint_degc"): -5,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snspd.temperature_k > 3.5", False),
        ("snspd.temperature_k>=3", True),
        ("3.5 > snspd.temperature_k", True),
        ("oven.setpoint_degc < -4.5", True),
        ("alice_h.rate_hz > 1e6", True),
        ("alice_h.rate_hz > 2.5E6", False),
        ("pump.emission", True),
        ("not pump.emission", False),
        ("pump.emission == false", False),
        ("pump.emission != false", True),
        ('pump.fault != "none"', False),
        ("pump.fault == 'none'", True),
        # The first comparison is false, the second true, the third true.
        ("snspd.temperature_k > 3.5 or pump.emission and alice_h.rate_hz > 1e6", True),
        ("(snspd.temperature_k > 3.5 or pump.emission) and alice_h.rate_hz > 3e6", False),
        ("not snspd.temperature_k > 3.5 and pump.emission", True),
        ("not (snspd.temperature_k < 3.5 and pump.emission)", False),
        ("not not pump.emission", True),
        # A list holds where any channel does.
        ("snspd.bias_ua > 12", True),
        ("snspd.bias_ua > 13", False),
        ("not snspd.bias_ua > 12", False),
        ("alice_h.rate_hz > snspd.temperature_k", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, expected: bool) -> None:  # noqa: FBT001  a value
    assert holds(parse_condition(text), VALUES) is expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a value, not 'the end' (column 1)"),
        ("snspd.temperature_k >", "expected a value, not 'the end' (column 22)"),
        ("snspd.temperature_k = 3", "'= 3' means nothing here (column 21)"),
        ("temperature_k > 3", "'temperature_k' is not INSTRUMENT.SETTING"),
        ("snspd.temperature.k > 3", "'snspd.temperature.k' is not INSTRUMENT.SETTING"),
        ("1 < snspd.temperature_k < 3", '"<" follows a comparison; join two comparisons'),
        ("(pump.emission", 'expected ")" for the "(" at column 1'),
        ("pump.emission)", 'expected "and", "or" or the end, not \')\' (column 14)'),
        ("pump.emission and", "expected a value, not 'the end'"),
        ("pump.emission pump.emission", 'expected "and", "or" or the end'),
        ("3 and pump.emission", "3 stands alone"),
        ("1 < 2", '"1 < 2" looks at no value of the bench'),
        ("true", "true stands alone"),
        ("__import__('os').system('true')", '".system(\'tru" means nothing here (column 17)'),
        ("__import__('os') == 1", "'__import__' is not INSTRUMENT.SETTING"),
        ("pump.emission[0]", "'[0]' means nothing here"),
        ("pump.fault == none", "'none' is not INSTRUMENT.SETTING or DETECTOR.rate_hz (texts stand"),
        ("pump.power_mw > 3.5.2", "'3.5.2' means nothing here"),
        ("pump.power_mw > 3mw", "'3mw' means nothing here"),
        ("not " * 60 + "pump.emission", "too many parentheses and nots"),
        ("pump.emission or " * 40 + "pump.emission", "at most 500 characters"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_condition(text)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pump.fault > 3", "none"),
        ("pump.fault == 3", "none"),
        ("pump.fault == true", "none"),
        ("pump.fault == 1", True),
        ("pump.fault > 3", math.nan),
        ("not pump.fault > 3", math.nan),
        ("pump.fault > 3", None),
        ("pump.fault > 3", ()),
        ("pump.fault > 3", (1.0, math.nan)),
    ],
)
def test_values_that_cannot_be_compared_are_an_error_and_never_false(text: str, value: Any) -> None:
    with pytest.raises(LimitError):
        holds(parse_condition(text), {Quantity("pump", "fault"): value})


def test_a_part_that_makes_no_sense_is_not_hidden_by_another() -> None:
    values = {Quantity("a", "x"): 5.0, Quantity("b", "x"): math.nan}
    with pytest.raises(LimitError, match="NaN"):
        holds(parse_condition("a.x > 3 or b.x > 3"), values)


def test_a_condition_tells_everything_it_looks_at_once() -> None:
    condition = parse_condition("a.x > 3 and (b.y or not a.x < 1) and 3 < c.z")
    assert quantities(condition) == (Quantity("a", "x"), Quantity("b", "y"), Quantity("c", "z"))


PIECES = [
    "pump.emission", "a.x", "and", "or", "not", "(", ")", "<", ">=", "==", "3", "-1.5", "1e9",
    "true", "'text'", '"', "=", "rate", ".", "$", "\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join) | st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ConfigError:
        return
    assert quantities(condition)


@given(st.booleans(), st.booleans(), st.booleans())
def test_and_binds_tighter_than_or_and_not_tighter_than_both(a: bool, b: bool, c: bool) -> None:  # noqa: FBT001  values
    values = {Quantity(name, "x"): value for name, value in zip("abc", (a, b, c), strict=True)}
    assert holds(parse_condition("a.x or b.x and not c.x"), values) is (a or (b and (not c)))
    assert holds(parse_condition("(a.x or b.x) and not c.x"), values) is ((a or b) and (not c))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.x > 3", None),
        ("not a.x > 3", None),
        ("a.x > 3 or b.yes", True),
        ("a.x > 3 or b.no", None),
        ("a.x > 3 and b.yes", None),
        ("a.x > 3 and b.no", False),
        ("not (a.x > 3 and b.no)", True),
        ("a.x > a.y", None),
    ],
)
def test_what_is_there_decides_where_it_can(text: str, expected: bool | None) -> None:  # noqa: FBT001  a value
    values = {Quantity("b", "yes"): True, Quantity("b", "no"): False}
    assert holds(parse_condition(text), values) is expected
