"""The push plane's sockets: one publisher, many subscribers, on loopback.

The publisher never waits for anybody. What a subscriber does not take stays in a queue of a
few messages, its own and nobody else's; while that is full, the publisher is told so and
decides what to do. Every socket has one owner thread; only `wake` may be called by others.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from enum import Enum

import zmq
from zmq.utils.monitor import parse_monitor_message

from labctl.transport.bell import Bell
from labctl.transport.gate import Gate, identify
from labctl.transport.messages import check_endpoint

__all__ = ["MAX_UPDATE_BYTES", "Delivery", "PublishingSocket", "SubscribingSocket"]

MAX_UPDATE_BYTES = 16 << 20
_MAX_SUBSCRIPTION_BYTES = 1 << 16
#: Messages that wait for one subscriber. What is older than a second helps nobody.
_QUEUE = 20
#: The system's own buffers of a connection are kept small, or a frozen subscriber would wake up
#: to megabytes of the past.
_BUFFER_BYTES = 1 << 16
_PARTS = 2


class Delivery(Enum):
    """What became of an update for one subscriber."""

    SENT = "sent"
    FULL = "full"
    GONE = "gone"


class PublishingSocket:
    """The publisher's end; knows subscribers by the opaque address that `receive` gave.

    With `is_password`, nobody else can even connect.
    """

    def __init__(self, *, is_password: Callable[[str], bool] | None = None) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._gate = None if is_password is None else Gate(self._context, is_password)
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in (
            # Without it, updates for somebody who left or is slow would vanish in silence.
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.SNDHWM, _QUEUE),
            (zmq.RCVHWM, _QUEUE),
            (zmq.SNDBUF, _BUFFER_BYTES),
            (zmq.MAXMSGSIZE, _MAX_SUBSCRIPTION_BYTES),
            (zmq.LINGER, 200),
        ):
            self._socket.setsockopt(option, value)
        if self._gate is not None:
            self._gate.guard(self._socket)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self._bell = Bell()
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._bell.hearing, zmq.POLLIN)
        if self._gate is not None:
            self._poller.register(self._gate.socket, zmq.POLLIN)

    def wake(self) -> None:
        """Make `wait` return; for any thread."""
        self._bell.ring()

    def wait(self, timeout_s: float | None) -> None:
        """Return when something was received, somebody called `wake`, or the time is over."""
        self._poller.poll(_milliseconds(timeout_s))
        self._bell.hush()
        if self._gate is not None:
            self._gate.answer()

    def receive(self) -> tuple[bytes, bytes] | None:
        """Return the next (address, message) that has arrived, None where there is none."""
        with contextlib.suppress(zmq.Again):
            while True:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
                if len(parts) == _PARTS:
                    return parts[0], parts[1]
        return None

    def send(self, address: bytes, message: bytes) -> Delivery:
        """Send one message without waiting, and say what became of it."""
        try:
            self._socket.send_multipart([address, message], zmq.NOBLOCK)
        except zmq.Again:
            return Delivery.FULL
        except zmq.ZMQError:
            return Delivery.GONE
        return Delivery.SENT

    def close(self) -> None:
        """Release the port; what is not delivered at once is dropped."""
        self._socket.close()
        if self._gate is not None:
            self._gate.close()
        self._bell.close()
        self._context.term()


class SubscribingSocket:
    """The subscriber's end; notices at once when the connection is lost.

    Raises:
        LinkError: the endpoint is not on this machine.
    """

    def __init__(self, endpoint: str, *, password: str = "") -> None:
        check_endpoint(endpoint)
        self.is_lost = False
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in (
            (zmq.SNDHWM, _QUEUE),
            (zmq.RCVHWM, _QUEUE),
            (zmq.RCVBUF, _BUFFER_BYTES),
            (zmq.MAXMSGSIZE, MAX_UPDATE_BYTES),
            (zmq.LINGER, 0),
        ):
            self._socket.setsockopt(option, value)
        identify(self._socket, password)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED
        )
        self._socket.connect(endpoint)
        self._bell = Bell()
        self._poller = zmq.Poller()
        for waited_for in (self._socket, self._monitor, self._bell.hearing):
            self._poller.register(waited_for, zmq.POLLIN)

    def wake(self) -> None:
        """Make `receive` return; for any thread."""
        self._bell.ring()

    def send(self, message: bytes) -> None:
        """Send one message; dropped where the publisher takes none."""
        with contextlib.suppress(zmq.Again):
            self._socket.send(message, zmq.NOBLOCK)

    def receive(self, timeout_s: float) -> bytes | None:
        """Return the next message; None when none came in time, woken up, or it was lost."""
        events = dict(self._poller.poll(_milliseconds(timeout_s)))
        if self._bell.hearing.fileno() in events:
            self._bell.hush()
        if self._socket in events:
            return self._socket.recv()
        if self._monitor in events:
            parse_monitor_message(self._monitor.recv_multipart())
            self.is_lost = True
        return None

    def close(self) -> None:
        """Leave."""
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        self._bell.close()
        self._context.term()


def _milliseconds(timeout_s: float | None) -> int | None:
    """Return the time as ZeroMQ counts it, rounded up so that nobody wakes up too early."""
    return None if timeout_s is None else math.ceil(max(0.0, timeout_s) * 1000)
