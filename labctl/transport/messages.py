"""Small messages between processes of one machine: request and reply over ZeroMQ on loopback.

The server never binds anything but 127.0.0.1. What a message means, and whether its sender
may be heard, is decided by the handler.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import zmq

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport.bell import Bell
from labctl.transport.gate import Gate, identify

__all__ = ["MAX_MESSAGE_BYTES", "MessageClient", "MessageServer", "check_endpoint", "request"]

_log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1 << 20
#: No more than host and port: ZeroMQ reads `tcp://SOURCE;TARGET` as a connection to TARGET.
_ENDPOINT = re.compile(r"tcp://127\.0\.0\.1:(?P<port>\d{1,5})", re.ASCII)
_MAX_PORT = 65_535
#: So that slow answers (instruments that time out) never keep `safe` waiting. A thread is
#: started only when all others are busy.
_MAX_WORKERS = 32
#: Requests that wait for a worker; more of them stay with their senders.
_MAX_WAITING = 64
#: Messages that ZeroMQ holds for one sender.
_QUEUE = 16
_ENVELOPE_PARTS = 2
#: How often a client that waits for a reply looks whether there still is somebody to give it.
_LOOK_S = 0.25


class MessageServer:
    """Answers requests in its own threads until closed.

    `handler` gets the bytes of a request and returns those of the reply. Where it fails, the
    error is logged and the reply is empty. Workers share one queue: only when every one of
    them is busy does a request wait. With `is_password`, nobody else can even connect.
    """

    def __init__(
        self,
        handler: Callable[[bytes], bytes],
        *,
        is_password: Callable[[str], bool] | None = None,
    ) -> None:
        self._handler = handler
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._gate = None if is_password is None else Gate(self._context, is_password)
        self._clients = self._context.socket(zmq.ROUTER)
        self._clients.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._clients.setsockopt(zmq.RCVHWM, _QUEUE)
        self._clients.setsockopt(zmq.LINGER, 200)
        if self._gate is not None:
            self._gate.guard(self._clients)
        self.port = self._clients.bind_to_random_port("tcp://127.0.0.1")
        self._bell = Bell()
        self._replies: deque[list[bytes]] = deque()
        self._n_waiting = 0
        self._is_open = True
        self._is_carrying = True
        self._workers = ThreadPoolExecutor(_MAX_WORKERS, thread_name_prefix="control")
        self._carrier = threading.Thread(target=self._carry, name="control carrier", daemon=True)
        self._carrier.start()

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"tcp://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering; requests under way are finished first. Closing twice is allowed."""
        self._is_open = False
        self._workers.shutdown(wait=True)
        self._is_carrying = False
        self._bell.ring()
        self._carrier.join()
        self._bell.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry(self) -> None:
        """Carry requests to the workers and replies back; the only user of the socket."""
        poller = zmq.Poller()
        poller.register(self._bell.hearing, zmq.POLLIN)
        poller.register(self._clients, zmq.POLLIN)
        if self._gate is not None:
            poller.register(self._gate.socket, zmq.POLLIN)
        while self._is_carrying:
            poller.modify(self._clients, zmq.POLLIN if self._has_room else 0)
            poller.poll()
            self._bell.hush()
            if self._gate is not None:
                self._gate.answer()
            self._send_replies()
            self._take_requests()
        self._send_replies()
        self._clients.close()
        if self._gate is not None:
            self._gate.close()

    @property
    def _has_room(self) -> bool:
        return self._is_open and self._n_waiting < _MAX_WAITING

    def _send_replies(self) -> None:
        while self._replies:
            self._n_waiting -= 1
            # Whoever asked and left, or reads nothing, gets no answer.
            with contextlib.suppress(zmq.ZMQError):
                self._clients.send_multipart(self._replies.popleft(), zmq.NOBLOCK)

    def _take_requests(self) -> None:
        with contextlib.suppress(zmq.Again, RuntimeError):
            while self._has_room:
                parts = self._clients.recv_multipart(zmq.NOBLOCK)
                # What does not speak request and reply cannot be answered.
                if len(parts) > _ENVELOPE_PARTS and not parts[1]:
                    self._workers.submit(self._work, parts)
                    self._n_waiting += 1

    def _work(self, parts: list[bytes]) -> None:
        envelope, message = parts[:_ENVELOPE_PARTS], b"".join(parts[_ENVELOPE_PARTS:])
        self._replies.append([*envelope, self._reply(message)])
        self._bell.ring()

    def _reply(self, message: bytes) -> bytes:
        try:
            return self._handler(message)
        except Exception:  # noqa: BLE001  one bad request must not end the worker
            _log.exception("the handler of a request failed")
            return b""


class MessageClient:
    """Asks one server over connections that are kept open.

    Any thread may ask, several at once: a slow answer keeps nobody else waiting.

    Raises:
        LinkError: the endpoint is not on this machine.
    """

    def __init__(self, endpoint: str, *, password: str = "") -> None:
        check_endpoint(endpoint)
        self._endpoint = endpoint
        self._password = password
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._lock = threading.Lock()
        self._idle: list[zmq.Socket[bytes]] = []
        self._is_open = True

    def ask(
        self, message: bytes, timeout_s: float, *, is_there: Callable[[], bool] | None = None
    ) -> bytes:
        """Send one request and return its reply.

        `is_there` says whether the server still exists; it is asked while the reply is late.

        Raises:
            ReplyTimeoutError: no reply within `timeout_s`.
            LinkError: the server is gone, this client was closed, or the message is too large.
        """
        if len(message) > MAX_MESSAGE_BYTES:
            raise LinkError(
                f"a message of {len(message)} bytes is larger than {MAX_MESSAGE_BYTES}",
                address=self._endpoint,
            )
        socket = self._take()
        is_answered = False
        try:
            socket.send(message)
            self._wait(socket, timeout_s, is_there)
            reply = socket.recv()
            is_answered = True
        except zmq.ContextTerminated:
            raise LinkError("this client was closed", address=self._endpoint) from None
        finally:
            self._give_back(socket, is_usable=is_answered)
        return reply

    def close(self) -> None:
        """Close the connections; who still waits for a reply gets LinkError."""
        with self._lock:
            self._is_open = False
            for socket in self._idle:
                socket.close()
            self._idle.clear()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> zmq.Socket[bytes]:
        with self._lock:
            if not self._is_open:
                raise LinkError("this client was closed", address=self._endpoint)
            if self._idle:
                return self._idle.pop()
            socket = self._context.socket(zmq.REQ)
        socket.setsockopt(zmq.LINGER, 0)
        identify(socket, self._password)
        socket.connect(self._endpoint)
        return socket

    def _give_back(self, socket: zmq.Socket[bytes], *, is_usable: bool) -> None:
        with self._lock:
            if is_usable and self._is_open:
                self._idle.append(socket)
            else:
                socket.close()

    def _wait(
        self, socket: zmq.Socket[bytes], timeout_s: float, is_there: Callable[[], bool] | None
    ) -> None:
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if socket.poll(max(1, round(min(left_s, _LOOK_S) * 1000)), zmq.POLLIN):
                return
            if is_there is not None and not is_there():
                raise LinkError("the process that was asked is gone", address=self._endpoint)
        raise ReplyTimeoutError(f"no answer within {timeout_s:g} s", address=self._endpoint)


def request(endpoint: str, message: bytes, timeout_s: float, *, password: str = "") -> bytes:
    """Send one request and return its reply.

    Raises:
        ReplyTimeoutError: no reply within `timeout_s`.
        LinkError: the endpoint is not on this machine, or the message is too large.
    """
    with MessageClient(endpoint, password=password) as client:
        return client.ask(message, timeout_s)


def check_endpoint(endpoint: str) -> None:
    """Refuse to connect to anything but a port of this machine.

    Raises:
        LinkError: `endpoint` is something else.
    """
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 < int(match["port"]) <= _MAX_PORT:
        raise LinkError("labctl talks to processes of this machine only", address=endpoint)
