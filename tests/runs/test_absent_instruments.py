"""A run needs the instruments that it uses; of the others its file says that they were away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labctl.errors import RunError
from labctl.runs import LabSession
from labctl.storage import open_run, verify_run


@pytest.mark.parametrize(
    "name",
    [
        "pump_meter",
        pytest.param("alice_hwp", marks=pytest.mark.slow),
        pytest.param("snspd", marks=pytest.mark.slow),
    ],
)
def test_a_run_does_without_an_instrument_that_it_does_not_use(lab: LabSession, name: str) -> None:
    lab.simulation.fault(name, "unplug")

    outcome = lab.run("counting", dwell_s=0.1)

    assert outcome.status == "finished"
    assert len(outcome.warnings) == 1
    assert outcome.warnings[0].startswith(f"{name} could not be read at the start")
    assert outcome.path is not None
    assert verify_run(outcome.path).is_sound
    with open_run(outcome.path) as run:
        start, end = run.snapshots()
        events = [(e["level"], e["payload"]) for e in run.events()]
    for snapshot in (start, end):
        assert list(snapshot["instruments"]) == list(lab.devices), "every one is accounted for"
        assert list(snapshot["instruments"][name]) == ["error"]
    assert outcome.warnings[0].endswith(start["instruments"][name]["error"])
    assert ("warning", outcome.warnings[0]) in events


@pytest.mark.parametrize("name", ["tagger", "pump"])
def test_what_a_run_needs_ends_it_with_its_name(lab: LabSession, name: str) -> None:
    lab.simulation.fault(name, "unplug")
    with pytest.raises(RunError, match=name):
        lab.run("counting", dwell_s=0.1, on_fault="abort")
    with open_run(lab.run_status.path) as run:  # type: ignore[arg-type]  # the file was made
        assert run.status == "failed"
    lab.simulation.fault(name, "plug")


def test_a_dark_run_does_without_the_laser(lab: LabSession) -> None:
    lab.simulation.fault("pump", "unplug")
    outcome = lab.run("counting", dwell_s=0.1, arm=False)
    assert outcome.status == "finished"
    assert "pump could not be read" in outcome.warnings[0]
    lab.simulation.fault("pump", "plug")


def test_a_tagger_that_is_away_at_the_start_is_brought_back_by_the_run_that_needs_it(
    lab: LabSession, wait_until: Callable[[Callable[[], object]], None]
) -> None:
    lab.simulation.fault("tagger", "unplug")
    run = lab.start("counting", {"dwell_s": 0.1})
    wait_until(lambda: "reconnecting" in run.status.text)
    lab.simulation.fault("tagger", "plug")
    outcome = run.wait(30)
    assert outcome is not None
    assert outcome.status == "finished"
    assert outcome.result.pairs
