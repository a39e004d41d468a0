from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated_devices.devices.websq_commands import cut_objects

ITEMS = [
    {"command": "SetAllTriggerLevels", "label": 'brace } and quote " \\', "value": [5, 6, 7]},
    {"request": "StartAutoIV", "nested": {"a": {}}},
    {"command": "SetMeasurementPeriod", "value": 50},
]


# One public client puts nothing between its objects, another a line feed.
@pytest.mark.parametrize("gap", ["", "\n", " \r\n "])
@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_objects_are_found_however_the_text_is_cut(gap: str, cuts: list[int]) -> None:
    text = gap.join(json.dumps(item) for item in ITEMS)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    found, rest = [], ""
    for start, stop in pairwise(places):
        objects, rest = cut_objects(rest + text[start:stop])
        found += objects
    assert [json.loads(item) for item in found] == ITEMS
    assert rest == ""


def test_what_stands_between_objects_is_passed_over() -> None:
    assert cut_objects('} "x" {"a": 1} junk {"b"') == (['{"a": 1}'], '{"b"')


def test_an_object_without_end_is_not_kept_for_ever() -> None:
    assert cut_objects('{"a": "' + "x" * 2_000_000) == ([], "")
