"""The acquisition service: one process owns the laboratory, everybody else is a client."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Self

from labctl.device import Laser
from labctl.errors import InterlockError, LabError, LinkError, RunError
from labctl.lab import LoadedBench
from labctl.lab.alarms import AlarmBook
from labctl.lab.monitor import Monitor
from labctl.lab.reviving import Reviver
from labctl.lab.runtime import claim_service
from labctl.runs import LabSession, RunState, RunStatus
from labctl.runs.recording import default_data_folder
from labctl.service.answers import session_answers
from labctl.service.control import ControlDesk, ControlEvent
from labctl.service.departure import EmissionPolicy
from labctl.service.desk import RequestDesk
from labctl.service.health import HealthWatch
from labctl.service.journal import Journal, service_key
from labctl.service.kept_queue import KeptQueue
from labctl.service.live import LiveAnalysis
from labctl.service.picture import facts_of, live_settings_of
from labctl.service.publisher import Publisher
from labctl.service.queue import RunQueue
from labctl.service.relay import BusRelay
from labctl.service.service_answers import service_answers
from labctl.service.values import KnownValues

__all__ = ["Service"]

_KEPT_QUEUE: Final = "kept queue"
_UNDER_WAY: Final = (RunState.RUNNING, RunState.PAUSED)


class Service:
    """Owns instruments, taggers, analysis, recorder, runs, queue and safety until `close`.

    Every part has its own thread and none waits for a client. `wait` returns when somebody asked
    it to stop.

    Args:
        config: the configuration, read and checked.
        simulated: replace every instrument by a simulated one.
        seed: of the simulated world.
        speed: of the simulated world's time.
        lost_after_s: a client that has been silent for so long is lost.

    Raises:
        LinkError: another service has this configuration; an instrument cannot be reached.
        ConfigError: the configuration is wrong.
    """

    def __init__(
        self,
        config: LoadedBench,
        *,
        simulated: bool,
        seed: int = 0,
        speed: float = 1.0,
        lost_after_s: float = 15.0,
    ) -> None:
        self.started_utc = time.time()
        self.folder = default_data_folder(config.config)
        self._stopped = threading.Event()
        self._closing = ExitStack()
        try:
            self._claim(config.path, simulated=simulated)
            self.session = self._closing.enter_context(
                LabSession(config, simulated=simulated, seed=seed, speed=speed)
            )
            self._make_parts(lost_after_s)
            self._start_parts()
        except BaseException:
            self.close()
            raise

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return True once somebody asked the service to stop."""
        return self._stopped.wait(timeout_s)

    def stop(self, *, force: bool = False) -> None:
        """Ask the service to stop.

        Raises:
            InterlockError: a run is under way or something emits, and `force` is not given.
        """
        status = self.session.run_status
        if not force and status.state in _UNDER_WAY:
            raise InterlockError(
                f"run {status.uid} ({status.experiment}) is under way; its service goes on",
                hint="Abort the run first, or stop with force: the run then ends as aborted.",
            )
        emitting = [] if force else [x.name for x in self.session.bench.lasers if _may_emit(x)]
        if emitting:
            raise InterlockError(
                f"{', '.join(emitting)} emits, or may; the service goes on",
                hint="Switch it off first, or stop with force, which makes everything safe.",
            )
        self._stopped.set()

    def close(self) -> None:
        """Abort the run under way, leave everything safe, and end; closing twice is allowed."""
        self._stopped.set()
        self._closing.close()

    def emission(self) -> dict[str, bool | None]:
        """Return the emission of every laser as last read back; None where it is unknown."""
        values = self.values.all()
        found: dict[str, bool | None] = {}
        for laser in self.session.bench.lasers:
            entry = values.get(laser.name, {}).get("emission", {})
            is_known = entry.get("state") in {"fresh", "held"}
            found[laser.name] = bool(entry["value"]) if is_known else None
        return found

    def snapshot(self) -> dict[str, Any]:
        """Return everything a client needs to begin with, from memory."""
        return {
            "service": facts_of(self.session, self.folder, self.started_utc),
            "run": self.session.run_status.to_dict(),
            "points": self.relay.points(),
            "instruments": self.values.all(),
            "emission": self.emission(),
            "alarms": self.alarms.snapshot(),
            "rules": self.monitor.rules(),
            "control": self.control.snapshot(),
            "queue": self.queue.to_dict(),
            "log": self.relay.log(),
            "health": self.health.latest(),
            "live": live_settings_of(self.live),
        }

    def revive(self, name: str) -> None:
        """Bring an instrument back that was lost; a run brings back its own.

        Raises:
            LabError: it is still out of reach, another instrument answers, or a run is under way.
        """
        if self.session.run_status.state in _UNDER_WAY:
            raise LinkError("the run under way brings it back", device=name)
        self.reviver.revive(name)

    def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """Tell the clients; never waits."""
        self.publisher.publish(topic, data)

    def _lost(self) -> Mapping[str, float]:
        return self.monitor.lost()

    def _claim(self, path: Path, *, simulated: bool) -> None:
        key = service_key(path, simulated=simulated)
        self._closing.callback(claim_service(key, path).release)
        self._journal = Journal(key)
        self._kept_queue = KeptQueue(key)

    def _make_parts(self, lost_after_s: float) -> None:
        session, endpoint = self.session, self.session.control
        self.control = ControlDesk(lost_after_s=lost_after_s)
        self.publisher = Publisher(
            is_token=endpoint.is_token, admit=self.control.beat, snapshot=self.snapshot
        )
        self._closing.callback(self.publisher.close)
        self.alarms = AlarmBook(session.bus)
        self.values = KnownValues(session, self.publish)
        self.relay = BusRelay(
            session.bus, self.publish, on_value=self.values.note, on_run=self._run_changed
        )
        self.live = LiveAnalysis(session.bench, self.publish, self.revive)
        self.reviver = Reviver(
            session,
            self.alarms,
            lost=self._lost,
            may_act=lambda: session.run_status.state not in _UNDER_WAY,
        )
        self.monitor = Monitor(
            session,
            alarms=self.alarms,
            pause_run=session.pause,
            abort_run=session.abort,
            rates_hz=self.live.rates_hz,
            on_values=self.values.take,
            outlook=self.reviver.outlook,
        )
        session.monitor = self.monitor
        self.health = HealthWatch(
            session.bench, self.folder, self.publish, lambda: session.run_status
        )
        self.queue = RunQueue(session)
        self.policy = EmissionPolicy(session.loaded.config.service, session, self.alarms)

    def _start_parts(self) -> None:
        self.alarms.on_change = self._alarms_changed
        self.control.on_event = self._control_changed
        self.control.on_operator_gone = self.policy.operator_gone
        desk = RequestDesk(
            self.session.control,
            self.control,
            snapshot=self.snapshot,
            push_endpoint=self.publisher.endpoint,
        )
        for name, answer in {**session_answers(self.session), **service_answers(self)}.items():
            desk.serve(name, answer)
        parts = (self.relay, self.monitor, self.reviver, self.live, self.health, self.policy)
        for part in (*parts, self.control):
            self._closing.callback(part.close)
            part.start()
        # Ended first: the run under way while everything still watches, and no other after it.
        self._closing.callback(self._end_run)
        self._closing.callback(self.queue.close)
        self._report_interruption()
        if told := self._kept_queue.bring_back(self.queue):
            self.alarms.raise_alarm(_KEPT_QUEUE, "warning", "service", told)
        self.queue.on_change = self._queue_changed
        self._queue_changed()
        self.queue.start()
        # The last step: from now on clients find the service.
        self.session.control.announce(service=self.publisher.endpoint)

    def _end_run(self) -> None:
        # How it failed is in its file and in the log; everything else must still be closed.
        with suppress(RunError):
            self.session.end_run("the service was stopped")

    def _report_interruption(self) -> None:
        found = self._journal.interrupted
        if not found:
            return
        self._journal.end()
        self.alarms.raise_alarm(
            "interrupted run",
            "warning",
            "service",
            f"run {found.get('uid')} ({found.get('experiment')}) was interrupted when the former "
            f"service ended; what was acknowledged is in {found['path']}. Instruments are shown "
            "as they were found; nothing was switched on.",
        )

    def _run_changed(self, status: RunStatus) -> None:
        if status.state in _UNDER_WAY and status.path is not None:
            self._journal.begin(status.uid, status.experiment, status.path)
        elif status.state not in _UNDER_WAY:
            self._journal.end()

    def _alarms_changed(self) -> None:
        self.publish("alarms", {"alarms": self.alarms.snapshot(), "rules": self.monitor.rules()})

    def _queue_changed(self) -> None:
        queue = self.queue.to_dict()
        self.publish("queue", queue)
        if not queue["is_held"]:
            self.alarms.clear(_KEPT_QUEUE)
        try:
            self._kept_queue.keep(self.queue.waiting())
        except OSError as error:
            text = f"the queue cannot be kept on disk: {error}; it would be lost with the service"
            self.alarms.raise_alarm("queue not kept", "warning", "service", text)
        else:
            self.alarms.clear("queue not kept")

    def _control_changed(self, event: ControlEvent) -> None:
        has_operator = self.control.operator is not None
        self.session.has_operator = has_operator
        if has_operator:
            self.policy.operator_here()
        self.publish("control", {**self.control.snapshot(), "event": event.to_dict()})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _may_emit(laser: Laser) -> bool:
    """Return whether a laser emits; what is out of reach must be assumed to."""
    try:
        return laser.emission
    except LabError:
        return True
