"""Answers to the requests that only a service has: queue, alarms, live display, runs, its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.errors import ConfigError, LimitError
from labctl.runs.live_counting import LiveSettings
from labctl.service import requests
from labctl.service.answers import session_answers
from labctl.service.control import Client
from labctl.service.desk import Handler
from labctl.service.picture import live_settings_of

if TYPE_CHECKING:
    from labctl.service.service import Service

__all__ = ["service_answers"]


def service_answers(service: Service) -> Mapping[str, Handler]:
    """Return what answers each of the requests, by its name."""
    return _QueueAnswers(service).all() | _EndAnswers(service).all() | _OtherAnswers(service).all()


class _QueueAnswers:
    """Everything about the queue of runs."""

    def __init__(self, service: Service) -> None:
        self._queue = service.queue

    def all(self) -> dict[str, Handler]:
        return {
            "queue": lambda *_: self._told(),
            "queue_add": self._add,
            "queue_move": self._move,
            "queue_remove": self._remove,
            "queue_hold": self._hold,
            "queue_go": self._go,
            "queue_policy": self._policy,
        }

    def _told(self) -> dict[str, Any]:
        return {"queue": self._queue.to_dict()}

    def _add(self, request: requests.QueueAdd, _: Client) -> dict[str, Any]:
        entry = self._queue.add(
            request.experiment,
            request.parameters,
            arm=request.arm,
            folder=request.folder,
            label=request.label,
            scan=request.scan,
            snake=request.snake,
        )
        return {"id": entry, **self._told()}

    def _move(self, request: requests.QueueMove, _: Client) -> dict[str, Any]:
        self._queue.move(request.id, request.to)
        return self._told()

    def _remove(self, request: requests.QueueRemove, _: Client) -> dict[str, Any]:
        self._queue.remove(request.id)
        return self._told()

    def _hold(self, _: requests.Empty, client: Client) -> dict[str, Any]:
        self._queue.hold(f"held by {client.name}")
        return self._told()

    def _go(self, _: requests.Empty, __: Client) -> dict[str, Any]:
        self._queue.go()
        return self._told()

    def _policy(self, request: requests.QueuePolicy, _: Client) -> dict[str, Any]:
        self._queue.policy(request.on_failure)
        return self._told()


class _EndAnswers:
    """All safe and abort: between two runs of the queue nothing is aborted, yet one may begin."""

    def __init__(self, service: Service) -> None:
        self._queue = service.queue
        self._of_session = session_answers(service.session)

    def all(self) -> dict[str, Handler]:
        return {name: partial(self._answer, name) for name in ("safe", "abort")}

    def _answer(self, name: str, request: requests.Request, client: Client) -> Mapping[str, Any]:
        # Once it is held nothing starts, so nothing can light up behind what follows.
        self._queue.hold(
            f"{'all safe' if name == 'safe' else 'abort'} was ordered by {client.name}"
        )
        try:
            return self._of_session[name](request, client)
        finally:
            if not self._queue.to_dict()["entries"]:
                self._queue.go()


class _OtherAnswers:
    """Alarms, the live display, lost instruments, and the service's own end."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def all(self) -> dict[str, Handler]:
        return {
            "acknowledge": self._acknowledge,
            "live": self._live,
            "reconnect": self._reconnect,
            "stop": self._stop,
        }

    def _acknowledge(self, request: requests.Acknowledge, _: Client) -> dict[str, Any]:
        if not request.alarm.isdigit():
            raise ConfigError(f'"{request.alarm}" is no number of an alarm')
        self._service.alarms.acknowledge(int(request.alarm))
        return {"alarms": self._service.alarms.snapshot()}

    def _live(self, request: requests.Live, _: Client) -> dict[str, Any]:
        live = self._service.live
        for tagger, settings in live.settings().items():
            wanted = self._merged(tagger, settings, request)
            if wanted != settings:
                live.configure(tagger, wanted)
        if request.reset:
            live.reset()
        return {"live": live_settings_of(live)}

    def _merged(self, tagger: str, settings: LiveSettings, request: requests.Live) -> LiveSettings:
        given = {
            name: value
            for name in ("window_full_ps", "range_ps", "bin_ps", "interval_s")
            if (value := getattr(request, name)) is not None
        }
        if request.pairs is not None:
            detectors = self._service.session.bench.detectors
            for name in (name for pair in request.pairs for name in pair):
                if name not in detectors:
                    raise LimitError(f'"{name}" is no detector; known are: {", ".join(detectors)}')
            here = [
                pair
                for pair in request.pairs
                if all(detectors[name].tagger == tagger for name in pair)
            ]
            given["pairs"] = tuple(here)
        return replace(settings, **given)

    def _reconnect(self, request: requests.Reconnect, _: Client) -> dict[str, Any]:
        session = self._service.session
        if request.instrument not in session.devices:
            raise ConfigError(
                f'"{request.instrument}" is no instrument; known are: {", ".join(session.devices)}'
            )
        self._service.revive(request.instrument)
        identity = session.identities[request.instrument]
        return {"instrument": request.instrument, "identity": str(identity)}

    def _stop(self, request: requests.Stop, _: Client) -> dict[str, Any]:
        self._service.stop(force=request.force)
        return {"run": self._service.session.run_status.to_dict()}
