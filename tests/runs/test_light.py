from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.errors import ConfigError, InterlockError, RunError
from labctl.lab import Bench
from labctl.runs import Experiment, LabSession, Parameters, Plan, Progress, settle

Make = Callable[..., Experiment[Parameters]]
Open = Callable[..., LabSession]
Wait = Callable[[Callable[[], object]], None]


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


def test_an_armed_run_has_light_and_leaves_none(lab: LabSession, experiment: Make) -> None:
    outcome = lab.run(experiment(seen, needs_light=True))

    assert outcome.result.values == [True]
    assert lab.emitting() == {"pump": False}


def test_light_that_was_on_before_a_finished_run_stays_on(
    lab: LabSession, experiment: Make
) -> None:
    lab.set("pump.emission", value=True, arm=True)

    outcome = lab.run(experiment(seen, needs_light=True))

    assert outcome.result.values == [True]
    assert lab.emitting() == {"pump": True}


def test_light_that_was_on_before_an_aborted_run_is_off_after_it(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    lab.set("pump.emission", value=True, arm=True)
    run = lab.start(experiment(endless), {})
    wait_until(lambda: lab.run_status.fraction)

    run.abort("enough")
    run.wait()

    assert lab.emitting() == {"pump": False}


@pytest.mark.parametrize(("needs_light", "arm"), [(True, False), (False, True), (False, None)])
def test_a_run_that_is_not_armed_or_needs_no_light_stays_dark(
    needs_light: object, arm: Any, lab: LabSession, experiment: Make
) -> None:
    outcome = lab.run(experiment(seen, needs_light=needs_light), arm=arm)

    assert outcome.result.values == [False]


def test_an_interlock_that_opens_during_a_run_keeps_the_light_off_and_fails_it(
    lab: LabSession, experiment: Make
) -> None:
    seen_lights: list[bool] = []

    def tripped(bench: Bench) -> Plan[Lights]:
        lights = yield from lit(bench)
        lab.simulation.instruments["pump"].interlock_is_open = True
        lights += yield from lit(bench)
        lab.simulation.instruments["pump"].interlock_is_open = False
        lights += yield from lit(bench)
        seen_lights.extend(lights)
        return Lights(lights)

    with pytest.raises(RunError, match="pump went dark during the run"):
        lab.run(experiment(tripped, needs_light=True))

    assert seen_lights == [True, False, False]
    assert lab.emitting() == {"pump": False}


def test_a_run_is_not_lit_where_the_interlock_is_open(lab: LabSession, experiment: Make) -> None:
    lab.simulation.instruments["pump"].interlock_is_open = True

    with pytest.raises(RunError, match="emission of pump is refused: its interlock is open") as no:
        lab.run(experiment(seen, needs_light=True))

    assert isinstance(no.value.__cause__, InterlockError)
    assert lab.emitting() == {"pump": False}


def test_an_interlock_that_opens_while_the_power_settles_fails_the_run(
    open_bench: Open, experiment: Make, wait_until: Wait
) -> None:
    lab = open_bench(("settling_time_s = 0.05", "settling_time_s = 30.0"), speed=1)
    run = lab.start(experiment(seen, needs_light=True), {})
    wait_until(lambda: "settles" in lab.run_status.text)

    lab.simulation.instruments["pump"].interlock_is_open = True

    with pytest.raises(RunError, match="pump went dark during the run"):
        run.wait(10)


def test_of_several_lasers_the_configuration_must_name_those_of_a_run(
    open_bench: Open, experiment: Make
) -> None:
    second = '[instruments.seed]\ndriver = "cobolt_06"\naddress = "serial:///dev/ttyUSB7"\n'
    lab = open_bench(("[instruments.tagger]", f"{second}\n[instruments.tagger]"))

    with pytest.raises(RunError, match=r"several lasers \(pump, seed\)") as failed:
        lab.run(experiment(seen, needs_light=True))

    assert isinstance(failed.value.__cause__, ConfigError)
    assert lab.emitting() == {"pump": False, "seed": False}


def test_a_laser_of_a_run_that_is_none_is_refused_with_the_nearest_name(
    open_bench: Open, experiment: Make
) -> None:
    lab = open_bench(("[lab]", '[light]\nlasers = ["pumpe"]\n[lab]'))

    with pytest.raises(RunError, match=r'"pumpe" is no laser of the bench \(did you mean "pump"'):
        lab.run(experiment(seen, needs_light=True))
