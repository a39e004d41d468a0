from __future__ import annotations

import numpy as np
import pytest

from labctl.storage.default_plot import default_plot, scans
from labctl.storage.table import Table


def test_rows_become_columns_of_one_type_each() -> None:
    table = Table.of_rows(
        [
            {"n": 1, "x": 0.5, "ok": True, "word": "a", "inner": {"y": 1}, "list": [1, 2]},
            {"n": 2, "x": 1, "ok": False, "word": "b", "inner": {"y": 2}, "list": []},
        ]
    )
    kinds = {name: column.dtype.kind for name, column in table.columns.items()}
    assert kinds == {"n": "i", "x": "f", "ok": "b", "word": "U", "inner.y": "i", "list": "U"}
    assert table.columns["inner.y"].tolist() == [1, 2]
    assert table.columns["list"].tolist() == ["[1,2]", "[]"]
    assert len(table) == 2


def test_what_a_row_lacks_is_nan_or_an_empty_word() -> None:
    table = Table.of_rows([{"n": 1, "word": "a"}, {}, {"n": 3, "never": None}])
    assert table.columns["n"].tolist() == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)
    assert table.columns["word"].tolist() == ["a", "", ""]
    assert np.isnan(table.columns["never"]).all()


def test_whole_numbers_beyond_64_bits_become_floats() -> None:
    assert Table.of_rows([{"n": 2**70}]).columns["n"].tolist() == [2.0**70]


def test_quantities_become_columns_with_their_uncertainties() -> None:
    table = Table.of_quantities(
        [
            {"of": "S", "quantity": "raw", "value": 2.7, "sigma": 0.1},
            {"of": "S", "quantity": "rate_hz", "value": 5.0, "sigma": 0.2},
            {"of": "E", "quantity": "raw", "value": None, "sigma": None},
        ]
    )
    assert list(table.columns) == ["of", "raw", "raw_sigma", "rate_hz", "rate_sigma_hz"]
    assert table.columns["of"].tolist() == ["S", "E"]
    assert table.columns["raw"].tolist() == pytest.approx([2.7, np.nan], nan_ok=True)
    assert table.sigma_of("rate_hz") == "rate_sigma_hz"
    assert table.sigma_of("of") is None


def test_pandas_takes_it_with_the_types() -> None:
    frame = Table.of_rows([{"n": 1, "x": 0.5}, {"n": 2, "x": 1.5}]).to_pandas()
    assert frame["n"].tolist() == [1, 2]
    assert frame["x"].mean() == 1.0


def test_no_rows_are_a_table_too() -> None:
    assert len(Table.of_rows([])) == 0
    assert default_plot(Table.of_rows([]), "number") is None


@pytest.mark.parametrize(
    ("row", "axis", "signal", "others"),
    [
        ({"angle_deg": 1.0, "live_s": 1.0, "a-b": 2}, "angle_deg", "a-b", ()),
        ({"a_hz": 1.0, "b_hz": 1.0, "a-b_hz": 2.0, "c-d_hz": 1.0}, "number", "a-b_hz", ("c-d_hz",)),
        ({"a_hz": 1.0, "b_hz": 1.0, "car": 3.0}, "number", "a_hz", ("b_hz",)),
        ({"power_mw": 1.0, "rate_hz": 2.0, "rate_sigma_hz": 0.1}, "power_mw", "rate_hz", ()),
    ],
)
def test_what_is_measured_is_drawn_over_what_is_set(
    row: dict[str, float], axis: str, signal: str, others: tuple[str, ...]
) -> None:
    table = Table.of_rows(
        [{"number": n} | {name: value * n for name, value in row.items()} for n in (1, 2, 3)]
    )
    plot = default_plot(table, "number")
    assert plot is not None
    assert (plot.axis, plot.signal, plot.others) == (axis, signal, others)


def test_an_axis_that_goes_back_is_none() -> None:
    rows = [{"angle_deg": angle, "rate_hz": 1.0} for angle in (0.0, 10.0, 5.0)]
    plot = default_plot(Table.of_rows(rows), "number")
    assert plot is not None
    assert plot.axis == "number"


def test_scans_are_told_apart_by_a_word() -> None:
    rows = [{"basis": basis, "angle_deg": angle, "n": 1} for basis in "HD" for angle in (0.0, 10.0)]
    found = scans(Table.of_rows(rows))
    assert {word: scan.columns["angle_deg"].tolist() for word, scan in found.items()} == {
        "H": [0.0, 10.0],
        "D": [0.0, 10.0],
    }
    assert scans(Table.of_rows(rows[:2])) == {}
