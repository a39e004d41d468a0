"""Opens the real wire that an address names; carriers are imported only when used."""

from __future__ import annotations

import os

from labctl.errors import LinkError
from labctl.transport.address import Address
from labctl.transport.wire import Wire, WireOptions

__all__ = ["SIMULATED_ONLY", "open_wire"]

#: With this environment variable set to 1 no real address is opened, ever.
SIMULATED_ONLY = "LABCTL_SIMULATED_ONLY"


def open_wire(address: Address, options: WireOptions) -> Wire:
    """Open the wire of a real instrument.

    Raises:
        LinkError: the wire cannot be opened, or real wires are forbidden by
            LABCTL_SIMULATED_ONLY.
    """
    if os.environ.get(SIMULATED_ONLY) == "1":
        raise LinkError(
            f"refused to open a real instrument because {SIMULATED_ONLY}=1",
            address=address.text,
            hint="Run with --simulated, or unset the variable.",
        )
    if address.kind == "serial":
        from labctl.transport.serial import SerialWire  # noqa: PLC0415  only when used

        return SerialWire(address.target, options)
    if address.kind == "tcp":
        from labctl.transport.tcp import TcpWire  # noqa: PLC0415  only when used

        return TcpWire(address.target, address.port, options)
    if address.kind == "file":
        raise LinkError(
            "a file is played by the driver replay only, and inside an open laboratory",
            address=address.text,
        )
    if address.kind == "library":
        from labctl.transport.library import LibraryWire  # noqa: PLC0415  only when used

        return LibraryWire(address.target, options)
    from labctl.transport.visa import VisaWire  # noqa: PLC0415  pyvisa takes 0.2 s to import

    return VisaWire(address.target, options)
