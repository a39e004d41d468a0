"""Who is connected, and which one of them is the operator.

Any number of clients look on; at most one holds control and changes things. Control that
nobody holds is free for everyone, so that a lone shell needs no ceremony. `safe` and `abort`
are for everyone, always, and are not asked about here.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from labctl.errors import InterlockError, LabError, LimitError

__all__ = ["Client", "ControlDesk", "ControlEvent", "UnknownClientError"]

_MAX_CLIENTS = 64


class UnknownClientError(LabError):
    """A client that the service does not know, or no longer; it may introduce itself again."""


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who talks to the service; a one-shot command has an empty `id`.

    Attributes:
        kind: what it is, such as window, script or shell.
        last_seen_utc: when it last asked something or gave a sign of life, seconds since 1970.
        is_lost: True when it has been silent for too long.
    """

    id: str
    name: str
    kind: str
    pid: int = 0
    since_utc: float = 0.0
    last_seen_utc: float = 0.0
    is_lost: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the client as JSON carries it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}{f', process {self.pid}' if self.pid else ''})"


@dataclass(frozen=True, slots=True)
class ControlEvent:
    """Somebody came, went or got control.

    Attributes:
        kind: joined, left, lost, returned, taken, taken_by_force, given or released.
        other: who had control before, where somebody had.
    """

    kind: str
    text: str
    client: Client
    other: Client | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON carries it."""
        other = self.other.id if self.other is not None else None
        return {"kind": self.kind, "text": self.text, "client": self.client.id, "other": other}


class ControlDesk:
    """Knows the clients and the operator; any thread may call it.

    A client that says nothing for `lost_after_s` is lost. Where it was the operator, control
    becomes free; it gets it back when it returns before somebody else took it.

    Attributes:
        on_event: told of every change.
        on_operator_gone: told when the operator was lost or left, not when it gave control
            away. Both are called by the thread that noticed, and must not take long.
    """

    def __init__(
        self, *, lost_after_s: float = 15.0, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.lost_after_s = lost_after_s
        self.on_event: Callable[[ControlEvent], None] = lambda _: None
        self.on_operator_gone: Callable[[Client], None] = lambda _: None
        self._now_s = now_s
        self._lock = threading.RLock()
        self._clients: dict[str, Client] = {}
        self._heard_s: dict[str, float] = {}
        self._operator = ""
        self._held_since_utc = 0.0
        #: A lost operator, for as long as control waits for it.
        self._awaited = ""
        self._is_closing = threading.Event()
        self._watch = threading.Thread(target=self._look, name="control watch", daemon=True)

    def start(self) -> None:
        """Look for lost clients from now on, in a thread of its own."""
        self._watch.start()

    def close(self) -> None:
        """Look no longer."""
        self._is_closing.set()
        if self._watch.is_alive():
            self._watch.join()

    @property
    def operator(self) -> Client | None:
        """Who holds control, None where it is free."""
        with self._lock:
            return self._clients.get(self._operator)

    def snapshot(self) -> dict[str, Any]:
        """Return who is there and who is the operator, as JSON carries it."""
        with self._lock:
            return {
                "operator": self._operator or None,
                "clients": [client.to_dict() for client in self._clients.values()],
            }

    def hello(self, name: str, pid: int, kind: str) -> Client:
        """Return the new client.

        Raises:
            LimitError: too many are connected.
        """
        now_utc = time.time()
        client = Client(secrets.token_hex(8), name, kind, pid, now_utc, now_utc)
        with self._lock:
            self._make_room()
            self._clients[client.id] = client
            self._heard_s[client.id] = self._now_s()
        self.on_event(ControlEvent("joined", f"{client} joined", client))
        return client

    def goodbye(self, client_id: str) -> None:
        """Forget a client; control that it held becomes free."""
        with self._lock:
            client = self.client(client_id)
            was_operator = self._operator == client_id
            self._forget(client_id)
        self._gone(ControlEvent("left", f"{client} left", client), was_operator=was_operator)

    def client(self, client_id: str) -> Client:
        """Return the client with this id.

        Raises:
            UnknownClientError: there is none.
        """
        with self._lock:
            if client_id not in self._clients:
                raise UnknownClientError("this service does not know that client; say hello again")
            return self._clients[client_id]

    def beat(self, client_id: str) -> Client:
        """Note a sign of life and return the client.

        Raises:
            UnknownClientError: there is none with this id.
        """
        with self._lock:
            before = self.client(client_id)
            client = replace(before, last_seen_utc=time.time(), is_lost=False)
            self._clients[client_id] = client
            self._heard_s[client_id] = self._now_s()
            if not before.is_lost:
                return client
            text = f"{client} is back"
            if self._awaited == client_id:
                self._hand_to(client_id)
                text += " and has control again"
        self.on_event(ControlEvent("returned", text, client))
        return client

    def authorize(self, client: Client) -> None:
        """Refuse what only the operator may do to anybody else while somebody holds control.

        Raises:
            InterlockError: another client holds control; says who.
        """
        with self._lock:
            holder = self.operator
            if holder is None or holder.id == client.id:
                return
            raise self._held_by(holder)

    def take(self, client_id: str, *, force: bool = False) -> None:
        """Make a client the operator.

        Raises:
            InterlockError: another client holds control and `force` was not used.
        """
        with self._lock:
            client, holder = self.client(client_id), self.operator
            if holder == client:
                return
            if holder is not None and not force:
                raise self._held_by(holder)
            self._hand_to(client_id)
        if holder is None:
            self.on_event(ControlEvent("taken", f"{client} took control", client))
        else:
            text = f"{client} took control from {holder} by force"
            self.on_event(ControlEvent("taken_by_force", text, client, holder))

    def give(self, client_id: str, to: str) -> None:
        """Hand control from the operator to another client.

        Raises:
            InterlockError: the giver does not hold control, or the other is lost.
        """
        with self._lock:
            giver, receiver = self._holding(client_id), self.client(to)
            if receiver.is_lost:
                raise InterlockError(f"{receiver} does not answer, so it cannot take control")
            self._hand_to(to)
        text = f"{giver} gave control to {receiver}"
        self.on_event(ControlEvent("given", text, receiver, giver))

    def release(self, client_id: str) -> None:
        """Let control become free.

        Raises:
            InterlockError: the client does not hold control.
        """
        with self._lock:
            holder = self._holding(client_id)
            self._hand_to("")
        self.on_event(ControlEvent("released", f"{holder} released control", holder))

    def expire(self) -> None:
        """Take for lost whoever has been silent for too long."""
        found: list[tuple[ControlEvent, bool]] = []
        with self._lock:
            latest_s = self._now_s() - self.lost_after_s
            for client in list(self._clients.values()):
                if client.is_lost or self._heard_s[client.id] >= latest_s:
                    continue
                lost = replace(client, is_lost=True)
                self._clients[client.id] = lost
                was_operator = self._operator == client.id
                if was_operator:
                    self._hand_to("")
                    self._awaited = client.id
                text = f"{client} has been silent for {self.lost_after_s:g} s"
                found.append((ControlEvent("lost", text, lost), was_operator))
        for event, was_operator in found:
            self._gone(event, was_operator=was_operator)

    def _look(self) -> None:
        while not self._is_closing.wait(min(1.0, self.lost_after_s / 5)):
            self.expire()

    def _gone(self, event: ControlEvent, *, was_operator: bool) -> None:
        self.on_event(event)
        if was_operator:
            self.on_operator_gone(event.client)

    def _hand_to(self, client_id: str) -> None:
        self._operator, self._awaited = client_id, ""
        self._held_since_utc = time.time()

    def _holding(self, client_id: str) -> Client:
        holder = self.operator
        if holder is None:
            raise InterlockError("nobody holds control")
        if holder.id != client_id:
            raise self._held_by(holder)
        return holder

    def _held_by(self, holder: Client) -> InterlockError:
        since = time.strftime("%H:%M:%S", time.localtime(self._held_since_utc))
        return InterlockError(
            f"{holder} has held control since {since}",
            hint="Ask for it, or take it by force.",
        )

    def _make_room(self) -> None:
        lost = [client.id for client in self._clients.values() if client.is_lost]
        if len(self._clients) < _MAX_CLIENTS:
            return
        if not lost:
            raise LimitError(f"{_MAX_CLIENTS} clients are connected, which is the most")
        self._forget(min(lost, key=self._heard_s.__getitem__))

    def _forget(self, client_id: str) -> None:
        del self._clients[client_id], self._heard_s[client_id]
        if client_id in {self._operator, self._awaited}:
            self._hand_to("")
