"""Wakes a thread that waits for its sockets."""

from __future__ import annotations

import contextlib
import socket

__all__ = ["Bell"]

_BYTES = 4096


class Bell:
    """Rung by any thread, heard by the one that polls `hearing`."""

    def __init__(self) -> None:
        self.hearing, self._ringing = socket.socketpair()
        self.hearing.setblocking(False)
        self._ringing.setblocking(False)

    def ring(self) -> None:
        """Make `hearing` readable; ringing a bell that is closed or still rings is allowed."""
        with contextlib.suppress(OSError):
            self._ringing.send(b"\x00")

    def hush(self) -> None:
        """Make `hearing` unreadable until the next ring."""
        with contextlib.suppress(BlockingIOError):
            while len(self.hearing.recv(_BYTES)) == _BYTES:
                pass

    def close(self) -> None:
        """Release both ends."""
        self.hearing.close()
        self._ringing.close()
