from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from labctl.bus import Alarm, Level, Message
from labctl.lab import Bench
from labctl.runs import Experiment, LabSession, Parameters, Plan, Point, settle
from labctl.storage import open_run

Make = Callable[..., Experiment[Parameters]]


def events_of(path: Path | None) -> list[tuple[str, str, str]]:
    assert path is not None
    with open_run(path) as file:
        return [(e["level"], e["source"], e["payload"]) for e in file.events()]


def test_the_parameters_of_a_run_are_recorded_with_defaults_and_as_typed(lab: LabSession) -> None:
    outcome = lab.run("counting", dwell_s="0.05", pairs="alice_h-bob_h")

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        assert file.metadata["experiment"] == "counting"
        assert file.metadata["uid"] == outcome.uid
        assert file.metadata["seed"] == 1
        assert file.metadata["speed"] == 0
        assert file.metadata["simulated"]
        parameters = file.metadata["parameters"]
        for key, value in outcome.result.to_dict().items():
            assert file.result[key] == value
        assert file.configuration == lab.loaded.text
    assert parameters["dwell_s"] == 0.05
    assert parameters["points"] == 1
    assert parameters["pairs"] == ["alice_h-bob_h"]


def test_changes_of_settings_during_a_run_are_recorded(lab: LabSession, experiment: Make) -> None:
    def scan(bench: Bench) -> Plan[None]:
        for number, power_mw in enumerate((1.5, 2.5), 1):
            bench.lasers[0].power_mw = power_mw
            yield from settle(bench, 0.01)
            yield Point(number, 2, {"power_mw": power_mw})

    outcome = lab.run(experiment(scan, needs_light=True, points=2))

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        changes = [
            (c["instrument"], c["setting"], c["value"], c["unit"]) for c in file.parameters()
        ]
        points = [(p["number"], p["total"], p["power_mw"]) for p in file.points()]
    assert changes == [
        ("pump", "emission", True, ""),
        ("pump", "power_mw", 1.5, "mW"),
        ("pump", "power_mw", 2.5, "mW"),
        ("pump", "emission", False, ""),
    ]
    assert points == [(1, 2, 1.5), (2, 2, 2.5)]


def test_what_is_said_on_the_bus_during_a_run_is_recorded(
    lab: LabSession, experiment: Make
) -> None:
    def talking(bench: Bench) -> Plan[None]:
        lab.bus.publish(Message(source="room", text="the door is open", level=Level.WARNING))
        lab.bus.publish(Alarm(source="room", text="the lights are on"))
        lab.bus.publish(Message(source="room", text="all is well"))
        yield from settle(bench, 0.01)

    outcome = lab.run(experiment(talking))

    assert events_of(outcome.path) == [
        ("warning", "room", "the door is open"),
        ("alarm", "room", "the lights are on"),
        ("info", "room", "all is well"),
    ]


def test_what_happens_between_the_last_step_and_the_end_is_recorded_too(
    lab: LabSession, experiment: Make
) -> None:
    def late(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.01)
        bench.lasers[0].power_mw = 2.5
        lab.bus.publish(Message(source="room", text="the last word"))

    outcome = lab.run(experiment(late, needs_light=True))

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        changes = [(c["setting"], c["value"]) for c in file.parameters()]
    assert changes == [("emission", True), ("power_mw", 2.5), ("emission", False)]
    assert events_of(outcome.path) == [("info", "room", "the last word")]


def test_all_instruments_are_recorded_completely_at_the_start_and_at_the_end(
    lab: LabSession,
) -> None:
    outcome = lab.run("counting", dwell_s=0.05)

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        start, end = file.snapshots()
        instruments = file.metadata["instruments"]
    assert (start["moment"], end["moment"]) == ("start", "end")
    for snapshot in (start["instruments"], end["instruments"]):
        assert set(snapshot) == set(lab.devices)
        for name, values in snapshot.items():
            assert set(values) == set(lab.devices[name].parameters)
        assert snapshot["pump"]["power_mw"] == 5.0
        assert snapshot["pump"]["emission"] is False
        assert snapshot["tagger"]["threshold_v"] == -0.5
    assert start["instruments"]["pump"]["mode"] == "off"
    assert instruments["pump"]["serial"] == lab.identities["pump"].serial
    assert instruments["pump"]["address"] == "ASRL/dev/ttyUSB0::INSTR"
    assert instruments["tagger"]["driver"] == "s15_tdc1"
    assert all(facts["simulated"] for facts in instruments.values())


def test_a_dead_instrument_keeps_nothing_else_out_of_the_file(
    lab: LabSession, experiment: Make
) -> None:
    def unplugging(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.01)
        lab.simulation.instruments["pump"].port.unplug()
        yield Point(1, 1, {"x": 1})

    outcome = lab.run(experiment(unplugging))
    lab.simulation.instruments["pump"].port.plug()

    assert outcome.status == "finished"
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        start, end = file.snapshots()
        assert file.status == "finished"
    assert start["instruments"]["pump"]["power_mw"] == 5.0
    assert "the link was lost" in str(end["instruments"])


def test_run_files_lie_by_date_in_the_chosen_folder_under_names_that_sort(
    lab: LabSession, tmp_path: Path
) -> None:
    outcome = lab.run("counting", folder=tmp_path / "chosen", dwell_s=0.05)

    assert outcome.path is not None
    assert outcome.path.parent.parent == tmp_path / "chosen"
    assert date.fromisoformat(outcome.path.parent.name).year >= 2025
    stamp, experiment, uid = outcome.path.stem.split("_")
    assert stamp.startswith(outcome.path.parent.name)
    assert (experiment, uid) == ("counting", outcome.uid)


def test_run_files_go_into_the_documents_by_default(lab: LabSession) -> None:
    outcome = lab.run("counting", dwell_s=0.05)

    assert outcome.path is not None
    assert outcome.path.parents[1].name == "labctl"
    assert outcome.path.parents[2].name == "documents_dir", "as tests/conftest.py names it"


def test_a_result_becomes_a_table_of_pandas(lab: LabSession) -> None:
    outcome = lab.run("counting", dwell_s=0.1)

    table = outcome.to_pandas()

    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["of", "quantity", "value", "sigma"]
    singles = table[(table["of"] == "bob_v") & (table["quantity"] == "singles_hz")]
    assert float(singles["value"].iloc[0]) == outcome.result.singles_hz["bob_v"].value
    # Four detectors with one quantity, four pairs with six.
    assert len(table) == 4 + 4 * 6


def test_an_aborted_run_becomes_an_empty_table(lab: LabSession, experiment: Make) -> None:
    def stopped(bench: Bench) -> Plan[None]:
        lab.abort("enough")
        yield from settle(bench, 0.01)

    outcome = lab.run(experiment(stopped))

    assert outcome.status == "aborted"
    assert outcome.to_pandas().empty


@pytest.mark.parametrize("points", [1, 4])
def test_points_of_a_run_add_up_to_its_result(points: int, lab: LabSession) -> None:
    outcome = lab.run("counting", dwell_s=0.1, points=points)

    assert outcome.path is not None
    with open_run(outcome.path) as file:
        rows = file.points()
    assert len(rows) == points
    mean_hz = sum(row["alice_h_hz"] for row in rows) / points
    assert outcome.result.singles_hz["alice_h"].value == pytest.approx(mean_hz, rel=1e-12)
    assert outcome.result.live_s == pytest.approx(0.1 * points, abs=1e-11)
