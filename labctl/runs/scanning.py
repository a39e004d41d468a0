"""`scan`: any experiment at every point of one or two settings, as one run in one file.

Where a setting is refused or an instrument unreachable the run ends as any run does; however it
ends, the settings are brought back to what they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator

from labctl.errors import ConfigError
from labctl.lab import Bench
from labctl.runs.knob import Knob, brought_back
from labctl.runs.plan import Experiment, Parameters, Plan, Point, Progress, Step, Warned
from labctl.runs.scan_axes import Axis, AxisValue, check_axis, grid
from labctl.runs.scan_result import ScanResult, rows_of
from labctl.runs.session import load_experiment
from labctl.runs.survival import surviving
from labctl.runs.waits import settle
from labctl.units import format_quantity, unit_of

__all__ = ["ScanParameters", "check_scan", "plan_scan", "scan_duration_s", "scan_points"]

_MAX_POINTS = 100_000
_MAX_AXES = 2


class ScanParameters(Parameters):
    """What can be chosen."""

    axes: tuple[Axis, ...] = Field(
        (),
        description="One or two, such as pump.power_mw 0.5:5:10; the second is the fast one.",
        validate_default=True,
    )
    each: str = Field("counting", description="The experiment at every point.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Its parameters.")
    snake: bool = Field(True, description="Take every other row backward.")
    settle_s: float = Field(
        0.0, ge=0, le=86_400, description="Bench time to wait after a setting has changed."
    )

    @field_validator("axes", mode="before")
    @classmethod
    def _split(cls, axes: Any) -> Any:
        return tuple(filter(None, axes.split(";"))) if isinstance(axes, str) else axes

    @field_validator("axes")
    @classmethod
    def _count(cls, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        if not 1 <= len(axes) <= _MAX_AXES:
            raise ValueError(f"a scan has one axis or two, not {len(axes)}")
        return axes

    @field_validator("parameters", mode="before")
    @classmethod
    def _read(cls, parameters: Any) -> Any:
        if not isinstance(parameters, str):
            return parameters
        try:
            return json.loads(parameters)
        except ValueError:
            raise ValueError('parameters are written as JSON, such as {"dwell_s": 0.5}') from None

    @cached_property
    def inner(self) -> tuple[Experiment[Any], Any]:
        """The experiment at every point, and its parameters.

        Raises:
            ConfigError: there is no such experiment, or its parameters are wrong.
        """
        if self.each == "scan":
            raise ConfigError("a scan cannot scan a scan; give it two axes")
        experiment = load_experiment(self.each)
        return experiment, experiment.parse(self.parameters)


def scan_points(parameters: ScanParameters) -> int:
    """Return how many points the whole run has."""
    experiment, inner = parameters.inner
    return _steps(parameters) * experiment.points(inner)


def scan_duration_s(parameters: ScanParameters) -> float | None:
    """Return about how long a scan takes, None where its experiment does not say."""
    experiment, inner = parameters.inner
    each_s = None if experiment.duration_s is None else experiment.duration_s(inner)
    return None if each_s is None else _steps(parameters) * (each_s + parameters.settle_s)


def check_scan(bench: Bench, parameters: ScanParameters) -> None:
    """Look whether everything the scan will ask for is there and allowed.

    Raises:
        ConfigError: a setting that cannot be scanned, one setting on both axes, too many points,
            or what the experiment objects to.
        LimitError: a value is outside the limits in force.
    """
    settings = [axis.setting for axis in parameters.axes]
    if len(set(settings)) < len(settings):
        raise ConfigError(f"{settings[0]} is on both axes; a setting has one value at a time")
    for axis in parameters.axes:
        check_axis(bench, axis)
    if scan_points(parameters) > _MAX_POINTS:
        raise ConfigError(
            f"the scan has {scan_points(parameters)} points; more than {_MAX_POINTS} are a slip"
        )
    experiment, inner = parameters.inner
    if experiment.check is not None:
        experiment.check(bench, inner)


def plan_scan(bench: Bench, parameters: ScanParameters) -> Plan[ScanResult]:
    """Take the experiment at every point of the grid; the last axis is the fast one."""
    experiment, inner = parameters.inner
    knobs = [Knob(bench, axis.setting) for axis in parameters.axes]
    names = tuple(knob.path for knob in knobs)
    total = _steps(parameters)
    warned: list[str] = []
    taken: list[tuple[tuple[AxisValue, ...], list[dict[str, Any]]]] = []
    now: tuple[AxisValue | None, ...] = (None,) * len(knobs)
    with brought_back(knobs):
        for knob in knobs:
            yield from surviving(bench, knob.begin)
        for index, values in enumerate(grid(parameters.axes, snake=parameters.snake)):
            place = _Place(names, values, index, total, warned)
            for knob, value, old in zip(knobs, values, now, strict=True):
                if value != old:
                    yield from _placed(surviving(bench, _turning(knob, value)), place)
            now = values
            yield from _placed(settle(bench, parameters.settle_s), place)
            result = yield from _placed(experiment.plan(bench, inner), place)
            taken.append((values, rows_of(result, experiment.name, place.last_point)))
        for knob in reversed(knobs):
            yield from surviving(bench, knob.back)
    return ScanResult(parameters.axes, parameters.each, tuple(taken), tuple(warned))


def _steps(parameters: ScanParameters) -> int:
    steps = 1
    for axis in parameters.axes:
        steps *= len(axis.values)
    return steps


def _turning(knob: Knob, value: AxisValue) -> Callable[[], Plan[None]]:
    return lambda: knob.turn(value)


class _Place:
    """Where in the scan a point is; makes the scan's steps of the experiment's."""

    def __init__(
        self,
        names: tuple[str, ...],
        values: tuple[AxisValue, ...],
        index: int,
        total: int,
        warned: list[str],
    ) -> None:
        self.last_point: dict[str, Any] = {}
        self._values = dict(zip(names, values, strict=True))
        self._text = ", ".join(
            f"{name} = {format_quantity(value, unit_of(name))}"
            for name, value in self._values.items()
        )
        self._index = index
        self._total = total
        self._warned = warned

    def step(self, step: Step) -> Step | None:
        """Return the step as the scan yields it; None for a warning that was given before."""
        if isinstance(step, Progress):
            fraction = (self._index + min(1.0, max(0.0, step.fraction))) / self._total
            text = ": ".join(filter(None, (self._text, step.text)))
            return replace(step, fraction=fraction, text=text)
        if isinstance(step, Point):
            self.last_point = dict(step.values)
            number = self._index * step.total + step.number
            return Point(number, self._total * step.total, {**self._values, **step.values})
        if isinstance(step, Warned):
            if step.text in self._warned:
                return None
            self._warned.append(step.text)
        return step


def _placed(plan: Plan[Any], place: _Place) -> Plan[Any]:
    with closing(plan):
        while True:
            try:
                step = next(plan)
            except StopIteration as stop:
                return stop.value
            if (placed := place.step(step)) is not None:
                yield placed
