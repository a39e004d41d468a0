"""Who may connect at all: a password in the connection's handshake.

Without it, anybody on this machine could make a server collect a message that never ends.
The handshake is ZeroMQ's PLAIN (RFC 24), the question whether a password is right its
authentication protocol (RFC 27).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import zmq

__all__ = ["Gate", "identify"]

_USER = b"labctl"
_DOMAIN = b"labctl"
_VERSION = b"1.0"
_HANDSHAKE_MS = 5000
#: Version, request, domain, address, identity, mechanism, user, password.
_PARTS = 8


class Gate:
    """Lets only those connect who know the password.

    Belongs to the thread that owns the server's socket: it polls `socket`, and calls `answer`
    when somebody knocks.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], is_password: Callable[[str], bool]
    ) -> None:
        self._is_password = is_password
        self.socket = context.socket(zmq.REP)
        # RFC 27 gives the address.
        self.socket.bind("inproc://zeromq.zap.01")

    @staticmethod
    def guard(server: zmq.Socket[bytes]) -> None:
        """Ask everybody who connects to `server`; to be called before it is bound."""
        server.setsockopt(zmq.PLAIN_SERVER, 1)
        server.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN)
        server.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)

    def answer(self) -> None:
        """Answer everybody who knocks now, without waiting."""
        with contextlib.suppress(zmq.Again):
            while True:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
                is_right = len(parts) == _PARTS and self._is_password(
                    parts[-1].decode(errors="replace")
                )
                verdict = [b"200", b"OK"] if is_right else [b"400", b"no"]
                request = parts[1] if len(parts) > 1 else b""
                self.socket.send_multipart([_VERSION, request, *verdict, _USER, b""])

    def close(self) -> None:
        """Let nobody in any more."""
        self.socket.close(linger=0)


def identify(client: zmq.Socket[bytes], password: str) -> None:
    """Let a client's socket show the password; to be called before it connects."""
    if password:
        client.setsockopt(zmq.PLAIN_USERNAME, _USER)
        client.setsockopt(zmq.PLAIN_PASSWORD, password.encode())
