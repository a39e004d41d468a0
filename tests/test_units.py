from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labctl.units import SYMBOLS, format_quantity, format_uncertain, unit_of

#: House rule: the suffixes of names, in SI and as laboratories write them.
SUFFIXES = {
    "ps": "ps",
    "ns": "ns",
    "us": "µs",
    "ms": "ms",
    "s": "s",
    "hz": "/s",
    "nm": "nm",
    "mw": "mW",
    "dbm": "dBm",
    "db": "dB",
    "deg": "°",
    "rad": "rad",
    "mm": "mm",
    "k": "K",
    "degc": "°C",
    "v": "V",
    "ma": "mA",
    "ua": "µA",
}


@pytest.mark.parametrize(("suffix", "symbol"), SUFFIXES.items())
def test_the_suffix_of_a_name_gives_its_unit(suffix: str, symbol: str) -> None:
    assert unit_of(f"some_long_{suffix}") == symbol


@pytest.mark.parametrize("name", ["mode", "s", "k", "powermw", "power_MW", "", "_", "emission"])
def test_a_name_without_a_known_suffix_has_no_unit(name: str) -> None:
    assert unit_of(name) == ""


def test_the_symbol_micro_is_one_character_everywhere() -> None:
    """U+00B5 and U+03BC look alike and compare unequal."""
    assert not [symbol for symbol in SYMBOLS.values() if "\u03bc" in symbol]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5.0, "mW", "5 mW"),
        (0.123456789, "V", "0.123457 V"),
        (3, "", "3"),
        (True, "", "on"),
        (False, "", "off"),
        ("continuous", "", "continuous"),
        ((1.5, 2), "ps", "1.5, 2 ps"),
    ],
)
def test_a_quantity_is_written_as_people_write_it(value: object, unit: str, text: str) -> None:
    assert format_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (2.70123, 0.01234, "2.701 ± 0.012"),
        (1234567.0, 4321.0, "1\u202f234\u202f600 ± 4\u202f300"),
        (99.95, 12.0, "100 ± 12"),
        (0.5, 1.0, "0.5 ± 1.0"),
        (1.0, 0.0, "1 ± 0"),
        (math.nan, 1.0, "nan ± 1"),
        (1.0, math.inf, "1 ± inf"),
        (0.123, 0.0999, "0.123 ± 0.100"),
    ],
)
def test_an_uncertainty_has_two_digits_and_the_value_ends_with_it(
    value: float, sigma: float, text: str
) -> None:
    assert format_uncertain(value, sigma) == text


def test_the_unit_stands_behind_the_uncertainty() -> None:
    assert format_uncertain(2.5, 0.25, "mW") == "2.50 ± 0.25 mW"


sigmas = st.floats(1e-9, 1e9)


@given(st.floats(-1e9, 1e9), sigmas)
def test_the_text_is_never_off_by_more_than_a_tenth_of_the_uncertainty(
    value: float, sigma: float
) -> None:
    # Below 1e-14 of the value, the digits of a double end before those of the uncertainty.
    assume(sigma > 1e-12 * abs(value))
    shown, error = (
        float(part.replace("\u202f", "")) for part in format_uncertain(value, sigma).split(" ± ")
    )
    # Two digits of sigma: its last digit is at most a tenth of it, rounding is half of that.
    assert abs(shown - value) <= 0.0501 * sigma
    assert abs(error - sigma) <= 0.0501 * sigma


@given(st.floats(-1e9, 1e9), sigmas)
def test_value_and_uncertainty_have_equally_many_decimals(value: float, sigma: float) -> None:
    decimals = [len(p.partition(".")[2]) for p in format_uncertain(value, sigma).split(" ± ")]
    assert decimals[0] == decimals[1]


@given(st.floats(), st.floats())
def test_any_two_numbers_can_be_written(value: float, sigma: float) -> None:
    assert " ± " in format_uncertain(value, sigma)
