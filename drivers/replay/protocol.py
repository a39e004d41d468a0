"""The player's command lines (labctl.tags.player), without I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass

from labctl.device import Request
from labctl.transport import WireOptions

__all__ = ["GET_RECORDING", "GET_SPEED", "PLAY", "STOP", "WIRE", "Recording", "set_speed"]

WIRE = WireOptions(write_termination=b"\n", read_termination=b"\n", timeout_s=2.0)


@dataclass(frozen=True, slots=True)
class Recording:
    """What is played."""

    path: str
    format: str
    resolution_ps: int
    n_channels: int
    speed: float


def _recording(reply: bytes) -> Recording:
    facts = json.loads(reply)
    try:
        return Recording(**facts)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _speed(reply: bytes) -> float:
    return _recording(reply).speed


GET_RECORDING = Request(b"info?", _recording)
GET_SPEED = Request(b"info?", _speed)
PLAY: Request[None] = Request(b"play", None)
STOP: Request[None] = Request(b"stop", None)


def set_speed(speed: float) -> Request[None]:
    """Set the seconds of the recording that pass per second; 0 is as fast as can be."""
    return Request(b"speed %.9g" % speed, None)
