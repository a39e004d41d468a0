from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import LimitError
from labctl.transport.plain_json import check_bounds, decode_object, encode_object

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Word(Enum):
    OPEN = "open"


class Told:
    def to_dict(self) -> dict[str, Any]:
        return {"state": Word.OPEN}


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_is_encoded_is_decoded_as_it_was(values: dict[str, Any]) -> None:
    assert decode_object(encode_object(values)) == values


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    try:
        found = decode_object(data)
        check_bounds(found)
    except LimitError:
        return
    assert isinstance(json.loads(data), dict)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"\xff\xfe{\x00}\x00",
        '{"a": 1}'.encode("utf-16"),
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_in_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(LimitError, match="the message is not"):
        decode_object(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1e999}', "not finite"),
        (b'{"a": [[[-1e999]]]}', "not finite"),
        (b'{"a": 9223372036854775808}', "more than 64 bits"),
        (b'{"a": "\\ud800"}', "not Unicode"),
        (b'{"\\udfff": 1}', "not Unicode"),
        (b'{"a": ' + b"[" * 16 + b"]" * 16 + b"}", "deeper than 16"),
        (b'{"a": [' + b"0," * 20_000 + b"0]}", "more than 20000 values"),
    ],
)
def test_a_message_out_of_bounds_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(LimitError, match=said):
        check_bounds(decode_object(data))


@pytest.mark.parametrize(
    "data",
    [b'{"a": 9223372036854775807}', b'{"a": ' + b"[" * 13 + b"1" + b"]" * 13 + b"}"],
)
def test_a_message_at_the_bounds_is_taken(data: bytes) -> None:
    check_bounds(decode_object(data))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": Word.OPEN}, {"a": "open"}),
        ({"a": Path("x") / "y"}, {"a": "x/y"}),
        ({"a": Told()}, {"a": {"state": "open"}}),
        ({"a": np.arange(3)}, {"a": [0, 1, 2]}),
        ({"a": np.float64(0.5), "b": np.int64(7)}, {"a": 0.5, "b": 7}),
        ({"a": math.nan, "b": [math.inf, 1.0]}, {"a": None, "b": [None, 1.0]}),
        ({"a": np.array([1.0, math.nan])}, {"a": [1.0, None]}),
        ({"a": {"b": {3, 1}}}, {"a": {"b": [1, 3]}}),
        (MappingProxyType({"a": MappingProxyType({1: (2,)})}), {"a": {"1": [2]}}),
    ],
)
def test_values_of_the_laboratory_become_plain_ones(
    values: Mapping[str, Any], expected: dict[str, Any]
) -> None:
    assert json.loads(encode_object(dict(values))) == expected
