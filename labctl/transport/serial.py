"""Serial ports through pyserial: the carrier of binary and bulk streams."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import serial

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport.stream_buffer import BufferedReads, StreamBuffer
from labctl.transport.wire import WireOptions

__all__ = ["SerialWire"]

#: pyserial's read on a port closed by another thread raises TypeError; on POSIX, emptying the
#: buffer of a device that is gone raises termios.error, which is no OSError.
_FAILURES: tuple[type[Exception], ...] = (OSError, TypeError)
if os.name == "posix":
    import termios

    _FAILURES += (termios.error,)
_OPEN_FAILURES: tuple[type[Exception], ...] = (*_FAILURES, ValueError)


class SerialWire(BufferedReads):
    """A serial port, opened for this process alone (8 data bits, no parity, 1 stop bit)."""

    def __init__(self, port: str, options: WireOptions) -> None:
        self._port = port
        self._options = options
        self._serial = self._open()
        self._buffer = StreamBuffer(self._receive, self.address)

    @property
    def address(self) -> str:
        """The port as instruments.toml writes it."""
        return f"serial://{self._port}"

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException as error:
            raise ReplyTimeoutError(
                "the port does not accept data", address=self.address
            ) from error
        except _FAILURES as error:
            raise self._lost(error) from error

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        self._buffer.clear()
        try:
            self._serial.reset_input_buffer()
        except _FAILURES as error:
            raise self._lost(error) from error

    def reopen(self) -> None:
        """Close and open the port again."""
        self.close()
        self._buffer.clear()
        self._serial = self._open()

    def close(self) -> None:
        """Release the port."""
        self._serial.close()

    def _open(self) -> serial.Serial:
        try:
            return serial.Serial(
                self._port,
                self._options.baud_rate,
                rtscts=self._options.rts_cts,
                timeout=self._options.timeout_s,
                write_timeout=self._options.timeout_s,
                exclusive=True if os.name == "posix" else None,
            )
        except _OPEN_FAILURES as error:
            raise _open_failed(self._port, error) from error

    def _receive(self, max_bytes: int, timeout_s: float) -> bytes:
        try:
            # Setting the timeout reconfigures the port, so it is set only when it changes.
            if self._serial.timeout != timeout_s:
                self._serial.timeout = timeout_s
            data: bytes = self._serial.read(1)
            if data and max_bytes > 1:
                data += self._serial.read(min(self._serial.in_waiting, max_bytes - 1))
        except _FAILURES as error:
            raise self._lost(error) from error
        if not data:
            raise ReplyTimeoutError(f"nothing arrived within {timeout_s:g} s", address=self.address)
        return data

    def _lost(self, error: Exception) -> LinkError:
        return LinkError(
            f"the serial port was lost ({error})",
            address=self.address,
            hint="Check the cable, then reconnect.",
        )


def _open_failed(port: str, error: Exception) -> LinkError:
    address = f"serial://{port}"
    code = getattr(error, "errno", None)
    if code == errno.EACCES:
        return LinkError(
            f"permission to open {port} is denied: it belongs to group {_group_of(port)}",
            address=address,
            hint=f"Add yourself to that group (sudo usermod -aG {_group_of(port)} $USER) "
            "and log in again.",
        )
    if code == errno.ENOENT:
        return LinkError(
            f"there is no serial port {port}",
            address=address,
            hint=f"Ports here: {_ports_here()}. Is the instrument connected and switched on?",
        )
    if code in {errno.EBUSY, errno.EAGAIN}:
        return LinkError(f"{port} is in use by another program", address=address)
    return LinkError(f"{port} cannot be opened ({error})", address=address)


def _group_of(port: str) -> str:
    try:
        return Path(port).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


def _ports_here() -> str:
    from serial.tools import list_ports  # noqa: PLC0415  slow, and only for a message

    return ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
