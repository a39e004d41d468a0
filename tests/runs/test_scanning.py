from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from labctl.bus import ParameterChanged
from labctl.lab import Bench
from labctl.runs import (
    LabSession,
    Plan,
    Point,
    Progress,
    Run,
    RunOutcome,
    Warned,
    settle,
)
from labctl.runs.scanning import ScanParameters, plan_scan
from labctl.storage import open_run

Open = Callable[..., LabSession]
Scan = Callable[..., RunOutcome]
StartScan = Callable[..., Run]
Wait = Callable[[Callable[[], object]], None]
SHORT = {"dwell_s": 0.05}
PAIR = SHORT | {"pairs": ["alice_h-bob_h"]}


def values_of(outcome: Any, *names: str) -> list[Any]:
    return [tuple(point[name] for name in names) for point in outcome.points]


def test_the_counts_of_a_power_scan_follow_the_power_and_the_power_is_brought_back(
    lab: LabSession,
) -> None:
    # The bench of the file: 80 000 pairs a second and mW, efficiency 0.25 of each arm, half of
    # the pairs at each output: 10 000 singles a second and mW in a detector, and 100 dark counts.
    outcome = lab.run("scan", axes=["pump.power_mw 1:4:4"], parameters=PAIR | {"dwell_s": 0.2})

    assert outcome.status == "finished"
    assert values_of(outcome, "pump.power_mw") == [(1.0,), (2.0,), (3.0,), (4.0,)]
    singles = [
        row
        for row in outcome.result.rows()
        if (row["of"], row["quantity"]) == ("alice_h", "singles_hz")
    ]
    assert [row["pump.power_mw"] for row in singles] == [1.0, 2.0, 3.0, 4.0]
    for row in singles:
        expected_hz = 10_000 * row["pump.power_mw"] + 100
        # Five sigma of the count, the laser's 0.1 % and 2 % of settling.
        bound_hz = 5 * math.hypot(row["sigma"], 0.021 * expected_hz)
        assert row["value"] == pytest.approx(expected_hz, abs=bound_hz)
    assert lab.get("pump.power_mw") == 5.0
    assert lab.emitting() == {"pump": False}


def test_one_file_holds_the_whole_scan_with_the_axes_in_every_point_a_table_and_a_figure(
    lab: LabSession,
) -> None:
    outcome = lab.run(
        "scan",
        axes=["pump.power_mw 2,4", "snspd.trigger_level_mv 20,30"],
        parameters=PAIR | {"points": 2},
    )

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        assert file.metadata["experiment"] == "scan"
        assert file.end["planned"] == file.end["taken"] == 8
        points = file.points()
        assert [point["number"] for point in points] == list(range(1, 9))
        names = ("pump.power_mw", "snspd.trigger_level_mv")
        assert [tuple(point[name] for name in names) for point in points[::2]] == [
            (2.0, 20.0), (2.0, 30.0), (4.0, 30.0), (4.0, 20.0),
        ]  # fmt: skip
        assert points[0]["alice_h_hz"] > 10_000
        assert set(file.result["table"][0]) == {*names, "of", "quantity", "value", "sigma"}
        assert file.result["points"] == [[2.0, 20.0], [2.0, 30.0], [4.0, 30.0], [4.0, 20.0]]
        assert len(file.result["quantities"][0]["estimates"]) == 4
        assert next(iter(file.figures().values())).startswith(b"\x89PNG")
    assert lab.get("snspd.trigger_level_mv") == (25.0, 25.0, 25.0, 25.0)


def test_a_number_for_a_setting_of_several_channels_is_that_of_every_channel(
    lab: LabSession,
    scan: Scan,
) -> None:
    seen = []

    def biased(bench: Bench) -> Plan[None]:
        seen.append(bench.devices["snspd"].bias_ua)  # type: ignore[attr-defined]  # a detector
        yield Progress(0.5)

    scan(lab, biased, ["snspd.bias_ua 5,8"])

    assert seen == [(5.0,) * 4, (8.0,) * 4]
    assert lab.get("snspd.bias_ua") == (10.0,) * 4


def test_a_mount_has_arrived_when_its_point_is_taken(lab: LabSession, scan: Scan) -> None:
    seen = []

    def standing(bench: Bench) -> Plan[None]:
        mount = bench.rotators["alice_hwp"]
        seen.append((mount.is_moving, round(mount.angle_deg, 2)))
        yield Progress(0.5)

    scan(lab, standing, ["alice_hwp.angle_deg 3:9:3"])

    assert seen == [(False, 3.0), (False, 6.0), (False, 9.0)]
    assert lab.get("alice_hwp.angle_deg") == pytest.approx(0.0, abs=0.05)


def test_a_setting_of_the_tagger_is_scanned_although_it_answers_nothing_while_it_streams(
    lab: LabSession,
    scan: Scan,
) -> None:
    before_v = lab.get("tagger.threshold_v")

    def streaming(bench: Bench) -> Plan[None]:
        tags = bench.pumps["tagger"].tags
        yield from settle(bench, 0.2)
        yield Point(1, 1, {"new_tags": bench.pumps["tagger"].tags - tags})

    events = lab.bus.subscribe()
    outcome = scan(lab, streaming, ["tagger.threshold_v -0.4,-0.3"])

    set_ = [event for event in events.drain() if isinstance(event, ParameterChanged)]
    values = [event.value for event in set_ if event.setting == "threshold_v"]
    assert values == [-0.4, -0.3, before_v]
    assert all(point["new_tags"] > 0 for point in outcome.points)
    assert lab.get("tagger.threshold_v") == before_v
    events.close()


def test_an_experiment_without_a_result_gives_the_numbers_of_its_last_point(
    lab: LabSession,
    scan: Scan,
) -> None:
    def metered(_: Bench) -> Plan[None]:
        yield Point(1, 2, {"reading_mw": 1.0, "comment": "first"})
        yield Point(2, 2, {"reading_mw": 2.5, "comment": "second", "is_ok": True})

    outcome = scan(lab, metered, ["pump.power_mw 1,3"], points=2)

    assert outcome.result.rows() == [
        {"pump.power_mw": power, "of": "metered", "quantity": "reading_mw", "value": 2.5,
         "sigma": None}
        for power in (1.0, 3.0)
    ]  # fmt: skip
    assert outcome.result.to_dict()["quantities"] == [
        {
            "of": "metered",
            "quantity": "reading_mw",
            "estimates": [{"value": 2.5, "sigma": None}] * 2,
        }
    ]


def test_a_scan_needs_light_where_what_it_scans_does(lab: LabSession, scan: Scan) -> None:
    lit: list[bool] = []

    def looking(bench: Bench) -> Plan[None]:
        lit.append(bench.lasers[0].emission)
        yield Progress(0.5)

    scan(lab, looking, ["pump.power_mw 1"])
    scan(lab, looking, ["pump.power_mw 1"], needs_light=True)

    assert lit == [False, True]


def test_progress_and_its_words_are_those_of_the_whole_scan(lab: LabSession, scan: Scan) -> None:
    def halves(_: Bench) -> Plan[None]:
        yield Progress(0.5, "half")
        yield Point(1, 1, {"reading_mw": 1.0})

    scan(lab, halves, ["pump.power_mw 3"])
    parsed = ScanParameters.model_validate({"axes": ["pump.power_mw 1,2"], "each": "halves"})
    steps = [step for step in plan_scan(lab.bench, parsed) if step != Progress(0.0)]

    # Two points: the middle of the first is a quarter of the whole.
    assert steps == [
        Progress(0.25, "pump.power_mw = 1 mW: half"),
        Point(1, 2, {"pump.power_mw": 1.0, "reading_mw": 1.0}),
        Progress(0.75, "pump.power_mw = 2 mW: half"),
        Point(2, 2, {"pump.power_mw": 2.0, "reading_mw": 1.0}),
    ]


def test_warnings_are_given_once(lab: LabSession, scan: Scan) -> None:
    def worried(_: Bench) -> Plan[None]:
        yield Warned("the window is odd")
        yield Point(1, 1, {"reading_mw": 1.0})

    outcome = scan(lab, worried, ["pump.power_mw 1,2"])

    assert outcome.warnings == outcome.result.warnings == ("the window is odd",)
