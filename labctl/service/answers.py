"""What an open laboratory answers its clients by itself: settings, runs, descriptions."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from labctl.bus import Message
from labctl.device import Setting, plugins
from labctl.errors import ConfigError, InterlockError, nearest
from labctl.lab.answering import answering
from labctl.lab.faulting import fault_handlers
from labctl.lab.lowering import LoweredSetting, lowered, raise_again
from labctl.runs import LabSession, Run, RunOutcome, RunState, load_experiment
from labctl.runs.finding import find_runs
from labctl.runs.recording import default_data_folder, plain
from labctl.service import requests
from labctl.service.control import Client
from labctl.service.desk import Handler

__all__ = ["describe_experiments", "describe_instruments", "session_answers"]

#: So many ended runs can still be asked for their outcome.
_REMEMBERED_RUNS = 32


def session_answers(session: LabSession) -> dict[str, Handler]:
    """Return what answers the requests that need nothing but the open laboratory, by name."""
    return {**_instrument_answers(session), **_run_answers(session), **_fault_answers(session)}


def _instrument_answers(session: LabSession) -> dict[str, Handler]:
    def get(request: requests.Get, _: Client) -> Mapping[str, Any]:
        value = session.get(request.path)
        return {"value": plain(value), "unit": session.parameter(request.path).unit}

    def set_(request: requests.Set, _: Client) -> Mapping[str, Any]:
        value = session.set(request.path, request.value, arm=request.arm)
        return {"value": plain(value), "unit": session.parameter(request.path).unit}

    def do(request: requests.Do, client: Client) -> Mapping[str, Any]:
        session.act(request.path)
        session.bus.publish(Message(source=client.name, text=f"did {request.path}"))
        return {}

    def identify(request: requests.Identify, _: Client) -> Mapping[str, Any]:
        name = request.instrument
        if name not in session.devices:
            raise ConfigError(
                f'"{name}" is no instrument{nearest(name, session.devices)}; '
                f"known are: {', '.join(session.devices)}"
            )
        device = session.devices[name]
        with answering(device, session.bench.pumps):
            found = device.identify()
        is_the_same = found == session.identities[name]
        return {"instrument": name, "identity": str(found), "is_the_same": is_the_same}

    def safe(_: requests.Empty, client: Client) -> Mapping[str, Any]:
        # The run is told first, so that it does not light up what is being switched off.
        session.abort(f"all safe was ordered by {client.name}")
        report = session.make_safe()
        return {"confirmed": list(report.confirmed), "failures": report.failures}

    return {
        "status": lambda *_: {"status": session.status()},
        "get": get,
        "set": set_,
        "do": do,
        "lowered": lambda *_: {"settings": _told(lowered(session.devices.values()))},
        "restore": lambda *_: _restored(session),
        "safe": safe,
        "identify": identify,
        "parameters": lambda *_: {"instruments": describe_instruments(session)},
    }


def _told(settings: Iterable[LoweredSetting]) -> list[dict[str, Any]]:
    return [{"path": s.path, "value": plain(s.value), "unit": s.unit} for s in settings]


def _restored(session: LabSession) -> Mapping[str, Any]:
    status = session.run_status
    if status.state in {RunState.RUNNING, RunState.PAUSED}:
        raise InterlockError(
            f"run {status.uid} ({status.experiment}) is under way; it counts with what is set now",
            hint="Wait for its end, or abort it.",
        )
    report = raise_again(session)
    return {"settings": _told(report.restored), "failures": report.failures}


def _run_answers(session: LabSession) -> dict[str, Handler]:
    started = _StartedRuns(session)

    def run() -> dict[str, Any]:
        return {"run": session.run_status.to_dict()}

    def pause(_: requests.Empty, client: Client) -> Mapping[str, Any]:
        session.pause(f"by {client.name}")
        return run()

    def resume(request: requests.Resume, _: Client) -> Mapping[str, Any]:
        session.resume(arm=request.arm)
        return run()

    def abort(request: requests.Abort, client: Client) -> Mapping[str, Any]:
        session.abort(request.reason or f"aborted by {client.name}")
        return run()

    def note(request: requests.Note, client: Client) -> Mapping[str, Any]:
        session.bus.publish(Message(source=client.name, text=request.text))
        return {}

    def runs(request: requests.ListRuns, _: Client) -> Mapping[str, Any]:
        folder = default_data_folder(session.loaded.config)
        if not folder.is_dir():
            return {"runs": []}
        return {"runs": [found.to_dict() for found in find_runs(folder, **request.model_dump())]}

    return {
        "experiments": lambda *_: {"experiments": describe_experiments()},
        "start": started.start,
        "outcome": started.outcome,
        "pause": pause,
        "resume": resume,
        "abort": abort,
        "note": note,
        "runs": runs,
    }


def _fault_answers(session: LabSession) -> dict[str, Handler]:
    def answer(name: str, request: requests.Request, _: Client) -> Mapping[str, Any]:
        return fault_handlers(session.simulation)[name](request.model_dump(exclude_none=True))

    return {name: partial(answer, name) for name in ("fault", "faults")}


class _StartedRuns:
    """Knows the runs that clients started, so that they can ask how they ended."""

    def __init__(self, session: LabSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._count = 0
        self._runs: dict[int, Run] = {}

    def start(self, request: requests.Start, _: Client) -> Mapping[str, Any]:
        """Start a run and return its number."""
        run = self._session.start(
            request.experiment,
            request.parameters,
            folder=None if request.folder is None else Path(request.folder),
            arm=request.arm,
            on_fault=request.on_fault,
        )
        with self._lock:
            self._count += 1
            number = self._count
            self._runs[number] = run
            self._runs.pop(number - _REMEMBERED_RUNS, None)
        return {"number": number, "run": run.status.to_dict()}

    def outcome(self, request: requests.Outcome, _: Client) -> Mapping[str, Any]:
        """Return how a run ended, None while it goes on.

        Raises:
            ConfigError: there was no such run, or it is long ago.
            RunError: the run failed.
        """
        with self._lock:
            run = self._runs.get(request.number)
        if run is None:
            raise ConfigError(f"this service knows no run number {request.number}, or no longer")
        outcome = run.wait(0)
        described = None if outcome is None else _described(outcome)
        return {"outcome": described, "run": run.status.to_dict()}


def _described(outcome: RunOutcome) -> dict[str, Any]:
    result = outcome.result
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "uid": outcome.uid,
        "path": None if outcome.path is None else str(outcome.path),
        "result": None if result is None else result.to_dict(),
        "table": [] if result is None else result.rows(),
        "points": [plain(point) for point in outcome.points],
        "warnings": list(outcome.warnings),
    }


def describe_instruments(session: LabSession) -> dict[str, dict[str, Any]]:
    """Return every instrument with its settings, readings and actions: what an editor needs."""
    return {
        name: {
            "kinds": list(device.kinds),
            "identity": str(session.identities[name]),
            "driver": session.loaded.config.instruments[name].driver,
            "address": session.loaded.config.instruments[name].address,
            "simulated": session.is_device_simulated(name),
            "parameters": {
                setting: _described_parameter(declared, device.limits.get(setting))
                for setting, declared in device.parameters.items()
            },
            "actions": dict(device.actions),
        }
        for name, device in session.devices.items()
    }


def _described_parameter(declared: Any, narrowed: tuple[float, float] | None) -> dict[str, Any]:
    described = {
        "unit": declared.unit,
        "doc": declared.doc,
        "is_settable": declared.is_settable,
        "is_emission": False,
        "type": "number" if declared.unit else "value",
        "limits": None,
        "choices": None,
    }
    if isinstance(declared, Setting):
        limits = narrowed or declared.limits
        described |= {
            "is_emission": declared.is_emission,
            "type": _type_of(declared),
            "limits": None if limits is None else list(limits),
            "choices": None if declared.choices is None else [plain(c) for c in declared.choices],
        }
    return described


def _type_of(setting: Setting[Any]) -> str:
    if setting.is_array:
        return "numbers"
    if setting.choices:
        return "switch" if isinstance(setting.choices[0], bool) else "choice"
    return "number" if setting.is_number else "text"


def describe_experiments() -> list[dict[str, Any]]:
    """Return every experiment with the JSON schema of its parameters."""
    found = [load_experiment(name) for name in plugins("labctl.experiments")]
    return [
        {
            "name": experiment.name,
            "summary": experiment.summary,
            "needs_light": experiment.needs_light,
            "calibrates": experiment.calibrates is not None,
            "parameters": experiment.parameters.model_json_schema(),
        }
        for experiment in found
    ]
