"""Small messages between processes of one machine: request and reply over ZeroMQ on loopback.

The server never binds anything but 127.0.0.1. What a message means, and whether its sender
may be heard, is decided by the handler.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable
from typing import Self

import zmq

from labctl.errors import LinkError, ReplyTimeoutError

__all__ = ["MAX_MESSAGE_BYTES", "MessageServer", "request"]

_log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1 << 20
#: No more than host and port: ZeroMQ reads `tcp://SOURCE;TARGET` as a connection to TARGET.
_ENDPOINT = re.compile(r"tcp://127\.0\.0\.1:(?P<port>\d{1,5})", re.ASCII)
_MAX_PORT = 65_535
#: So that a slow answer (an instrument that times out) never keeps `safe` waiting.
_WORKERS = 4


class MessageServer:
    """Answers requests in its own threads until closed.

    `handler` gets the bytes of a request and returns those of the reply. Where it fails, the
    error is logged and the reply is empty.
    """

    def __init__(self, handler: Callable[[bytes], bytes]) -> None:
        self._handler = handler
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._clients = self._context.socket(zmq.ROUTER)
        self._clients.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._clients.setsockopt(zmq.LINGER, 200)
        self.port = self._clients.bind_to_random_port("tcp://127.0.0.1")
        self._workers = self._context.socket(zmq.DEALER)
        self._workers.bind("inproc://workers")
        self._threads = [
            threading.Thread(target=target, name=f"control {n}", daemon=True)
            for n, target in enumerate([self._carry] + [self._work] * _WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"tcp://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering; requests under way are finished first."""
        self._context.term()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _carry(self) -> None:
        with contextlib.suppress(zmq.ContextTerminated):
            zmq.proxy(self._clients, self._workers)
        self._clients.close()
        self._workers.close(linger=0)

    def _work(self) -> None:
        socket = self._context.socket(zmq.REP)
        socket.connect("inproc://workers")
        try:
            with contextlib.suppress(zmq.ContextTerminated):
                while True:
                    # All parts are received, or the socket would refuse to answer.
                    socket.send(self._reply(b"".join(socket.recv_multipart())))
        finally:
            # A socket left open would keep the context from ending, and `close` waiting.
            socket.close(linger=200)

    def _reply(self, message: bytes) -> bytes:
        try:
            return self._handler(message)
        except Exception:  # noqa: BLE001  one bad request must not end the worker
            _log.exception("the handler of a request failed")
            return b""


def request(endpoint: str, message: bytes, timeout_s: float) -> bytes:
    """Send one request and return its reply.

    Raises:
        ReplyTimeoutError: no reply within `timeout_s`.
        LinkError: the endpoint is not on this machine, or the message is too large.
    """
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 < int(match["port"]) <= _MAX_PORT:
        raise LinkError("labctl talks to processes of this machine only", address=endpoint)
    if len(message) > MAX_MESSAGE_BYTES:
        raise LinkError(
            f"a message of {len(message)} bytes is larger than {MAX_MESSAGE_BYTES}",
            address=endpoint,
        )
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        socket.send(message)
        if not socket.poll(round(timeout_s * 1000), zmq.POLLIN):
            raise ReplyTimeoutError(f"no answer within {timeout_s:g} s", address=endpoint)
        return socket.recv()
