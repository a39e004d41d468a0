"""What an experiment is: typed parameters, a generator plan, a result.

A plan does its own I/O on the bench and yields progress and data; what it yields is
published, recorded and drawn. Pausing is not calling `next`, aborting is `close`, so that
`finally` makes hardware safe by ordinary Python. A plan yields at least every 100 ms and
never in a `finally`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import LabError
from labctl.lab import Bench, Problems

__all__ = [
    "DwellTaken",
    "Experiment",
    "Faulted",
    "Parameters",
    "Plan",
    "Point",
    "Progress",
    "Result",
    "Retaken",
    "Step",
    "Warned",
]


class Parameters(BaseModel):
    """The base of every experiment's parameters; an unknown name is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(Protocol):
    """What a plan returns."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it; this is what the run file stores."""
        ...

    def rows(self) -> list[dict[str, Any]]:
        """Return the result as rows of a table: for pandas, CSV and the command line.

        The run file keeps them beside the result, as `table`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is; `fraction` is of the whole run, `live` what people like to watch."""

    fraction: float
    text: str = ""
    live: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """One finished point of a run: its number from 1, how many there will be, its values."""

    number: int
    total: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retaken:
    """A dwell or a point was thrown away and is taken again.

    What had come of it, [start_ps, stop_ps) of tag time, stays in the run file and counts for
    nothing; None where nothing had.
    """

    reason: str
    start_ps: int | None = None
    stop_ps: int | None = None


@dataclass(slots=True)
class Faulted:
    """An instrument was lost and the step is to be taken again.

    Who drives the plan brings the instrument back and says so with `is_mended`; where nobody
    does, the error goes on. One that passes the steps of another plan on passes this one as it
    is.
    """

    error: LabError
    is_mended: bool = False


@dataclass(frozen=True, slots=True)
class DwellTaken:
    """A dwell covered [start_ps, stop_ps) of tag time; a replay takes the same interval."""

    start_ps: int
    stop_ps: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the operator should know before trusting the result."""

    text: str


P = TypeVar("P", bound=Parameters)
R = TypeVar("R")
Step: TypeAlias = Progress | Point | Retaken | Faulted | DwellTaken | Warned
Plan: TypeAlias = Generator[Step, None, R]


@dataclass(frozen=True, slots=True)
class Experiment(Generic[P]):
    """An experiment as the entry-point group `labctl.experiments` announces it.

    Attributes:
        name: what the lab calls it.
        summary: one line for lists.
        parameters: model of the parameters; every field has a default and a description.
        plan: makes the generator for a bench and parameters.
        needs_light: True when lasers must emit; they are armed before the run.
        points: how many points a run with these parameters has.
        check: looks whether the bench has what the parameters ask for, before anything is
            opened, lit or recorded; raises ConfigError.
        figure: draws a result as the run file stores it: (result, title, simulated) -> PNG.
        calibrates: for experiments that measure the delays of detectors: delays and their
            uncertainties (ps, by detector) in a result.
        duration_s: about how much bench time a run with these parameters takes; None where
            nobody can know.
        needs_light_with: for experiments made of others: whether a run with these parameters
            needs light; without it, `needs_light` says so for all.
    """

    name: str
    summary: str
    parameters: type[P]
    plan: Callable[[Bench, P], Plan[Any]]
    needs_light: bool
    points: Callable[[P], int]
    check: Callable[[Bench, P], object] | None = None
    figure: Callable[[Mapping[str, Any], str, bool], bytes] | None = None
    calibrates: Callable[[Any], tuple[Mapping[str, int], Mapping[str, float]]] | None = None
    duration_s: Callable[[P], float | None] | None = None
    needs_light_with: Callable[[P], bool] | None = None

    def lights(self, parameters: P) -> bool:
        """Return whether a run with these parameters switches lasers on."""
        if self.needs_light_with is not None:
            return self.needs_light_with(parameters)
        return self.needs_light

    def parse(self, values: Mapping[str, Any]) -> P:
        """Return the parameters that `values` give, defaults for the rest.

        Texts are converted as a command line needs it.

        Raises:
            ConfigError: every unknown name and wrong value, all at once.
        """
        try:
            return self.parameters.model_validate(dict(values))
        except ValidationError as error:
            problems = Problems(f"experiment {self.name}")
            problems.add_validation(error, self.parameters)
            problems.raise_if_any()
            raise
