"""Columns of points are called by what they hold, with the unit that they have."""

from __future__ import annotations

import pytest

from labctl.gui.experiments.columns import column_title, value_text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("alice_h_rate_hz", "alice_h_rate (/s)"),
        # Coincidences of two detectors, the second of which is called bob_v.
        ("alice_h-bob_v", "alice_h-bob_v"),
        ("alice_h-bob_v_rate_hz", "alice_h-bob_v_rate (/s)"),
        ("visibility", "visibility"),
    ],
)
def test_a_column_has_its_unit_and_a_pair_of_detectors_has_none(name: str, title: str) -> None:
    assert column_title(name) == title


def test_the_uncertainty_of_a_pair_is_found_beside_it() -> None:
    row = {"alice_h-bob_v": 400.0, "alice_h-bob_v_sigma": 20.0}
    assert value_text(row, "alice_h-bob_v") == "400 ± 20"
    assert value_text(row, "bob_h") == "–"
