"""Small messages between processes of one machine: request and reply over ZeroMQ on loopback.

The server never binds anything but 127.0.0.1. What a message means, and whether its sender
may be heard, is decided by the handler.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Self

import zmq

from labctl.errors import LinkError, ReplyTimeoutError

__all__ = ["MAX_MESSAGE_BYTES", "MessageServer", "request"]

MAX_MESSAGE_BYTES = 1 << 20
#: So that a slow answer (an instrument that times out) never keeps `safe` waiting.
_WORKERS = 4


class MessageServer:
    """Answers requests in its own threads until closed.

    `handler` gets the bytes of a request and returns those of the reply; it must not raise.
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
        with contextlib.suppress(zmq.ContextTerminated):
            while True:
                socket.send(self._handler(socket.recv()))
        socket.close(linger=200)


def request(endpoint: str, message: bytes, timeout_s: float) -> bytes:
    """Send one request and return its reply.

    Raises:
        ReplyTimeoutError: no reply within `timeout_s`.
        LinkError: the endpoint is not on this machine.
    """
    if not endpoint.startswith("tcp://127.0.0.1:"):
        raise LinkError("labctl talks to processes of this machine only", address=endpoint)
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        socket.send(message)
        if not socket.poll(round(timeout_s * 1000), zmq.POLLIN):
            raise ReplyTimeoutError(f"no answer within {timeout_s:g} s", address=endpoint)
        return socket.recv()
