"""Bytes to and from instruments, on any wire.

The carriers (pyvisa, pyserial, sockets, ZeroMQ) are imported here and nowhere else, and
only when an address needs them. Their exceptions end here: what gets out is LinkError,
ReplyTimeoutError or ProtocolError.
"""

from labctl.transport.address import FORMS, Address, parse_address
from labctl.transport.link import Link
from labctl.transport.opening import SIMULATED_ONLY, open_wire
from labctl.transport.stream_buffer import BufferedReads, StreamBuffer
from labctl.transport.wire import Wire, WireOptions

__all__ = [
    "FORMS",
    "SIMULATED_ONLY",
    "Address",
    "BufferedReads",
    "Link",
    "StreamBuffer",
    "Wire",
    "WireOptions",
    "open_wire",
    "parse_address",
]
