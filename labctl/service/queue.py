"""The queue of runs: one after the other, until one fails or somebody holds it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from labctl.errors import ConfigError, InterlockError, LabError, nearest
from labctl.runs import LabSession, Run, RunState, load_experiment
from labctl.runs.status import reason_of
from labctl.service.queue_entry import EntryState, QueueEntry
from labctl.service.queue_times import end_of_run_utc, estimated

__all__ = ["OnFailure", "RunQueue"]

OnFailure = Literal["stop", "continue"]

_POLL_S: Final = 0.1
#: A running queue tells its estimates anew so often.
_TELL_S: Final = 5.0
_MAX_WAITING: Final = 1000
#: As many ended runs are remembered.
_ENDED: Final = 50
_UNDER_WAY: Final = (RunState.RUNNING, RunState.PAUSED)


class RunQueue:
    """Starts the runs that wait, in one thread of its own; may be used from any thread.

    A run that was aborted holds the queue: whoever stops a run, or orders all safe, does not want
    the next one to light up. After one that failed, `policy` decides. A run that somebody else
    starts meanwhile is waited for.

    Args:
        session: the open laboratory.
        on_change: called after every change, one call at a time; must not take long. It may be
            replaced before `start`.
    """

    def __init__(
        self, session: LabSession, *, on_change: Callable[[], object] = lambda: None
    ) -> None:
        self.on_change = on_change
        self._session = session
        self._telling = threading.RLock()
        self._changed = threading.Condition()
        self._waiting: list[QueueEntry] = []
        self._running: QueueEntry | None = None
        self._ended: deque[QueueEntry] = deque(maxlen=_ENDED)
        self._added = 0
        self._held_for: str | None = None
        self._on_failure: OnFailure = "stop"
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="run queue", daemon=True)

    def start(self) -> None:
        """Begin to start what waits."""
        self._thread.start()

    def close(self) -> None:
        """Start nothing any more; a run under way goes on without the queue."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def add(
        self,
        experiment: str,
        parameters: Mapping[str, Any],
        *,
        arm: bool | None = None,
        folder: Path | str | None = None,
        label: str = "",
        scan: Sequence[str] = (),
        snake: bool = True,
    ) -> str:
        """Append a run and return its id; with `scan` axes the experiment is scanned over them.

        Raises:
            ConfigError: unknown experiment or parameters, or the bench lacks what they ask for.
            LimitError: a value of a scan is outside the limits in force.
        """
        if scan:
            parameters = {
                "axes": list(scan),
                "each": experiment,
                "parameters": dict(parameters),
                "snake": snake,
            }
            experiment = "scan"
        found = load_experiment(experiment)
        parsed = found.parse(parameters)
        if found.check is not None:
            found.check(self._session.bench, parsed)
        bench_s = None if found.duration_s is None else found.duration_s(parsed)
        with self._changed:
            if len(self._waiting) >= _MAX_WAITING:
                raise ConfigError(f"{_MAX_WAITING} runs wait already; remove some")
            self._added += 1
            entry = QueueEntry(
                str(self._added),
                experiment,
                dict(parameters),
                label,
                arm,
                Path(folder) if folder is not None else None,
                found.points(parsed),
                self._wall_s(bench_s),
            )
            self._waiting.append(entry)
            self._changed.notify_all()
        self._tell()
        return entry.id

    def move(self, entry_id: str, to: int) -> None:
        """Move a waiting run to the place `to` among those that wait, counted from 0.

        A place behind the last is the last.

        Raises:
            ConfigError: no such run waits.
        """
        with self._changed:
            entry = self._waiting_entry(entry_id)
            self._waiting.remove(entry)
            self._waiting.insert(max(0, to), entry)
        self._tell()

    def remove(self, entry_id: str) -> None:
        """Take a waiting run out of the queue.

        Raises:
            ConfigError: no such run waits.
        """
        with self._changed:
            self._waiting.remove(self._waiting_entry(entry_id))
        self._tell()

    def hold(self, reason: str = "held by the operator") -> None:
        """Start nothing more until `go`; once this has returned, nothing starts any more."""
        with self._changed:
            self._held_for = reason
        self._tell()

    def go(self) -> None:
        """Go on with what waits."""
        with self._changed:
            self._held_for = None
            self._changed.notify_all()
        self._tell()

    def policy(self, on_failure: OnFailure) -> None:
        """Choose whether a run that fails stops the queue."""
        with self._changed:
            self._on_failure = on_failure
        self._tell()

    def waiting(self) -> list[QueueEntry]:
        """Return the runs that wait, in order."""
        with self._changed:
            return list(self._waiting)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole queue as JSON carries it.

        `entries` are the running and the waiting runs in order, with `start_utc` and `end_utc` as
        estimated now (None where nobody can know, and while the queue is held); `ended` are the
        latest that have ended, newest first; `end_utc` is the estimated end of everything.
        """
        with self._changed:
            running, waiting = self._running, list(self._waiting)
            ended, held_for, on_failure = list(self._ended), self._held_for, self._on_failure
        now_utc = end_of_run_utc(self._session.run_status)
        entries, end_utc = estimated(running, waiting, now_utc, is_held=held_for is not None)
        return {
            "entries": entries,
            "ended": [entry.to_dict() for entry in reversed(ended)],
            "is_held": held_for is not None,
            "reason": held_for or "",
            "on_failure": on_failure,
            "end_utc": end_utc,
        }

    def _wall_s(self, bench_s: float | None) -> float | None:
        """Return how long bench time takes by the wall's clock; a stepped bench does not say."""
        if bench_s is None or self._session.simulation is None:
            return bench_s
        return bench_s / self._session.speed if self._session.speed > 0 else None

    def _waiting_entry(self, entry_id: str) -> QueueEntry:
        for entry in self._waiting:
            if entry.id == entry_id:
                return entry
        if self._running is not None and self._running.id == entry_id:
            raise InterlockError(f"run {entry_id} of the queue is under way; abort it instead")
        ids = [entry.id for entry in self._waiting]
        raise ConfigError(
            f'no run "{entry_id}" waits in the queue{nearest(entry_id, ids)}; '
            f"waiting are: {', '.join(ids) or 'none'}"
        )

    def _tell(self) -> None:
        # One at a time, so that the newest state is told last.
        with self._telling:
            self.on_change()

    def _work(self) -> None:
        while (run := self._start_next()) is not None:
            self._attend(run)

    def _start_next(self) -> Run | None:
        """Wait for a turn and return the run that was started; None when the queue closes."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or self._may_start)
                if self._is_closing:
                    return None
                if self._is_busy:
                    self._changed.wait_for(lambda: self._is_closing, _POLL_S)
                    continue
                # Under the lock, so that after `hold` has returned nothing starts.
                run = self._start(self._waiting[0])
            self._tell()
            if run is not None:
                return run

    @property
    def _may_start(self) -> bool:
        return bool(self._waiting) and self._held_for is None

    @property
    def _is_busy(self) -> bool:
        return self._session.run_status.state in _UNDER_WAY

    def _start(self, entry: QueueEntry) -> Run | None:
        """Start the first that waits; where it cannot be, it has failed. Called with the lock."""
        try:
            run = self._session.start(
                entry.experiment, entry.parameters, folder=entry.folder, arm=entry.arm
            )
        except Exception as error:  # noqa: BLE001  what a plugin's check raises fails one run only
            if isinstance(error, LabError) and self._is_busy:
                return None
            self._waiting.remove(entry)
            self._end(replace(entry, state=EntryState.FAILED, reason=reason_of(error)))
            return None
        self._waiting.remove(entry)
        self._running = replace(entry, state=EntryState.RUNNING)
        return run

    def _attend(self, run: Run) -> None:
        """Wait for the end of the running entry; on closing, leave it."""
        told_s = time.monotonic()
        state, reason = EntryState.FAILED, ""
        while True:
            try:
                outcome = run.wait(_POLL_S)
            except Exception as error:  # noqa: BLE001  whatever ended the run, the queue goes on
                reason = reason_of(error)
                break
            if outcome is not None:
                state, reason = EntryState(outcome.status), outcome.reason
                break
            if self._is_closing:
                return
            if time.monotonic() - told_s > _TELL_S:
                told_s = time.monotonic()
                self._tell()
        with self._changed:
            entry, self._running = self._running, None
            if entry is not None:
                status = run.status
                self._end(
                    replace(entry, state=state, reason=reason, uid=status.uid, path=status.path)
                )
        self._tell()

    def _end(self, entry: QueueEntry) -> None:
        """Note how an entry ended, and hold the queue where that asks for it."""
        self._ended.append(entry)
        named = f"run {entry.id} ({entry.label or entry.experiment})"
        if entry.state is EntryState.ABORTED:
            self._held_for = f"{named} was aborted: {entry.reason}"
        elif entry.state is EntryState.FAILED and self._on_failure == "stop":
            self._held_for = f"{named} failed: {entry.reason}"
