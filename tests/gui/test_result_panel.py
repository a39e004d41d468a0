from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from labctl.gui.experiments.base import ExperimentPanel, find_panels
from labctl.gui.experiments.chsh import ChshPanel
from labctl.gui.experiments.chsh_growth import correlations_of, live_correlation, sums_of
from labctl.gui.experiments.counting import CountingPanel
from labctl.gui.experiments.delays import DelaysPanel
from labctl.gui.experiments.generic import GenericPanel
from labctl.gui.experiments.scan import ScanPanel
from labctl.gui.experiments.scan_grid import axes_of, scan_of
from labctl.gui.experiments.visibility import fringes_of, mean_visibility
from labctl.gui.link import ServiceLink
from labctl.gui.result_panel import ResultPanel
from labctl.gui.theme import LIGHT, Theme
from labctl.service import LabClient

WAIT_MS = 30_000
ROOT_HALF = math.sqrt(0.5)
PAIRS = ("alice_h-bob_h", "alice_h-bob_v", "alice_v-bob_h", "alice_v-bob_v")


def setting(number: int, total: int, angles: tuple[float, float], counts: Any) -> dict[str, Any]:
    place = {"number": number, "total": total, "alice_deg": angles[0], "bob_deg": angles[1]}
    return {**place, "live_s": 1.0, **dict(zip(PAIRS, counts, strict=True)), "peak_ps": 0.0}


def shared(n: int, e: float) -> tuple[int, int, int, int]:
    """Counts of n pairs with the correlation e, either output as likely on either side."""
    same, other = round(n * (1 + e) / 4), round(n * (1 - e) / 4)
    return same, other, other, same


def points_of(total: int, signs: tuple[int, ...]) -> list[dict[str, Any]]:
    """The settings of Φ⁺ at the optimal angles, in the order of measurement."""
    angles = [(0.0, 22.5), (0.0, 67.5), (45.0, 67.5), (45.0, 22.5)]
    values = [ROOT_HALF, -ROOT_HALF, ROOT_HALF, ROOT_HALF]
    rows: list[dict[str, Any]] = []
    for (alice, bob), e in zip(angles, values, strict=True):
        for sign in signs:
            counts = shared(1_000_000, sign * e)
            rows.append(setting(len(rows) + 1, total, (alice, bob), counts))
    return rows


@pytest.mark.parametrize("signs", [(1,), (1, -1, -1, 1)], ids=["4 settings", "16 settings"])
def test_s_grows_to_the_quantum_bound_for_the_bell_state(signs: tuple[int, ...]) -> None:
    rows = points_of(4 * len(signs), signs)
    taken = correlations_of(rows)
    assert [one.name for one in taken] == ["ab", "ab'", "a'b'", "a'b"]
    for count, total in enumerate(sums_of(taken), 1):
        assert total.value == pytest.approx(count * ROOT_HALF, abs=1e-5)
    # The variance of E is (1 - E²)/N, and the four are independent.
    n = 1_000_000 * len(signs)
    assert sums_of(taken)[-1].sigma == pytest.approx(math.sqrt(4 * 0.5 / n), rel=1e-3)


def test_a_pair_of_angles_counts_once_all_its_settings_are_there() -> None:
    rows = points_of(16, (1, -1, -1, 1))
    assert len(correlations_of(rows[:7])) == 1
    assert len(correlations_of(rows[:8])) == 2
    assert correlations_of([]) == []


def test_the_setting_being_counted_shows_its_correlation_with_the_sign_of_its_swap() -> None:
    rates = dict(zip(PAIRS, (300.0, 100.0, 100.0, 300.0), strict=True))
    live = {f"{name}_hz": rate for name, rate in rates.items()}
    live |= {f"{name}_sigma_hz": math.sqrt(rate) for name, rate in rates.items()}
    found = live_correlation(live, [])
    assert found is not None
    assert found.value == pytest.approx(0.5)
    swapped = live_correlation(live, points_of(16, (1, -1, -1, 1))[:1])
    assert swapped is not None
    assert swapped.value == pytest.approx(-0.5)
    assert live_correlation({}, []) is None


def test_the_fringe_of_every_pair_is_fitted_from_four_angles_on() -> None:
    def row(angle_deg: float) -> dict[str, Any]:
        count = round(10_000 * (1 + 0.9 * math.cos(math.radians(2 * angle_deg))))
        return {"basis": "HV", "angle_deg": angle_deg, "live_s": 2.0, "a-b": count}

    rows = [row(angle) for angle in (0.0, 30.0, 60.0, 90.0, 120.0, 150.0)]
    (three,) = fringes_of(rows[:3], "HV")
    assert three.fit is None
    fringes = fringes_of(rows, "HV")
    assert fringes[0].rates_hz[0] == pytest.approx(9500.0)
    v = mean_visibility(fringes)
    assert v is not None
    assert v.value == pytest.approx(0.9, abs=5e-4)
    assert fringes_of(rows, "DA") == []


def test_a_scan_over_two_settings_is_an_image_whatever_way_it_was_walked() -> None:
    rows = [
        {"number": n, "total": 4, "pump.power_mw": power, "x.mode": mode, "a_hz": rate}
        for n, (power, mode, rate) in enumerate(
            [(2.0, "low", 1.0), (2.0, "high", 2.0), (1.0, "high", 3.0), (1.0, "low", 4.0)], 1
        )
    ]
    assert axes_of(rows[0]) == ("pump.power_mw", "x.mode")
    scan = scan_of(rows[:3], None)
    assert scan is not None
    assert scan.levels == ((1.0, 2.0), ("low", "high"))
    image = scan.image(scan.quantities["a_hz"])
    # [mode, power]; the fourth point has not been taken.
    assert math.isnan(image[0, 0])
    assert (image[0, 1], image[1, 1], image[1, 0]) == (1.0, 2.0, 3.0)


def test_every_experiment_of_ours_brings_a_panel() -> None:
    assert find_panels() == {
        "chsh": ChshPanel,
        "counting": CountingPanel,
        "delays": DelaysPanel,
        "scan": ScanPanel,
        "visibility": find_panels()["visibility"],
    }


def test_panels_bear_points_without_numbers_and_a_run_without_points(
    theme: Theme, qtbot: QtBot
) -> None:
    for kind in [*find_panels().values(), GenericPanel]:
        panel = kind(theme)
        qtbot.addWidget(panel)
        panel.show()
        panel.take_status({"state": "running", "live": {}, "text": "turning"})
        panel.take_points([], is_new_run=True)
        if kind is GenericPanel:
            panel.take_points([{"number": 1, "total": 1, "a": None, "b": "word"}], is_new_run=False)
            assert panel.table() == (["number", "a", "b"], [[1, None, "word"]])
        panel.take_result(None)
    theme.set(LIGHT, is_large=True)


def shown(panel: ResultPanel) -> ExperimentPanel:
    assert panel.page is not None
    return panel.page


@pytest.fixture
def open_panel(link: ServiceLink, theme: Theme, qtbot: QtBot) -> Callable[[], ResultPanel]:
    def open_() -> ResultPanel:
        panel = ResultPanel(link, theme)
        qtbot.addWidget(panel)
        panel.resize(900, 500)
        panel.show()
        return panel

    return open_


def test_a_run_is_drawn_while_it_goes_on_and_with_its_result(
    open_panel: Callable[[], ResultPanel], client: LabClient, qtbot: QtBot
) -> None:
    panel = open_panel()
    run = client.start("counting", {"points": 3, "dwell_s": 0.2})
    qtbot.waitUntil(lambda: panel.page is not None and bool(shown(panel).rows), timeout=WAIT_MS)
    page = shown(panel)
    assert isinstance(page, CountingPanel)
    qtbot.waitUntil(lambda: page.result is not None, timeout=WAIT_MS)
    outcome = run.wait(10)
    assert outcome is not None
    assert [row["number"] for row in page.rows] == [1, 2, 3]
    assert page.result == json.loads(json.dumps(outcome.result.to_dict())) | {
        "table": outcome.result.rows()
    }
    assert outcome.uid in panel.title.text()
    assert "finished" in panel.title.text()
    names, rows = panel.table()
    assert len(rows) == 3
    assert "alice_h-bob_h_sigma_hz" in names

    late = open_panel()
    qtbot.waitUntil(lambda: late.page is not None and len(shown(late).rows) == 3, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: shown(late).result == page.result, timeout=WAIT_MS)


def test_a_hidden_tab_draws_nothing_and_everything_when_it_is_shown(
    open_panel: Callable[[], ResultPanel], link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    panel = open_panel()
    before = panel.page
    panel.hide()
    outcome = client.run("counting", points=2, dwell_s=0.1)
    qtbot.waitUntil(
        lambda: (
            link.latest["run"]["uid"] == outcome.uid and link.latest["run"]["state"] == "finished"
        ),
        timeout=WAIT_MS,
    )
    assert panel.page is before
    panel.show()
    qtbot.waitUntil(lambda: shown(panel).run.get("uid") == outcome.uid, timeout=WAIT_MS)
    assert [row["number"] for row in shown(panel).rows] == [1, 2]


def test_an_aborted_run_says_so_and_has_no_result(
    open_panel: Callable[[], ResultPanel], client: LabClient, qtbot: QtBot
) -> None:
    panel = open_panel()
    client.start("counting", {"points": 100, "dwell_s": 0.1})
    qtbot.waitUntil(lambda: panel.page is not None and bool(shown(panel).rows), timeout=WAIT_MS)
    client.abort("enough seen")
    qtbot.waitUntil(lambda: "aborted" in panel.title.text(), timeout=WAIT_MS)
    assert "enough seen" in panel.title.text()
    assert shown(panel).result is None
    # The queue holds after an abort; it is empty, so the next test's runs are not held.


def test_points_that_were_missed_are_asked_for_again(
    open_panel: Callable[[], ResultPanel], link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    panel = open_panel()
    outcome = client.run("counting", points=3, dwell_s=0.1)
    qtbot.waitUntil(
        lambda: panel.page is not None and shown(panel).run.get("uid") == outcome.uid,
        timeout=WAIT_MS,
    )
    panel._rows, panel._taken = panel._rows[:1], 1
    link.updated.emit("points", {"uid": outcome.uid, "rows": [{"number": 3, "total": 3}]})
    qtbot.waitUntil(lambda: len(shown(panel).rows) == 3, timeout=WAIT_MS)
    assert all("live_s" in row for row in shown(panel).rows)


def test_delays_show_their_table_and_the_histogram_of_the_chosen_pair(
    theme: Theme, qtbot: QtBot
) -> None:
    def pair(name: str, counts: list[int]) -> dict[str, Any]:
        estimate = {"value": 1000.0, "sigma": 20.0}
        return {
            "pair": name,
            "is_found": True,
            "position_ps": estimate,
            "fwhm_ps": {"value": 500.0, "sigma": 10.0},
            "significance": 12.0,
            "counts": counts,
        }

    panel = DelaysPanel(theme)
    qtbot.addWidget(panel)
    panel.show()
    panel.take_result(
        {
            "reference": "a",
            "delays_ps": {
                "a": {"value": 0.0, "sigma": 0.0},
                "b": {"value": 1000.0, "sigma": 20.0},
            },
            "chi2": 0.0,
            "ndf": 0,
            "lags_ps": [-1000, 0, 1000],
            "pairs": [pair("a-b", [1, 2, 9]), pair("a-c", [7, 2, 1])],
            "warnings": ["b: look"],
        }
    )
    assert panel.table()[1] == [["a", 0.0, 0.0], ["b", 1000.0, 20.0]]
    assert panel.warnings.text() == "⚠ b: look"
    panel.pair.setCurrentText("a-c")
    assert panel._steps.yData.tolist() == [7, 2, 1]
