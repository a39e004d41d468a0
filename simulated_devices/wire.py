"""One simulated wire: bytes in, bytes out, and who waits for them."""

from __future__ import annotations

from labctl.errors import ReplyTimeoutError
from labctl.transport import BufferedReads, StreamBuffer
from simulated_devices.port import Port

__all__ = ["Port", "PortWire"]


class PortWire(BufferedReads):
    """The host's end of a port, in process: what a serial port or a socket is elsewhere."""

    def __init__(self, port: Port, address: str) -> None:
        self._port = port
        self._address = address
        self._buffer = StreamBuffer(self._receive, address)

    @property
    def address(self) -> str:
        """The address in instruments.toml that this wire stands in for."""
        return self._address

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._port.host_write(data)

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        self._buffer.clear()
        self._port.discard()

    def reopen(self) -> None:
        """Forget what has arrived and connect; an unplugged cable stays unplugged."""
        self._buffer.clear()
        self._port.connect()

    def close(self) -> None:
        """Forget what has arrived."""
        self.discard_input()

    def _receive(self, max_bytes: int, timeout_s: float) -> bytes:
        data = self._port.host_read(max_bytes, timeout_s)
        if not data:
            raise ReplyTimeoutError(
                f"nothing arrived within {timeout_s:g} s", address=self._address
            )
        return data
