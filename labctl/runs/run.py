"""One run: a plan driven in its own thread, recorded, abortable, always left safe."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl.bus import Alarm, Message
from labctl.device import Laser
from labctl.errors import LabError
from labctl.lab import Lab
from labctl.runs.light import light_up, lights_of, lights_out, still_lit
from labctl.runs.mending import FaultPolicy, Mender, lights_on
from labctl.runs.orders import AbortedError, Orders
from labctl.runs.plan import (
    DwellTaken,
    Experiment,
    Faulted,
    Plan,
    Point,
    Progress,
    Retaken,
    Step,
    Warned,
)
from labctl.runs.recording import new_recording, record_events, record_figure, record_master
from labctl.runs.snapshots import absent, snapshot
from labctl.runs.status import RunOutcome, RunState, RunStatus, failed_run, reason_of
from labctl.runs.tag_recording import TagRecording
from labctl.runs.telling import StatusTeller
from labctl.runs.waits import retaken
from labctl.storage import Acknowledgement, Recorder

__all__ = ["Run"]


class Run:
    """Drives one plan; made by the session, which allows one run at a time.

    The run thread owns the plan, the recorder and the lasers it lit. Other threads may call
    `abort`, `pause`, `resume`, `status` and `wait`.
    """

    def __init__(
        self,
        lab: Lab,
        experiment: Experiment[Any],
        parameters: Any,
        *,
        folder: Path,
        arm: bool,
        faults: FaultPolicy,
        parents: tuple[str, ...] = (),
    ) -> None:
        self._lab = lab
        self._experiment = experiment
        self._parameters = parameters
        self._folder = folder
        self._arm = arm
        self._parents = parents
        self._teller = StatusTeller(lab.bus, RunStatus(RunState.RUNNING, experiment.name))
        self._orders = Orders()
        self._mender = Mender(lab, self._orders, faults)
        self._points: list[Mapping[str, Any]] = []
        self._warnings: list[str] = []
        self._lit: list[Laser] = []
        self._error: BaseException | None = None
        self._outcome: RunOutcome | None = None
        self._repeated = 0
        self._total = 0
        self._thread = threading.Thread(target=self._main, name=f"run {experiment.name}")

    @property
    def status(self) -> RunStatus:
        """A snapshot of where the run is."""
        return self._teller.status

    def start(self) -> None:
        """Begin, in the run's own thread."""
        self._thread.start()

    def abort(self, reason: str) -> None:
        """Ask the run to end now; it leaves everything safe. Aborting twice changes nothing."""
        self._orders.abort(reason)

    def pause(self) -> None:
        """Hold the plan before its next step; a dwell under way will be taken again."""
        if self.status.state is RunState.RUNNING and self._orders.pause():
            self._lab.bench.interruptions += 1

    def resume(self, *, arm: bool = False) -> None:
        """Let a paused plan go on; `arm` lets it switch on what went dark with its link.

        Raises:
            InterlockError: something went dark and `arm` is not given; the run stays paused.
        """
        self._orders.resume(arm=arm)

    def wait(self, timeout_s: float | None = None) -> RunOutcome | None:
        """Return how the run ended, or None when it has not within `timeout_s`.

        Raises:
            RunError: the plan failed.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise self._error
        return self._outcome

    def _main(self) -> None:
        status, reason, result, path, uid = RunState.FAILED, "", None, None, ""
        cause: BaseException | None = None
        try:
            with contextlib.ExitStack() as stack:
                recorder, uid = self._begin(stack)
                path = recorder.path
                try:
                    result = self._work(recorder)
                    status = RunState.FINISHED
                except AbortedError:
                    status, reason = RunState.ABORTED, self._orders.abort_reason
                except BaseException as error:  # noqa: BLE001  whatever a plan raises, end safely
                    reason, cause = reason_of(error), error
                status, reason, cause = self._leave(status, reason, cause)
                self._end(recorder, status, reason, result)
            record_master(self._lab.bus, path)
        except BaseException as error:  # noqa: BLE001  the run file was not made or not finished
            status, reason, cause = RunState.FAILED, reason_of(error), cause or error
            self._lab.make_safe()
        if cause is not None:
            self._error = (
                cause if isinstance(cause, LabError) and not path else failed_run(cause, uid)
            )
            self._error.__cause__ = cause if self._error is not cause else cause.__cause__
        if status in {RunState.FINISHED, RunState.ABORTED}:
            self._outcome = RunOutcome(
                status.value,
                reason,
                result if status is RunState.FINISHED else None,
                path,
                uid,
                tuple(self._points),
                tuple(self._warnings),
            )
        self._teller.tell(state=status, text=reason, eta_s=0.0)

    def _begin(self, stack: contextlib.ExitStack) -> tuple[Recorder, str]:
        planned = self._experiment.points(self._parameters)
        recorder, uid = new_recording(
            self._lab,
            self._experiment.name,
            self._parameters.model_dump(mode="json"),
            self._folder,
            planned,
            self._parents,
            on_ack=self._acknowledged,
        )
        stack.callback(recorder.close)
        # The tags of a replayed run are in its parent's file already.
        self._tags = TagRecording(self._lab.bench, recorder, is_kept=not self._parents)
        self._events = stack.enter_context(self._lab.bus.subscribe())
        self._total = planned
        self._teller.tell(uid=uid, path=recorder.path, points_total=planned)
        return recorder, uid

    def _work(self, recorder: Recorder) -> Any:
        values = snapshot(self._lab.bench)
        recorder.snapshot("start", values)
        for name, why in absent(values).items():
            self._take(Warned(f"{name} could not be read at the start: {why}"), recorder)
        if self._arm and self._experiment.lights(self._parameters):
            lights = lights_of(self._lab.bench)
            lighting = light_up(self._lab.bench, lights, self._mender.switch_on)
            self._lit = self._drive(lighting, recorder)
        self._mender.lights = lights_on(self._lab.bench)
        for name, error in self._tags.start().items():
            self._take(Warned(f"{name} does not stream: {error}"), recorder)
        result = self._drive(self._experiment.plan(self._lab.bench, self._parameters), recorder)
        self._drive(still_lit(self._lab.bench, self._lit), recorder)
        return result

    def _drive(self, plan: Plan[Any], recorder: Recorder) -> Any:
        """Step the plan to its end and return its result."""
        with contextlib.closing(plan):
            while True:
                self._obey()
                self._tags.check()
                try:
                    step = next(plan)
                except StopIteration as stop:
                    return stop.value
                record_events(recorder, self._events)
                self._take(step, recorder)

    def _obey(self) -> None:
        if self._orders.is_holding:
            why = self._orders.why
            self._teller.tell(state=RunState.PAUSED, **({"text": why} if why else {}))
            self._orders.wait()
            self._teller.tell(state=RunState.RUNNING, **({"text": ""} if why else {}))
        self._orders.wait()

    def _survive(self, fault: Faulted, recorder: Recorder) -> None:
        """Bring back what was lost, or raise why the run cannot go on."""
        reason = str(fault.error)
        self._lab.bus.publish(Alarm(source=fault.error.device or "run", text=reason))
        lost = retaken(self._lab.bench, f"taken again after a fault: {reason}")
        self._drive(self._mender.mend(fault.error), recorder)
        fault.is_mended = True
        self._take(lost, recorder)

    def _take(self, step: Step, recorder: Recorder) -> None:
        if isinstance(step, Point):
            recorder.point(step.number, step.total, step.values)
            self._lab.bus.publish(step)
            self._points.append(step.values)
            self._mender.note_point()
            self._total = step.total
            self._teller.note(points_done=step.number, points_total=step.total)
        elif isinstance(step, Progress):
            live = {"live": step.live} if step.live else {}
            self._teller.note(fraction=step.fraction, text=step.text, **live)
        elif isinstance(step, DwellTaken):
            recorder.event("dwell", "run", {"start_ps": step.start_ps, "stop_ps": step.stop_ps})
        elif isinstance(step, Retaken):
            recorder.event("warning", "run", step.reason)
            interval = {"start_ps": step.start_ps, "stop_ps": step.stop_ps}
            recorder.event("retaken", "run", {"reason": step.reason, **interval})
            self._repeated += 1
            self._teller.note(repeated=self._repeated)
        elif isinstance(step, Faulted):
            self._survive(step, recorder)
        elif isinstance(step, Warned):
            recorder.event("warning", "run", step.text)
            self._warnings.append(step.text)
            self._lab.bus.publish(Message(source="run", text=step.text))

    def _leave(
        self, status: RunState, reason: str, cause: BaseException | None
    ) -> tuple[RunState, str, BaseException | None]:
        """Make the bench safe for how the run ended and stop the streams."""
        try:
            if status is RunState.FINISHED:
                lights_out(self._lit)
            else:
                report = self._lab.make_safe()
                if not report.is_safe:
                    reason = f"{reason}; {report}"
        except LabError as error:
            status, reason, cause = RunState.FAILED, str(error), error
            self._lab.make_safe()
        try:
            self._tags.stop()
        except LabError as error:
            if status is RunState.FINISHED:
                status, reason, cause = RunState.FAILED, str(error), error
        return status, reason, cause

    def _end(self, recorder: Recorder, status: RunState, reason: str, result: Any) -> None:
        values = snapshot(self._lab.bench)
        record_events(recorder, self._events)
        recorder.snapshot("end", values)
        if result is not None:
            simulated = any(self._lab.is_device_simulated(name) for name in self._lab.devices)
            record_figure(recorder, self._experiment, result, simulated=simulated)
        taken = {"planned": self._total, "taken": len(self._points), "repeated": self._repeated}
        try:
            stored = None if result is None else {**result.to_dict(), "table": result.rows()}
            recorder.end(status.value, reason, stored, **taken)  # type: ignore[arg-type]  # same words
        except Exception as error:
            # A result that JSON cannot carry must not keep the end out of the file.
            recorder.end("failed", reason_of(error), **taken)
            raise

    def _acknowledged(self, acknowledgement: Acknowledgement) -> None:
        # In the recorder's thread: the run thread tells it with its next snapshot.
        self._teller.safe_until_ps = acknowledgement.safe_until_ps
