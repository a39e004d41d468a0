"""The cable of an instrument that is reached through its vendor's library.

No bytes pass that anybody reads. What stands in for the library asks the port whether the cable
is there; the port lets the host wait for the stream and the laboratory wait for the host, as
with any other instrument.
"""

from __future__ import annotations

import time
from typing import Any

from labctl.errors import LinkError
from labctl.transport import Address, WireOptions
from labctl.transport.library import LibraryWire
from simulated_devices.wire import Port

__all__ = ["LibraryPort", "open_library"]

#: What wakes a host that waits for the stream; its content says nothing.
_TOKEN = b"\0"


class LibraryPort(Port):
    """The instrument's end of the cable.

    Attributes:
        library: what stands in for the vendor's module.
        is_held: True while the laboratory keeps back what streams send.
    """

    def __init__(self, library: Any) -> None:
        super().__init__(_ignore)
        self.library = library
        self.is_held = False

    def use(self) -> None:
        """Reach the instrument.

        Raises:
            LinkError: the cable is unplugged or the connection was lost.
        """
        self.host_write(b"")

    @property
    def is_connected(self) -> bool:
        """False while every use fails."""
        return not (self._is_unplugged or self._is_lost)

    def announce(self) -> None:
        """Wake the host: the stream has gone on."""
        if not self.waiting:
            self.send(_TOKEN)

    def wait(self, timeout_s: float) -> None:
        """Wait until the stream goes on, at most for `timeout_s` of wall-clock time."""
        begun_s = time.monotonic()
        try:
            self.host_read(1, timeout_s)
        except LinkError:
            # Nothing comes through a cable that is not there, however long one waits.
            time.sleep(max(0.0, begun_s + timeout_s - time.monotonic()))

    def hold(self) -> None:
        """Keep what is sent from now on until `release`."""
        self.is_held = True
        super().hold()

    def release(self) -> None:
        """Let the host have what was held."""
        self.is_held = False
        super().release()


def open_library(port: Port, address: Address, options: WireOptions) -> LibraryWire:
    """Return the wire that carries the stand-in behind `port`.

    Raises:
        LinkError: the instrument has no library, or the stand-in does not open it.
    """
    if not isinstance(port, LibraryPort):
        raise LinkError(
            "this instrument sends bytes and has no vendor's library",
            address=address.text,
            hint="Is the driver in instruments.toml the one for this address?",
        )
    return LibraryWire(address.target, options, port.library)


def _ignore(data: bytes) -> None:
    """Take what no instrument of this kind understands."""
    del data
