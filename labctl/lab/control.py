"""The control endpoint: whoever has a laboratory open can be asked and stopped from outside.

Messages are JSON objects: `{"version": 1, "token": ..., "request": NAME, ...}`, answered by
`{"version": 1, "ok": true, ...}` or `{"version": 1, "ok": false, "error": TEXT}`. The token
stands in a file that only the user can read; it is compared in constant time.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labctl.errors import LabError, LimitError, LinkError, ReplyTimeoutError
from labctl.lab.runtime import Claim, Owner, claim_lab, open_labs
from labctl.transport.messages import MessageServer, request

__all__ = ["ControlEndpoint", "OpenLabClient", "find_open_labs"]

VERSION = 1
Handler = Callable[[dict[str, Any]], dict[str, Any]]


class ControlEndpoint:
    """Answers requests on loopback for as long as a laboratory is open.

    Handlers run in the endpoint's threads and get the message; what they raise as LabError
    is answered as an error.
    """

    def __init__(self, config: Path, *, simulated: bool) -> None:
        self._token = secrets.token_hex(32)
        self._handlers: dict[str, Handler] = {}
        self._server = MessageServer(self._answer)
        self._claim: Claim = claim_lab(
            secrets.token_hex(4),
            {
                "version": VERSION,
                "endpoint": self._server.endpoint,
                "token": self._token,
                "config": str(config),
                "simulated": simulated,
                "owner": asdict(Owner.this_process()),
            },
        )

    def serve(self, name: str, handler: Handler) -> None:
        """Answer requests called `name` with `handler` from now on."""
        self._handlers[name] = handler

    def close(self) -> None:
        """Answer no longer."""
        self._claim.release()
        self._server.close()

    def _answer(self, data: bytes) -> bytes:
        try:
            reply = self._handle(data)
        except LabError as error:
            reply = {"ok": False, "error": str(error), "kind": type(error).__name__}
        except Exception as error:  # noqa: BLE001  a request must never end the endpoint
            reply = {"ok": False, "error": f"internal error: {error!r}", "kind": "LabError"}
        return json.dumps({"version": VERSION, **reply}, default=str).encode()

    def _handle(self, data: bytes) -> dict[str, Any]:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            raise LimitError("the request is not JSON") from None
        if not isinstance(message, dict):
            raise LimitError("the request is not a JSON object")
        token = message.get("token")
        if not isinstance(token, str) or not hmac.compare_digest(
            token.encode(), self._token.encode()
        ):
            raise LimitError("the request does not carry this laboratory's token")
        if message.get("version") != VERSION:
            raise LimitError(
                f"the request has version {message.get('version')!r}, this laboratory speaks "
                f"{VERSION}; use the same labctl on both sides"
            )
        handler = self._handlers.get(str(message.get("request")))
        if handler is None:
            raise LimitError(
                f"unknown request {message.get('request')!r}; known are: "
                f"{', '.join(sorted(self._handlers))}"
            )
        return {"ok": True, **handler(message)}


@dataclass(frozen=True, slots=True)
class OpenLabClient:
    """A laboratory that another process (or this one) holds open."""

    endpoint: str
    token: str
    config: Path
    simulated: bool
    owner: Owner

    def ask(self, name: str, *, timeout_s: float = 5.0, **fields: Any) -> dict[str, Any]:
        """Return the reply to the request `name`.

        Raises:
            LabError: what the laboratory answered; ReplyTimeoutError when it does not.
        """
        message = {"version": VERSION, "token": self.token, "request": name, **fields}
        try:
            data = request(self.endpoint, json.dumps(message).encode(), timeout_s)
        except ReplyTimeoutError as error:
            raise ReplyTimeoutError(
                f"the laboratory held open by {self.owner} does not answer",
                hint="If it hangs, switch instruments off by hand and end that process.",
            ) from error
        reply: dict[str, Any] = json.loads(data)
        if not reply.pop("ok", False):
            raise _error_of(str(reply.get("kind")))(str(reply.get("error")))
        return reply


def find_open_labs(
    config: Path | None = None, *, simulated: bool | None = None
) -> list[OpenLabClient]:
    """Return the open laboratories, oldest first; narrowed to one configuration if given."""
    found = [
        OpenLabClient(
            str(note["endpoint"]),
            str(note["token"]),
            Path(note["config"]),
            bool(note["simulated"]),
            Owner.from_note(note["owner"]),
        )
        for note in open_labs()
        # What another version of labctl writes here may be reached in another way.
        if note.get("version") == VERSION
    ]
    return [
        lab
        for lab in found
        if (config is None or lab.config == config.resolve())
        and (simulated is None or lab.simulated == simulated)
    ]


def _error_of(kind: str) -> type[LabError]:
    known: dict[str, type[LabError]] = {c.__name__: c for c in _subclasses(LabError)}
    return known.get(kind, LinkError if kind == "OSError" else LabError)


def _subclasses(base: type[LabError]) -> list[type[LabError]]:
    return [base, *(found for child in base.__subclasses__() for found in _subclasses(child))]
