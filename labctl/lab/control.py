"""The control endpoint: whoever has a laboratory open can be asked and stopped from outside.

Messages are JSON objects: `{"version": 1, "token": ..., "request": NAME, ...}`, answered by
`{"version": 1, "ok": true, ...}` or `{"version": 1, "ok": false, "error": TEXT, "kind": ...}`.
The token stands in a file that only the user can read; it is compared in constant time. Where
an acquisition service has the laboratory open, the file also says where it publishes.
"""

from __future__ import annotations

import getpass
import hmac
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labctl.errors import LabError, LimitError, LinkError, ReplyTimeoutError
from labctl.lab.runtime import Claim, Owner, claim_lab, open_labs
from labctl.transport.messages import MessageServer, request
from labctl.transport.plain_json import check_bounds, decode_object, encode_object

__all__ = [
    "VERSION",
    "ControlEndpoint",
    "OpenLabClient",
    "error_of_reply",
    "find_open_labs",
    "this_sender",
]

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
        self._server = MessageServer(self._answer, is_password=self.is_token)
        self._note: dict[str, Any] = {
            "version": VERSION,
            "endpoint": self._server.endpoint,
            "token": self._token,
            "config": str(config),
            "simulated": simulated,
            "owner": asdict(Owner.this_process()),
        }
        self._claim: Claim = claim_lab(secrets.token_hex(4), self._note)

    def serve(self, name: str, handler: Handler) -> None:
        """Answer requests called `name` with `handler` from now on."""
        self._handlers[name] = handler

    def announce(self, **facts: Any) -> None:
        """Add `facts` to what whoever looks for open laboratories finds out about this one."""
        self._note |= facts
        self._claim.write(self._note)

    def is_token(self, text: str) -> bool:
        """Return whether `text` is this laboratory's token, in constant time."""
        return hmac.compare_digest(text.encode(errors="replace"), self._token.encode())

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
        return encode_object({"version": VERSION, **reply})

    def _handle(self, data: bytes) -> dict[str, Any]:
        message = decode_object(data)
        token = message.get("token")
        if not isinstance(token, str) or not self.is_token(token):
            raise LimitError("the request does not carry this laboratory's token")
        check_bounds(message)
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
    """A laboratory that another process (or this one) holds open.

    Attributes:
        service: where an acquisition service publishes; None where a script or a command has
            the laboratory open.
    """

    endpoint: str
    token: str = field(repr=False)
    config: Path
    simulated: bool
    owner: Owner
    service: str | None = None

    @property
    def is_service(self) -> bool:
        """Whether an acquisition service has the laboratory open."""
        return self.service is not None

    @property
    def is_open(self) -> bool:
        """Whether the laboratory still is open; its process may hang all the same."""
        return any(lab.endpoint == self.endpoint for lab in find_open_labs())

    def ask(self, name: str, /, *, timeout_s: float = 5.0, **fields: Any) -> dict[str, Any]:
        """Return the reply to the request `name`.

        Raises:
            LabError: what the laboratory answered; ReplyTimeoutError when it does not.
        """
        message = self.message(name, sender=this_sender(), **fields)
        try:
            data = request(self.endpoint, message, timeout_s, password=self.token)
        except ReplyTimeoutError as error:
            raise ReplyTimeoutError(
                f"the laboratory held open by {self.owner} does not answer",
                hint="If it hangs, switch instruments off by hand and end that process.",
            ) from error
        reply = decode_object(data)
        if not reply.pop("ok", False):
            raise error_of_reply(reply)
        return reply

    def message(self, name: str, /, **fields: Any) -> bytes:
        """Return the request `name` as it is sent."""
        return encode_object({"version": VERSION, "token": self.token, "request": name, **fields})


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
            note.get("service"),
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


def this_sender() -> str:
    """Return how this process introduces itself: user, host and process id."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # In a container there may be no such user.
        user = "somebody"
    return f"{user}@{platform.node() or 'localhost'} {os.getpid()}"


def error_of_reply(reply: Mapping[str, Any]) -> LabError:
    """Return the error that a laboratory answered with, as the error that it was there."""
    known = {kind.__name__: kind for kind in _subclasses(LabError)}
    kind = str(reply.get("kind"))
    error = known.get(kind, LinkError if kind == "OSError" else LabError)
    return error(str(reply.get("error")))


def _subclasses(base: type[LabError]) -> list[type[LabError]]:
    return [base, *(found for child in base.__subclasses__() for found in _subclasses(child))]
