"""Plain TCP sockets."""

from __future__ import annotations

import select
import socket

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport.stream_buffer import BufferedReads, StreamBuffer
from labctl.transport.wire import WireOptions

__all__ = ["TcpWire"]

_DISCARD_CHUNK = 65_536


class TcpWire(BufferedReads):
    """A TCP connection to an instrument."""

    def __init__(self, host: str, port: int, options: WireOptions) -> None:
        self._host = host
        self._port = port
        self._options = options
        self._socket = self._open()
        self._buffer = StreamBuffer(self._receive, self.address)

    @property
    def address(self) -> str:
        """Host and port as instruments.toml writes them."""
        return f"tcp://{self._host}:{self._port}"

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._socket.settimeout(self._options.timeout_s)
            self._socket.sendall(data)
        except TimeoutError as error:
            raise ReplyTimeoutError(
                "the instrument does not accept data", address=self.address
            ) from error
        except OSError as error:
            raise self._lost(error) from error

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        self._buffer.clear()
        try:
            while select.select([self._socket], [], [], 0)[0]:
                if not self._socket.recv(_DISCARD_CHUNK):
                    raise self._lost(None)
        except (OSError, ValueError) as error:
            if isinstance(error, LinkError):
                raise
            raise self._lost(error) from error

    def reopen(self) -> None:
        """Connect again."""
        self.close()
        self._buffer.clear()
        self._socket = self._open()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _open(self) -> socket.socket:
        try:
            connection = socket.create_connection(
                (self._host, self._port), timeout=self._options.timeout_s
            )
        except OSError as error:
            raise LinkError(
                f"no connection to {self._host} port {self._port} ({error.strerror or error})",
                address=f"tcp://{self._host}:{self._port}",
                hint="Is the instrument switched on and in this network?",
            ) from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _receive(self, max_bytes: int, timeout_s: float) -> bytes:
        try:
            self._socket.settimeout(timeout_s)
            data = self._socket.recv(max_bytes)
        except (TimeoutError, BlockingIOError) as error:
            # With a timeout of 0 the socket does not block.
            raise ReplyTimeoutError(
                f"nothing arrived within {timeout_s:g} s", address=self.address
            ) from error
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise self._lost(None)
        return data

    def _lost(self, error: Exception | None) -> LinkError:
        reason = f" ({error})" if error else ""
        return LinkError(
            f"the connection was closed by the instrument or the network{reason}",
            address=self.address,
            hint="Check the cable and the power, then reconnect.",
        )
