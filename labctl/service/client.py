"""The client: a laboratory that a service owns, with the surface of an open one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from labctl.errors import LabError, LimitError, LinkError, nearest
from labctl.lab.control import this_sender
from labctl.lab.safety import SafetyReport
from labctl.runs.status import RunOutcome, RunStatus
from labctl.service.attaching import Connection, find_service
from labctl.service.feed import Feed
from labctl.service.instrument_requests import InstrumentRequests
from labctl.service.remote_queue import RemoteQueue
from labctl.service.remote_run import RemoteRun, status_from_dict
from labctl.service.subscription import Subscription, Update
from labctl.service.topics import TOPICS

__all__ = ["LabClient", "connect", "find_service"]

_TIMEOUT_S = 10.0
#: A setting may ramp or move: drivers take what time they need, within their links' timeouts.
_SLOW_S = 120.0
_SLOW = frozenset({"set", "do", "safe", "restore", "reconnect"})


class LabClient(InstrumentRequests):
    """A client of the acquisition service; any thread may use it, as a context manager.

    It gives signs of life by itself until it is closed. Whoever holds control changes things;
    where nobody does, everybody may. A client that ends leaves runs and light as they are.
    """

    def __init__(
        self, config: Path | str | None, *, simulated: bool | None, name: str, kind: str
    ) -> None:
        self._connection = Connection(config, simulated=simulated, name=name, kind=kind)
        self._feed = Feed(self._connection)
        self.queue = RemoteQueue(self.ask)

    def ask(
        self, request: str, /, *, timeout_s: float | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Return the fields of the reply to `request`.

        Raises:
            LabError: what the service answered; LinkError when it is gone.
        """
        if timeout_s is None:
            timeout_s = _SLOW_S if request in _SLOW else _TIMEOUT_S
        return self._connection.ask(request, fields, timeout_s)

    @property
    def client_id(self) -> str:
        """What the service calls this client."""
        return self._connection.attachment.client

    @property
    def is_gone(self) -> bool:
        """True while no service answers."""
        return self._feed.is_gone

    def start(
        self,
        experiment: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        folder: Path | str | None = None,
        arm: bool | None = None,
        on_fault: str | None = None,
    ) -> RemoteRun:
        """Start a run and return at once; an experiment's file is named with its whole path.

        Raises:
            ConfigError: unknown experiment or parameters.
            RunError: a run is under way.
            InterlockError: another client holds control.
        """
        fields: dict[str, Any] = {"experiment": experiment, "parameters": dict(parameters or {})}
        fields |= {"arm": arm, "on_fault": on_fault}
        fields["folder"] = None if folder is None else str(Path(folder).resolve())
        return RemoteRun(self.ask, int(self.ask("start", **fields)["number"]))

    def run(
        self,
        experiment: str,
        *,
        folder: Path | str | None = None,
        arm: bool | None = None,
        **parameters: Any,
    ) -> RunOutcome:
        """Run an experiment to its end and return how it ended.

        KeyboardInterrupt aborts the run and goes on to the caller.

        Raises:
            RunError: the plan failed; the run file says how far it came.
        """
        run = self.start(experiment, parameters, folder=folder, arm=arm)
        try:
            while (outcome := run.wait(1.0)) is None:
                pass
        except KeyboardInterrupt:
            run.abort("interrupted from the keyboard")
            while run.wait(1.0) is None:
                pass
            raise
        return outcome

    @property
    def run_status(self) -> RunStatus:
        """Where the present or last run is."""
        return status_from_dict(self.status()["run"])

    def status(self) -> dict[str, Any]:
        """Return what is open and what runs."""
        return dict(self.ask("status")["status"])

    def snapshot(self) -> dict[str, Any]:
        """Return everything the service tells a client to begin with."""
        return dict(self.ask("snapshot")["snapshot"])

    def pause(self) -> None:
        """Pause the run under way, if there is one."""
        self.ask("pause")

    def resume(self, *, arm: bool = False) -> None:
        """Let a paused run go on; `arm` lets it switch its light on again."""
        self.ask("resume", arm=arm)

    def abort(self, reason: str = "") -> None:
        """Abort the run under way, if there is one; everyone may."""
        self.ask("abort", reason=reason)

    def make_safe(self) -> SafetyReport:
        """Switch everything off that could do harm; everyone may."""
        reply = self.ask("safe")
        return SafetyReport(tuple(reply["confirmed"]), reply["failures"])

    def note(self, text: str) -> None:
        """Write a line into the log of the service and of the run under way."""
        self.ask("note", text=text)

    def experiments(self) -> list[dict[str, Any]]:
        """Return every experiment with the JSON schema of its parameters."""
        return list(self.ask("experiments")["experiments"])

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Return the newest runs in the data folder, by experiment, status, text and limit."""
        return list(self.ask("runs", timeout_s=60.0, **filters)["runs"])

    def take_control(self, *, force: bool = False) -> None:
        """Become the operator; `force` takes control from whoever holds it."""
        self.ask("take_control", force=force)

    def give_control(self, to: str) -> None:
        """Hand control to the client with the id `to`."""
        self.ask("give_control", to=to)

    def release_control(self) -> None:
        """Let control become free."""
        self.ask("release_control")

    def acknowledge(self, alarm: str) -> None:
        """Say that the alarm with this id was seen."""
        self.ask("acknowledge", alarm=alarm)

    def live(self, **choices: Any) -> dict[str, Any]:
        """Choose what the live analysis shows, and return what it shows now."""
        return dict(self.ask("live", **choices)["live"])

    def stop(self, *, force: bool = False) -> None:
        """End the service; with a run under way only when forced."""
        self.ask("stop", force=force)

    def subscribe(
        self, *topics: str, on_update: Callable[[Update], None] | None = None
    ) -> Subscription:
        """Return updates of `topics`: a snapshot first, then what changes.

        With `on_update` they are not queued: it is called in the listening thread, and must not
        take long. The connection itself is the topic `service`: gone, or connected.

        Raises:
            LimitError: there is no such topic.
        """
        for topic in topics:
            if topic not in TOPICS:
                known = ", ".join(sorted(TOPICS))
                raise LimitError(
                    f'there is no topic "{topic}"{nearest(topic, TOPICS)}; there are: {known}'
                )
        return self._feed.subscribe(frozenset(topics), on_update)

    def results(self) -> dict[str, Update]:
        """Return the newest update of every topic that was subscribed to."""
        return self._feed.newest()

    def reconnect(self, timeout_s: float = 5.0) -> None:
        """Wait for a service of the same configuration, to which this client attaches by itself.

        Raises:
            LinkError: there is none within `timeout_s`.
        """
        if not self._feed.wait_for_service(timeout_s):
            raise LinkError(
                f"no acquisition service has come back within {timeout_s:g} s",
                hint="Start one with `labctl serve`.",
            )

    def close(self) -> None:
        """Say goodbye; control that this client holds becomes free. Closing twice is allowed."""
        # The other way round, the feed would introduce a client that has just said goodbye.
        self._feed.stop()
        if not self._connection.is_closed:
            with contextlib.suppress(LabError):
                self._connection.ask("goodbye", {}, 1.0)
            self._connection.close()
        self._feed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    config: Path | str | None = None,
    *,
    simulated: bool | None = None,
    name: str | None = None,
    take_control: bool = False,
) -> LabClient:
    """Attach to the acquisition service of a configuration; use it as a context manager.

    Args:
        config: instruments.toml; by default LABCTL_CONFIG, else that of the only service.
        simulated: only a service whose bench is simulated, or is not; by default any.
        name: how this client is called; by default user, host and process.
        take_control: become the operator at once.

    Raises:
        LinkError: no service has the configuration open.
        InterlockError: control was to be taken, and another client holds it.
    """
    client = LabClient(config, simulated=simulated, name=name or this_sender(), kind="script")
    try:
        if take_control:
            client.take_control()
    except BaseException:
        client.close()
        raise
    return client
