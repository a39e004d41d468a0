"""Finds the service of a configuration, and keeps a client attached to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl.errors import ConfigError, LinkError, ReplyTimeoutError
from labctl.lab import OpenLabClient, find_config, find_open_labs
from labctl.lab.control import error_of_reply
from labctl.runs.environment import CONFIG, config_from_environment
from labctl.service.control import UnknownClientError
from labctl.service.feed import Attachment
from labctl.service.requests import check, kind_of
from labctl.transport.messages import MessageClient, check_endpoint
from labctl.transport.plain_json import decode_object

__all__ = ["Connection", "find_service"]

_HELLO_TIMEOUT_S = 5.0


def find_service(
    config: Path | str | None = None, *, simulated: bool | None = None
) -> OpenLabClient | None:
    """Return the acquisition service that has a configuration open, None where none has.

    Without `config`, LABCTL_CONFIG says which; else it is the only service there is, else the
    one of the file that `open_lab` would take.

    Raises:
        ConfigError: there are several, and nothing says which.
    """
    wanted = Path(config) if config is not None else config_from_environment()
    found = [lab for lab in find_open_labs(wanted, simulated=simulated) if lab.is_service]
    if len(found) > 1 and wanted is None:
        usual = find_config(None).resolve()
        found = [lab for lab in found if lab.config == usual] or found
    if len(found) > 1:
        listed = "; ".join(f"{lab.config} by {lab.owner}" for lab in found)
        raise ConfigError(
            f"several services run: {listed}",
            hint=f"Say which, with the file of its configuration or with {CONFIG}.",
        )
    return found[0] if found else None


class Connection:
    """A client's connection to the service of one configuration; any thread may use it.

    Raises:
        LinkError: there is no such service.
    """

    def __init__(
        self, config: Path | str | None, *, simulated: bool | None, name: str, kind: str
    ) -> None:
        self._introduction = {"name": name, "pid": os.getpid(), "kind": kind}
        self._attaching = threading.Lock()
        self._lab = _service_of(config, simulated=simulated)
        self._messages = MessageClient(self._lab.endpoint, password=self._lab.token)
        self.is_closed = False
        self.attachment = Attachment("", "", "", 0.0)
        try:
            self.attach("")
        except BaseException:
            self.close()
            raise

    def attach(self, known_client: str) -> Attachment:
        """Introduce this client to the service that is there now.

        `known_client` is the id that no longer holds; where another thread has got a new one
        meanwhile, that one is returned.

        Raises:
            LabError: there is no service, or it does not answer.
        """
        with self._attaching:
            if self.is_closed:
                raise LinkError("this client was closed")
            if self.attachment.client != known_client:
                return self.attachment
            # A service that comes back is looked for by what was found at first.
            lab = _service_of(self._lab.config, simulated=self._lab.simulated)
            if lab != self._lab:
                former = self._messages
                self._messages = MessageClient(lab.endpoint, password=lab.token)
                former.close()
            self._lab = lab
            reply = self._exchange("hello", self._introduction, _HELLO_TIMEOUT_S)
            check_endpoint(reply["push_endpoint"])
            self.attachment = Attachment(
                reply["push_endpoint"], lab.token, reply["client"], reply["beat_within_s"]
            )
            return self.attachment

    def ask(self, name: str, fields: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the fields of the reply to the request `name`.

        Raises:
            LabError: what the service answered; LinkError when it is gone; ReplyTimeoutError
                when it does not answer.
        """
        client = self.attachment.client
        try:
            return self._exchange(name, fields, timeout_s)
        except UnknownClientError:
            # The service has forgotten a client that was silent for long.
            self.attach(client)
            return self._exchange(name, fields, timeout_s)

    def close(self) -> None:
        """Close the connection; the service is not told."""
        self.is_closed = True
        # Ends what waits for an answer, an introduction under way included.
        self._messages.close()
        with self._attaching:
            self._messages.close()

    def _exchange(self, name: str, fields: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        kind = kind_of(name)
        sent = check(kind.request, fields, f'request "{name}"').model_dump(exclude_unset=True)
        if name != "hello":
            sent["client"] = self.attachment.client
        lab, messages = self._lab, self._messages
        try:
            data = messages.ask(lab.message(name, **sent), timeout_s, is_there=lambda: lab.is_open)
        except ReplyTimeoutError as error:
            raise ReplyTimeoutError(
                f'the service in {lab.owner} has not answered "{name}" within {timeout_s:g} s'
            ) from error
        except LinkError as error:
            if lab.is_open:
                raise
            raise LinkError(
                f"the acquisition service in {lab.owner} is gone",
                hint="Start it again with `labctl serve`; then reconnect().",
            ) from error
        reply = decode_object(data)
        if not reply.pop("ok", False):
            raise error_of_reply(reply)
        reply.pop("version", None)
        return check(kind.reply, reply, f'the reply to "{name}"').model_dump()


def _service_of(config: Path | str | None, *, simulated: bool | None) -> OpenLabClient:
    lab = find_service(config, simulated=simulated)
    if lab is None:
        which = f" of {config}" if config is not None else ""
        raise LinkError(
            f"no acquisition service{which} is running", hint="Start one with `labctl serve`."
        )
    return lab
