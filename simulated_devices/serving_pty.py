"""A port of a simulated instrument as a serial port: the far end of a pty. POSIX only.

The pty is raw and echoes nothing; any baud rate is accepted and none slows it down. Its name is
a link, so that it stays the same when the cable is pulled and put back, which gives another pty.

A pty does not tell whether a program has it open. It does tell (in packet mode, TIOCPKT of
ioctl_tty(2)) that a program empties its input, as pyserial does on opening: then what the
instrument's buffer holds is forgotten too, so that nobody reads what was meant for another.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import termios
import tty
from pathlib import Path

from simulated_devices.serving_loop import HAS_ROOM, READABLE, ServingLoop
from simulated_devices.serving_port import ServedPort

__all__ = ["PtyEnd"]

_CHUNK = 65_536
_DATA = bytes([termios.TIOCPKT_DATA])


class PtyEnd:
    """A serial port at `path`. Whoever opens it with pyserial or writes to it is heard."""

    is_shy = True

    def __init__(self, served: ServedPort, loop: ServingLoop, path: Path) -> None:
        self.path = path
        self._served = served
        self._loop = loop
        self._ours = self._theirs = -1
        self.restore()
        served.attach(self)

    def send(self, data: memoryview) -> int:
        """Take what the pty has room for."""
        return os.write(self._ours, data)

    def want_room(self, *, is_wanted: bool) -> None:
        """Watch for room in the pty."""
        if self._ours >= 0:
            self._loop.want_room(self._ours, is_wanted=is_wanted)

    def hang_up(self) -> None:
        """Take the serial port away: who has it open reads its end, nobody can open it."""
        if self._ours < 0:
            return
        self._loop.unwatch(self._ours)
        self._served.leave(self)
        ours, self._ours = self._ours, -1
        os.close(ours)
        os.close(self._theirs)
        self.path.unlink(missing_ok=True)

    def restore(self) -> None:
        """Make a new pty and let the link lead there."""
        if self._ours >= 0:
            return
        ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        fcntl.ioctl(ours, termios.TIOCPKT, struct.pack("i", 1))
        os.set_blocking(ours, False)
        self.path.symlink_to(os.ttyname(self._theirs))
        self._ours = ours
        self._loop.watch(ours, self._on_event)
        self._served.connect(self)

    def close(self) -> None:
        """Take the serial port away for good."""
        self.hang_up()
        self._served.detach(self)

    def _on_event(self, events: int) -> None:
        # An emptied input is heard of before more is sent into it.
        if events & READABLE and self._ours >= 0:
            self._read()
        if events & HAS_ROOM:
            self._served.carry_on(self)

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(OSError):  # nothing there after all
            data = os.read(self._ours, _CHUNK)
        # The first byte says what the others are.
        if data[:1] == _DATA:
            self._served.receive(self, data[1:])
        elif data and data[0] & termios.TIOCPKT_FLUSHREAD:
            self._served.empty(self)
