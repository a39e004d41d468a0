"""Who speaks to a port without being asked to."""

from __future__ import annotations

import socket
import struct
from pathlib import Path


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def send_without_end(port: int) -> None:
    """Speak ZeroMQ's protocol (ZMTP 3.0, RFC 23) and send parts of a message that never ends."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    part = b"\x03" + struct.pack(">Q", 60_000) + bytes(60_000)
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.settimeout(2.0)
        stranger.sendall(greeting + b"\x04" + bytes([len(ready)]) + ready)
        for _ in range(1000):
            stranger.sendall(part)
