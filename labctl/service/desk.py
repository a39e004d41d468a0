"""The request plane: checks a request, asks who may, calls what answers it, checks the reply."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from labctl.errors import LabError, LimitError
from labctl.lab.control import ControlEndpoint
from labctl.service import requests
from labctl.service.control import Client, ControlDesk
from labctl.service.requests import REQUESTS, check, kind_of

__all__ = ["Handler", "RequestDesk"]

Handler: TypeAlias = Callable[[Any, Client], Mapping[str, Any]]

_ENVELOPE = {"version", "token", "request", "client", "sender"}
_MAX_SENDER_CHARACTERS = 200
#: A client that has so many requests under way hangs, or does not wait for answers.
_MAX_AT_ONCE = 8
#: What must never be refused for such a reason.
_ALWAYS = frozenset({"safe", "abort"})


class RequestDesk:
    """Serves the requests of `requests.REQUESTS` on the endpoint of an open laboratory.

    A handler gets the checked request and its client; it returns the reply's fields and raises
    LabError to refuse. Introductions and control are answered here.
    """

    def __init__(
        self,
        endpoint: ControlEndpoint,
        control: ControlDesk,
        *,
        snapshot: Callable[[], dict[str, Any]],
        push_endpoint: str,
    ) -> None:
        self._endpoint = endpoint
        self._control = control
        self._snapshot = snapshot
        self._push_endpoint = push_endpoint
        self._lock = threading.Lock()
        self._at_once: Counter[str] = Counter()
        for name in REQUESTS:
            self.serve(name, self._no_answer(name))
        own: dict[str, Handler] = {
            "hello": self._hello,
            "goodbye": self._goodbye,
            "snapshot": lambda *_: {"snapshot": self._snapshot()},
            "take_control": self._take_control,
            "give_control": self._give_control,
            "release_control": self._release_control,
        }
        for name, handler in own.items():
            self.serve(name, handler)

    def serve(self, name: str, handler: Handler) -> None:
        """Answer the request `name` with `handler` from now on.

        Raises:
            LimitError: there is no such request.
        """
        kind = kind_of(name)

        def answer(message: dict[str, Any]) -> dict[str, Any]:
            client = self._client_of(message)
            with self._counted(client, name):
                fields = {key: message[key] for key in message.keys() - _ENVELOPE}
                request = check(kind.request, fields, f'request "{name}"')
                if kind.right == "operator":
                    self._control.authorize(client)
                reply = handler(request, client)
            return check(kind.reply, reply, f'the reply to "{name}"').model_dump(exclude_unset=True)

        self._endpoint.serve(name, answer)

    def _client_of(self, message: Mapping[str, Any]) -> Client:
        client_id = message.get("client")
        if client_id is None:
            sender = message.get("sender", "somebody")
            if not isinstance(sender, str) or len(sender) > _MAX_SENDER_CHARACTERS:
                raise LimitError("the sender of a request is a text of at most 200 characters")
            return Client("", sender, "one-shot")
        return self._control.beat(str(client_id))

    @contextmanager
    def _counted(self, client: Client, name: str) -> Iterator[None]:
        if name in _ALWAYS:
            yield
            return
        key = client.id or client.name
        with self._lock:
            if self._at_once[key] >= _MAX_AT_ONCE:
                raise LimitError(
                    f"{client} has {_MAX_AT_ONCE} requests under way; wait for their answers"
                )
            self._at_once[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_once[key] -= 1
                if not self._at_once[key]:
                    del self._at_once[key]

    @staticmethod
    def _no_answer(name: str) -> Handler:
        def refuse(_: Any, __: Client) -> Mapping[str, Any]:
            raise LabError(f'this service has no answer to "{name}"')

        return refuse

    def _hello(self, request: requests.Hello, _: Client) -> Mapping[str, Any]:
        client = self._control.hello(request.name, request.pid, request.kind)
        return {
            "client": client.id,
            "push_endpoint": self._push_endpoint,
            "beat_within_s": self._control.lost_after_s,
            "snapshot": self._snapshot(),
        }

    def _goodbye(self, _: requests.Empty, client: Client) -> Mapping[str, Any]:
        self._control.goodbye(client.id)
        return {}

    def _take_control(self, request: requests.TakeControl, client: Client) -> Mapping[str, Any]:
        self._control.take(_attached(client), force=request.force)
        return {"control": self._control.snapshot()}

    def _give_control(self, request: requests.GiveControl, client: Client) -> Mapping[str, Any]:
        self._control.give(_attached(client), request.to)
        return {"control": self._control.snapshot()}

    def _release_control(self, _: requests.Empty, client: Client) -> Mapping[str, Any]:
        self._control.release(_attached(client))
        return {"control": self._control.snapshot()}


def _attached(client: Client) -> str:
    if not client.id:
        raise LimitError(
            "a command that asks once and ends cannot hold control; connect, and say hello first"
        )
    return client.id
