from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.errors import LabError, LinkError, RunError
from labctl.lab import Bench, find_open_labs
from labctl.runs import Experiment, LabSession, Parameters, Plan, Point, Progress, RunState, settle
from labctl.storage import open_run

Make = Callable[..., Experiment[Parameters]]
Open = Callable[..., LabSession]
Wait = Callable[[Callable[[], object]], None]


class Broken(Exception):  # noqa: N818  what a user's plan may raise
    pass


def lit(bench: Bench) -> Plan[list[bool]]:
    yield from settle(bench, 0.05)
    return [laser.emission for laser in bench.lasers]


def endless(bench: Bench) -> Plan[None]:
    while True:
        yield from settle(bench, 0.05)
        yield Progress(0.5)


class Lights:
    """A result of the simplest kind."""

    def __init__(self, values: list[bool]) -> None:
        self.values = values

    def to_dict(self) -> dict[str, object]:
        return {"emission": self.values}

    def rows(self) -> list[dict[str, object]]:
        return [{"of": "pump", "quantity": "emission", "value": v} for v in self.values]


def seen(bench: Bench) -> Plan[Lights]:
    return Lights((yield from lit(bench)))


def status_of(path: Path | None) -> tuple[str, str]:
    assert path is not None
    with open_run(path) as file:
        return file.status, str(file.end.get("reason", ""))


def test_safe_from_outside_switches_off_and_the_run_ends_aborted(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    run = lab.start(experiment(endless, needs_light=True), {})
    wait_until(lambda: lab.run_status.fraction)
    assert lab.emitting() == {"pump": True}
    (client,) = find_open_labs(lab.loaded.path)

    reply = client.ask("safe")

    assert reply["confirmed"] == list(lab.devices)
    assert lab.emitting() == {"pump": False}
    outcome = run.wait(10)
    assert outcome is not None
    assert status_of(outcome.path) == ("aborted", "all safe was ordered")
    assert lab.emitting() == {"pump": False}


def test_a_plan_that_fails_is_an_error_and_leaves_the_file_failed_and_the_light_off(
    lab: LabSession, experiment: Make
) -> None:
    def broken(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.05)
        yield Point(1, 2, {"x": 1})
        assert bench.lasers[0].emission
        raise Broken("the plan has a mistake")

    with pytest.raises(RunError, match="Broken: the plan has a mistake") as failed:
        lab.run(experiment(broken, needs_light=True, points=2))

    assert isinstance(failed.value.__cause__, Broken)
    assert lab.run_status.uid in str(failed.value)
    assert lab.run_status.state is RunState.FAILED
    assert lab.emitting() == {"pump": False}
    assert status_of(lab.run_status.path) == ("failed", "Broken: the plan has a mistake")


def test_the_error_of_an_instrument_keeps_its_name_and_advice(
    lab: LabSession, experiment: Make
) -> None:
    def unplugged(_: Bench) -> Plan[None]:
        yield Progress(0.0)
        raise LinkError("lost", device="pump", address="somewhere", hint="Look at the cable.")

    with pytest.raises(RunError, match=r"pump: run .* failed: lost \[somewhere\]\. Look at"):
        lab.run(experiment(unplugged))


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_plan_that_wants_to_leave_python_only_fails(
    stop: type[BaseException], lab: LabSession, experiment: Make
) -> None:
    def leaving(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.05)
        raise stop("out")

    with pytest.raises(RunError, match=stop.__name__):
        lab.run(experiment(leaving, needs_light=True))

    assert lab.emitting() == {"pump": False}
    assert status_of(lab.run_status.path)[0] == "failed"


@pytest.mark.parametrize("ending", ["finished", "aborted", "failed", "not recorded"])
def test_the_finally_of_a_plan_runs_before_the_run_ends(
    ending: str, lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    trace: list[str] = []

    def careful(bench: Bench) -> Plan[None]:
        try:
            yield from settle(bench, 0.05)
            if ending == "aborted":
                yield from endless(bench)
            if ending == "failed":
                raise Broken
            if ending == "not recorded":
                yield Point(1, 1, {"x": object()})
        finally:
            trace.append(f"finally while {lab.run_status.state.value}")

    run = lab.start(experiment(careful), {})
    if ending == "aborted":
        wait_until(lambda: lab.run_status.fraction)
        run.abort("enough")
    try:
        run.wait()
    except RunError as error:
        failure: RunError | None = error
    else:
        failure = None

    assert trace == ["finally while running"]
    assert (failure is not None) == (ending in {"failed", "not recorded"})
    assert lab.run_status.state.value == ("failed" if failure else ending)


def test_a_plan_that_yields_in_its_finally_fails_and_leaves_no_light(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    def stubborn(bench: Bench) -> Plan[None]:
        try:
            yield from endless(bench)
        finally:
            yield Progress(1.0)

    run = lab.start(experiment(stubborn, needs_light=True), {})
    wait_until(lambda: lab.run_status.fraction)
    run.abort("enough")

    with pytest.raises(RunError, match="ignored GeneratorExit"):
        run.wait()
    assert lab.emitting() == {"pump": False}


def test_a_result_that_cannot_be_stored_fails_the_run(lab: LabSession, experiment: Make) -> None:
    def odd(bench: Bench) -> Plan[Lights]:
        yield from settle(bench, 0.01)
        return Lights([object()])  # type: ignore[list-item]  # the mistake

    with pytest.raises(RunError, match="TypeError"):
        lab.run(experiment(odd))
    assert lab.run_status.state is RunState.FAILED
    assert status_of(lab.run_status.path)[0] == "failed"


def test_a_laser_that_was_unplugged_during_a_run_is_shouted_about(
    lab: LabSession, experiment: Make
) -> None:
    def unplugging(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.05)
        lab.simulation.instruments["pump"].port.unplug()
        yield Progress(0.5)
        yield from lit(bench)

    with pytest.raises(RunError, match="the link was lost"):
        lab.run(experiment(unplugging, needs_light=True))

    status, reason = status_of(lab.run_status.path)
    assert status == "failed"
    assert "NOT CONFIRMED SAFE: pump" in reason
    with pytest.raises(LabError):
        lab.close()


def test_a_data_folder_that_cannot_be_made_is_told_before_any_light(
    lab: LabSession, experiment: Make, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(LabError, match=r"the data folder .*taken.* cannot be made"):
        lab.run(experiment(seen, needs_light=True), folder=tmp_path / "taken")

    assert lab.run_status.state is RunState.FAILED
    assert lab.emitting() == {"pump": False}
