from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from labctl.figures import render, scan_figure


def series(of: str, quantity: str, values: list[float | None]) -> dict[str, Any]:
    estimates = [None if value is None else {"value": value, "sigma": 0.5} for value in values]
    return {"of": of, "quantity": quantity, "estimates": estimates}


def scan(settings: list[str], points: list[list[Any]], *quantities: Any) -> dict[str, Any]:
    axes = [
        {"setting": setting, "values": sorted({point[index] for point in points})}
        for index, setting in enumerate(settings)
    ]
    return {"axes": axes, "points": points, "quantities": list(quantities)}


def panels(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def maps(figure: Figure) -> list[np.ndarray[Any, Any]]:
    """Return the drawn maps, rows of the slow axis from the bottom."""
    found = []
    for axes in figure.axes:
        mesh = axes.collections[0] if axes.get_title(loc="left") else None
        if isinstance(mesh, QuadMesh):
            values = mesh.get_array()
            assert values is not None
            found.append(np.ma.filled(values, np.nan))
    return found


def legend(figure: Figure) -> Legend:
    found = figure.axes[0].get_legend()
    assert found is not None
    return found


def test_one_axis_gives_a_panel_per_quantity_with_the_points_in_their_places() -> None:
    result = scan(
        ["pump.power_mw"],
        [[1.0], [3.0], [2.0]],
        series("alice_h", "singles_hz", [10, 30, 20]),
        series("bob_h", "singles_hz", [11, 31, None]),
        series("alice_h-bob_h", "car", [5, 7, 6]),
    )

    figure = scan_figure(result, title="scan 1a2b3c", simulated=True)
    render(figure)

    assert panels(figure) == ["singles (/s)", "car"]
    singles = figure.axes[0]
    assert singles.get_xlabel() == "pump.power (mW)"
    assert [text.get_text() for text in legend(figure).get_texts()] == ["alice_h", "bob_h"]
    drawn = [
        np.asarray(line.get_xydata()) for line in singles.lines if line.get_marker() in {"o", "s"}
    ]
    assert drawn[0].tolist() == [[1, 10], [2, 20], [3, 30]]
    # What is not known is not drawn.
    known = [points.tolist() for points in drawn if np.isfinite(points).all()]
    assert [[1, 11], [3, 31]] in known


def test_two_axes_give_maps_whatever_the_order_in_which_the_points_were_taken() -> None:
    result = scan(
        ["a.x_deg", "b.y_mw"],
        [[0.0, 1.0], [0.0, 2.0], [5.0, 2.0], [5.0, 1.0]],
        series("one", "counts_hz", [1, 2, 4, 3]),
        series("two", "counts_hz", [1, None, 4, 3]),
    )

    figure = scan_figure(result, title="")
    render(figure)

    assert panels(figure) == ["one\ncounts (/s)", "two\ncounts (/s)"]
    first, second = maps(figure)
    assert first.tolist() == [[1, 2], [3, 4]]
    assert np.isnan(second[0, 1])
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("b.y (mW)", "a.x (°)")


@pytest.mark.parametrize("n_axes", [1, 2])
def test_words_on_an_axis_are_written_in_the_order_of_the_scan(n_axes: int) -> None:
    points = [[word, 1.0][:n_axes] for word in ("internal", "external")]
    settings = ["tagger.clock_source", "pump.power_mw"][:n_axes]

    figure = scan_figure(scan(settings, points, series("a", "b_hz", [1, 2])), title="")
    render(figure)

    place = figure.axes[0].xaxis if n_axes == 1 else figure.axes[0].yaxis
    assert [label.get_text() for label in place.get_ticklabels()] == ["internal", "external"]


def test_more_than_people_look_at_is_said_to_be_left_out() -> None:
    many = [series(f"pair {n}", "counts_hz", [1.0, 2.0]) for n in range(11)]
    line = scan_figure(scan(["a.x_deg"], [[1.0], [2.0]], *many), title="")
    both = scan_figure(scan(["a.x_deg", "b.y_mw"], [[1.0, 1.0], [2.0, 1.0]], *many), title="run")

    assert legend(line).get_title().get_text() == "first 6 of 11"
    assert len(panels(both)) == 8
    assert both.get_suptitle() == "run (first 8 of 11 numbers)"


@pytest.mark.parametrize("result", [{}, scan(["a.x_deg"], []), scan(["a.x_deg", "b.y_mw"], [])])
def test_a_scan_without_numbers_is_an_empty_figure(result: dict[str, Any]) -> None:
    assert render(scan_figure(result, title="")).startswith(b"\x89PNG")
