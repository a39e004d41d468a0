"""Every request that a service answers: its fields, its reply, and who may ask it.

Both ends check both ways with these models. A request on the wire is one JSON object: these
fields, the envelope (`version`, `token`, `request`) and who asks (`client` or `sender`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import LabError, LimitError
from labctl.service import replies

__all__ = ["REQUESTS", "Request", "RequestKind", "Right", "check", "kind_of"]

Right: TypeAlias = Literal["anyone", "operator"]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Text: TypeAlias = Annotated[str, Field(max_length=4000)]
#: A setting's value: a scalar, or one number per channel.
Value: TypeAlias = (
    bool
    | int
    | float
    | Annotated[str, Field(max_length=4000)]
    | Annotated[list[float], Field(max_length=1024)]
)
#: What the experiment's own model checks.
ParameterValues: TypeAlias = Annotated[dict[str, Any], Field(max_length=200)]
ScanAxes: TypeAlias = Annotated[list[Name], Field(max_length=2)]


class Request(BaseModel):
    """The base of all requests; a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Empty(Request):
    """A request that says everything by its name."""


class Hello(Request):
    """A client introduces itself; `kind` is what it is, such as window, script or shell."""

    name: Name
    pid: Annotated[int, Field(ge=0)] = 0
    kind: Name = "script"


class Get(Request):
    """Ask an instrument for the value of `instrument.setting`."""

    path: Name


class Set(Request):
    """Set `instrument.setting`; emission only when armed."""

    path: Name
    value: Value
    arm: bool = False


class Do(Request):
    """Tell an instrument to do `instrument.action`; never is emission the effect."""

    path: Name


class RunChoice(Request):
    """What to run; without `arm`, a bench that is all simulated arms itself."""

    experiment: Text
    parameters: ParameterValues = Field(default_factory=dict)
    arm: bool | None = None
    folder: Text | None = None


class Start(RunChoice):
    """Start a run; `on_fault` is for when an instrument is lost, else as configured."""

    on_fault: Literal["retry", "pause", "abort"] | None = None


class Outcome(Request):
    """Ask how the run `number` of this service ended."""

    number: Annotated[int, Field(ge=1)]


class Resume(Request):
    """Let the paused run go on; `arm` lets it switch its light on again."""

    arm: bool = False


class Abort(Request):
    """End the run; everything is left safe."""

    reason: Text = ""


class Note(Request):
    """A line for the log of service and run."""

    text: Annotated[str, Field(min_length=1, max_length=4000)]


class QueueAdd(RunChoice):
    """Queue a run; `scan` holds up to two axes, such as `pump.power_mw 0.5:5:10`."""

    label: Text = ""
    scan: ScanAxes = Field(default_factory=list)
    snake: bool = True


class QueueMove(Request):
    """Move an entry to the place `to`, counted from 0."""

    id: Name
    to: Annotated[int, Field(ge=0)]


class QueueRemove(Request):
    """Take an entry out of the queue."""

    id: Name


class QueuePolicy(Request):
    """What the queue does after a run that failed."""

    on_failure: Literal["stop", "continue"]


class TakeControl(Request):
    """Become the operator; `force` takes control from whoever holds it."""

    force: bool = False


class GiveControl(Request):
    """Hand control to the client whose id is `to`."""

    to: Name


class Acknowledge(Request):
    """Say that the alarm with this id was seen."""

    alarm: Name


class Live(Request):
    """Choose what the live analysis shows; what is not given stays."""

    pairs: Annotated[list[tuple[Name, Name]], Field(max_length=64)] | None = None
    window_full_ps: Annotated[int, Field(gt=0)] | None = None
    range_ps: Annotated[int, Field(gt=0)] | None = None
    bin_ps: Annotated[int, Field(gt=0)] | None = None
    interval_s: Annotated[float, Field(ge=0.05, le=3600)] | None = None
    reset: bool = False


class Reconnect(Request):
    """Open an instrument's links anew after they were lost."""

    instrument: Name


class Identify(Request):
    """Ask an instrument what it is, to see that it answers."""

    instrument: Name


class Fault(Request):
    """Let something go wrong on a simulated bench."""

    place: Name
    kind: Name
    arguments: Annotated[dict[str, str | int | float | bool], Field(max_length=50)] = Field(
        default_factory=dict
    )


class Faults(Request):
    """Ask where something can go wrong, or what can go wrong at `place`."""

    place: Name | None = None


class ListRuns(Request):
    """Ask for the runs in the data folder, newest first."""

    experiment: Name | None = None
    status: Name | None = None
    text: Text | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class Stop(Request):
    """End the service; with a run under way only when forced."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class RequestKind:
    """What a request of one name carries, what its reply carries, and who may ask it."""

    request: type[Request]
    reply: type[replies.Reply]
    right: Right


REQUESTS: Mapping[str, RequestKind] = MappingProxyType(
    {
        "hello": RequestKind(Hello, replies.Hello, "anyone"),
        "goodbye": RequestKind(Empty, replies.Done, "anyone"),
        "status": RequestKind(Empty, replies.Status, "anyone"),
        "snapshot": RequestKind(Empty, replies.Snapshot, "anyone"),
        "get": RequestKind(Get, replies.Value, "anyone"),
        "set": RequestKind(Set, replies.Value, "operator"),
        "do": RequestKind(Do, replies.Done, "operator"),
        "lowered": RequestKind(Empty, replies.Lowered, "anyone"),
        "restore": RequestKind(Empty, replies.Restored, "operator"),
        "parameters": RequestKind(Empty, replies.Instruments, "anyone"),
        "experiments": RequestKind(Empty, replies.Experiments, "anyone"),
        "start": RequestKind(Start, replies.Started, "operator"),
        "outcome": RequestKind(Outcome, replies.Outcome, "anyone"),
        "pause": RequestKind(Empty, replies.Run, "operator"),
        "resume": RequestKind(Resume, replies.Run, "operator"),
        "abort": RequestKind(Abort, replies.Run, "anyone"),
        "safe": RequestKind(Empty, replies.Safe, "anyone"),
        "note": RequestKind(Note, replies.Done, "anyone"),
        "queue": RequestKind(Empty, replies.Queue, "anyone"),
        "queue_add": RequestKind(QueueAdd, replies.Queued, "operator"),
        "queue_move": RequestKind(QueueMove, replies.Queue, "operator"),
        "queue_remove": RequestKind(QueueRemove, replies.Queue, "operator"),
        "queue_hold": RequestKind(Empty, replies.Queue, "operator"),
        "queue_go": RequestKind(Empty, replies.Queue, "operator"),
        "queue_policy": RequestKind(QueuePolicy, replies.Queue, "operator"),
        "take_control": RequestKind(TakeControl, replies.Control, "anyone"),
        "give_control": RequestKind(GiveControl, replies.Control, "operator"),
        "release_control": RequestKind(Empty, replies.Control, "operator"),
        "acknowledge": RequestKind(Acknowledge, replies.Alarms, "operator"),
        "live": RequestKind(Live, replies.Live, "operator"),
        "reconnect": RequestKind(Reconnect, replies.Reconnected, "operator"),
        "identify": RequestKind(Identify, replies.Identified, "anyone"),
        "fault": RequestKind(Fault, replies.Fault, "operator"),
        "faults": RequestKind(Faults, replies.Faults, "anyone"),
        "runs": RequestKind(ListRuns, replies.Runs, "anyone"),
        "stop": RequestKind(Stop, replies.Run, "operator"),
    }
)

M = TypeVar("M", bound=BaseModel)
#: A model is built when it is first used: a client needs few of them. One thread builds.
_BUILDING = threading.Lock()


def kind_of(name: str) -> RequestKind:
    """Return what is known of the request `name`.

    Raises:
        LimitError: there is none.
    """
    if name not in REQUESTS:
        raise LimitError(f"unknown request {name!r}; known are: {', '.join(sorted(REQUESTS))}")
    return REQUESTS[name]


def check(model: type[M], values: Mapping[str, Any], what: str) -> M:
    """Return `values` as the model, or say everything that is wrong with them.

    Raises:
        LimitError: a field is missing, unknown, of another type or out of bounds.
    """
    try:
        if not model.__pydantic_complete__:
            with _BUILDING:
                model.model_rebuild()
        return model.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_context=False)[:8]
        )
        raise LimitError(f"{what} is refused: {problems}") from None
    except RecursionError:
        raise LabError(f"{what} is nested too deep") from None
