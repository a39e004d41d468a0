"""A subscriber that speaks the push plane's protocol by hand, and what a publisher asks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from labctl.service.control import UnknownClientError
from labctl.transport.publishing import SubscribingSocket

TOKEN = "of this laboratory"  # noqa: S105  of a test
DEADLINE_S = 10.0


class Desk:
    """What a publisher is wired to: who is admitted, and what is known."""

    def __init__(self) -> None:
        self.beats: list[str] = []
        self.state: dict[str, Any] = {"alarms": []}

    def admit(self, client: str) -> None:
        if client == "unknown":
            raise UnknownClientError("say hello again")
        self.beats.append(client)


class Listener:
    """A subscriber that speaks the protocol by hand."""

    def __init__(self, endpoint: str, password: str = TOKEN) -> None:
        self.socket = SubscribingSocket(endpoint, password=password)

    def subscribe(self, *topics: str, is_new: bool = True, **changes: Any) -> None:
        message = {
            "version": 1,
            "token": TOKEN,
            "client": "c",
            "topics": topics,
            "is_new": is_new,
        }
        self.socket.send(json.dumps(message | changes).encode())

    def next(self) -> dict[str, Any]:
        deadline_s = time.monotonic() + DEADLINE_S
        while (data := self.socket.receive(0.1)) is None:
            assert time.monotonic() < deadline_s, "no update came"
        found: dict[str, Any] = json.loads(data)
        return found

    def until(self, is_wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        found = [self.next()]
        while not is_wanted(found[-1]):
            found.append(self.next())
        return found
