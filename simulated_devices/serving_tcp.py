"""A port of a simulated instrument as a TCP server on this machine's loopback."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from labctl.errors import LinkError
from simulated_devices.serving_loop import HAS_ROOM, READABLE, ServingLoop
from simulated_devices.serving_port import ServedPort

__all__ = ["TcpEnd", "bind_loopback"]

_CHUNK = 65_536
#: What the kernel may keep for a program that does not read; left alone it grows to megabytes,
#: and the instrument's own buffer would never matter.
_SEND_BUFFER_BYTES = 65_536


class TcpEnd:
    """One connection at a time; while it lasts a newer one is closed at once.

    Embedded TCP servers hold one socket per port, and a second program must not take the
    instrument away from the first. A connection that ends leaves the instrument as it is.
    """

    is_shy = False

    def __init__(self, served: ServedPort, loop: ServingLoop, server: socket.socket) -> None:
        self._served = served
        self._loop = loop
        self._server = server
        self._connection: socket.socket | None = None
        served.attach(self)
        loop.watch(server.fileno(), lambda _: self._accept())

    def send(self, data: memoryview) -> int:
        """Take what the socket has room for."""
        if self._connection is None:
            raise BrokenPipeError
        return self._connection.send(data)

    def want_room(self, *, is_wanted: bool) -> None:
        """Watch for room in the socket."""
        if self._connection is not None:
            self._loop.want_room(self._connection.fileno(), is_wanted=is_wanted)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._loop.unwatch(self._connection.fileno())
            self._served.leave(self)
            self._connection.close()
            self._connection = None

    def restore(self) -> None:
        """Do nothing: the server has listened all the time."""

    def close(self) -> None:
        """Close connection and server."""
        self.hang_up()
        self._loop.unwatch(self._server.fileno())
        self._server.close()
        self._served.detach(self)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it has gone again
            connection, _ = self._server.accept()
            if self._connection is not None or self._served.is_unplugged:
                connection.close()
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            self._connection = connection
            self._loop.watch(connection.fileno(), self._on_event)
            self._served.connect(self)

    def _on_event(self, events: int) -> None:
        if events & READABLE and self._connection is not None:
            self._read(self._connection)
        if events & HAS_ROOM:
            self._served.carry_on(self)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._served.receive(self, data)
        else:
            self.hang_up()


def bind_loopback(port: int, own_ports: tuple[int, ...]) -> tuple[str, list[socket.socket]]:
    """Return a loopback host and servers there at `port` (0: any free one) and all `own_ports`.

    Own ports are those of an instrument that clients know by heart, relative to the host they
    were told. The host is 127.0.0.1, or the first one after it where they are free.

    Raises:
        LinkError: the ports are in use.
    """
    reason = OSError("no loopback host tried")
    for host in _loopback_hosts(is_choosy=bool(own_ports)):
        servers: list[socket.socket] = []
        try:
            for number in (port, *own_ports):
                servers.append(_server_at(host, number))  # noqa: PERF401  closed below if one fails
        except OSError as error:
            reason = error
            for server in servers:
                server.close()
        else:
            return host, servers
    wanted = ", ".join(str(number) for number in (port, *own_ports) if number)
    raise LinkError(
        f"TCP port {wanted or 'any'} cannot be served on loopback ({reason.strerror or reason})",
        hint="Another program may serve it; end that one or choose another base port.",
    )


def _loopback_hosts(*, is_choosy: bool) -> Iterator[str]:
    yield "127.0.0.1"
    if is_choosy:
        # All of 127.0.0.0/8 is this machine on Linux and Windows; elsewhere binding fails.
        yield from (f"127.0.0.{number}" for number in range(2, 255))


def _server_at(host: str, port: int) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Connections of a server that has just ended do not keep its port.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen()
        server.setblocking(False)
    except OSError:
        server.close()
        raise
    return server
