"""A service of the essentials: a real laboratory and both planes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from labctl.lab import OpenLabClient, find_open_labs
from labctl.runs import LabSession, open_lab
from labctl.service.answers import session_answers
from labctl.service.control import ControlDesk
from labctl.service.desk import RequestDesk
from labctl.service.publisher import Publisher


@dataclass
class SmallService:
    """The planes of a service on a stepped simulated bench, wired as the whole service is."""

    session: LabSession
    control: ControlDesk
    publisher: Publisher
    desk: RequestDesk
    extra: dict[str, Any]

    @classmethod
    def open(cls, *, lost_after_s: float = 15.0) -> SmallService:
        session = open_lab(simulated=True, seed=1, speed=0)
        control = ControlDesk(lost_after_s=lost_after_s)
        extra: dict[str, Any] = {}

        def snapshot() -> dict[str, Any]:
            status = session.run_status.to_dict()
            return {"run": status, "control": control.snapshot(), **extra}

        publisher = Publisher(
            is_token=session.control.is_token, admit=control.beat, snapshot=snapshot
        )
        control.on_event = lambda event: publisher.publish(
            "control", {**control.snapshot(), "event": event.to_dict()}
        )
        desk = RequestDesk(
            session.control, control, snapshot=snapshot, push_endpoint=publisher.endpoint
        )
        for name, handler in session_answers(session).items():
            desk.serve(name, handler)
        control.start()
        session.control.announce(service=publisher.endpoint)
        return cls(session, control, publisher, desk, extra)

    @property
    def lab(self) -> OpenLabClient:
        """How a one-shot command finds it."""
        (found,) = find_open_labs(simulated=True)
        return found

    def close(self) -> None:
        self.publisher.close()
        self.control.close()
        self.session.close()


def serve() -> None:
    """Serve until the standard input ends; for a process of its own."""
    service = SmallService.open()
    print("ready", flush=True)  # noqa: T201  the test waits for it
    sys.stdin.read()
    service.close()
