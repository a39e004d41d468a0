"""What a service answers: one model per kind of reply, checked on both ends."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = [
    "Alarms",
    "Control",
    "Done",
    "Experiments",
    "Fault",
    "Faults",
    "Hello",
    "Identified",
    "Instruments",
    "Live",
    "Lowered",
    "Outcome",
    "Queue",
    "Queued",
    "Reconnected",
    "Reply",
    "Restored",
    "Run",
    "Runs",
    "Safe",
    "Snapshot",
    "Started",
    "Status",
    "Value",
]


class Reply(BaseModel):
    """The base of all replies."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Done(Reply):
    """It was done; there is nothing to say of it."""


class Hello(Reply):
    """Who the client is from now on, where updates come from, and everything that is known.

    `beat_within_s`: a client that is silent for longer is taken for lost.
    """

    client: str
    push_endpoint: str
    beat_within_s: float
    snapshot: dict[str, Any]


class Status(Reply):
    """What is open and what runs."""

    status: dict[str, Any]


class Snapshot(Reply):
    """The newest of every topic."""

    snapshot: dict[str, Any]


class Value(Reply):
    """What the instrument reads back, and its unit."""

    value: Any
    unit: str


class Instruments(Reply):
    """Every instrument, with its settings and readings."""

    instruments: dict[str, dict[str, Any]]


class Experiments(Reply):
    """Every experiment, with the JSON schema of its parameters."""

    experiments: list[dict[str, Any]]


class Run(Reply):
    """Where the present or last run is."""

    run: dict[str, Any]


class Started(Run):
    """A run was started; `number` counts the runs of this service."""

    number: int


class Outcome(Run):
    """How a run ended; None while it goes on."""

    outcome: dict[str, Any] | None


class Safe(Reply):
    """What was confirmed safe, and what could not be: instrument -> why."""

    confirmed: list[str]
    failures: dict[str, str]


class Lowered(Reply):
    """Settings that were lowered for safety, with the value before: path, value, unit."""

    settings: list[dict[str, Any]]


class Restored(Lowered):
    """What of it was set again, and what could not be: path -> why."""

    failures: dict[str, str]


class Queue(Reply):
    """The whole queue."""

    queue: dict[str, Any]


class Queued(Queue):
    """The whole queue, and the id of the entry that was added."""

    id: str


class Control(Reply):
    """Who is there, and who is the operator."""

    control: dict[str, Any]


class Alarms(Reply):
    """All alarms that are active or were not acknowledged."""

    alarms: list[dict[str, Any]]


class Live(Reply):
    """What the live analysis shows now."""

    live: dict[str, Any]


class Reconnected(Reply):
    """An instrument answers again."""

    instrument: str
    identity: str


class Identified(Reply):
    """What an instrument says it is, and whether it said the same when it was connected."""

    instrument: str
    identity: str
    is_the_same: bool


class Fault(Reply):
    """What was made to go wrong."""

    fault: dict[str, Any]


class Faults(Reply):
    """Where something can go wrong and what is still wrong, or what can go wrong at one place."""

    names: list[str] = []
    standing: list[dict[str, Any]] = []
    faults: list[dict[str, Any]] = []


class Runs(Reply):
    """Runs in the data folder, newest first."""

    runs: list[dict[str, Any]]
