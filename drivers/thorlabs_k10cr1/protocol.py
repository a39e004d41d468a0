"""The APT messages of the K10CR1 rotation mount that its driver uses, without I/O.

Facts: Thorlabs' APT protocol as the public clients qmi 0.54 (thorlabs/k10crx.py,
apt_packets.py), pylablib 1.4 (Thorlabs/kinesis.py), pnpq 0.2.1 and thorlabs-apt-protocol
29.0.0 read its document (issue 25 and others); the document itself was not at hand.

Position and status are asked with REQ_POSCOUNTER and REQ_STATUSBITS, as qmi and pylablib do.
The mount answers these two only when asked, so a reply matched by its id cannot be an
unsolicited message (move completed, homed, stopped, status updates), whenever these arrive.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from drivers.thorlabs_k10cr1.framing import Deframer, Message, with_data, without_data
from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError
from labctl.transport import Link, WireOptions

__all__ = [
    "ENABLE",
    "GET_IDENTITY",
    "GET_IS_HOMED",
    "GET_IS_MOVING",
    "GET_POSITION_DEG",
    "GET_STATUS",
    "HOME",
    "MAX_ANGLE_DEG",
    "STEPS_PER_DEG",
    "STOP",
    "STOP_UPDATES",
    "WIRE",
    "HardwareInfo",
    "Status",
    "move_to_deg",
]

#: Binary: there are no terminators. qmi and pnpq open the port with RTS/CTS flow control.
WIRE = WireOptions(
    baud_rate=115_200,
    write_termination=b"",
    read_termination=b"",
    rts_cts=True,
    timeout_s=1.0,
)

#: A turn of the motor is 409 600 microsteps and turns the mount by 3 degrees (qmi, pylablib).
#: The rounded 136 533 of pnpq would be wrong by 0.0009 degree in a turn.
STEPS_PER_DEG = 409_600 / 3
#: 43 turns, beyond which the 32-bit position overflows (K10CR1 manual, 5.12).
MAX_ANGLE_DEG = 15_480.0

_CHANNEL = 1
_ENABLED = 1
#: Brake at the set deceleration; mode 1 stops dead and may lose steps.
_PROFILED = 2
#: Messages that may pile up between two exchanges: one per move, none without moves.
_MAX_UNSOLICITED = 32

_SET_CHANNEL_ENABLED = 0x0210
_STOP_UPDATES = 0x0012
_REQUEST_INFO, _INFO = 0x0005, 0x0006
_REQUEST_POSITION, _POSITION = 0x0411, 0x0412
_REQUEST_STATUS, _STATUS = 0x0429, 0x042A
_MOVE_HOME, _MOVE_ABSOLUTE, _MOVE_STOP = 0x0443, 0x0453, 0x0465
_RESPONSE, _RICH_RESPONSE = 0x0080, 0x0081


class Status(IntFlag):
    """Bits of MOT_GET_STATUSBITS that the driver reads."""

    MOVING_FORWARD = 0x10
    MOVING_REVERSE = 0x20
    JOGGING_FORWARD = 0x40
    JOGGING_REVERSE = 0x80
    HOMING = 0x200
    HOMED = 0x400
    ENABLED = 0x8000_0000


#: qmi 0.54: while moving the K10CR1 sets both directions, whichever it turns.
_IN_MOTION = (
    Status.MOVING_FORWARD
    | Status.MOVING_REVERSE
    | Status.JOGGING_FORWARD
    | Status.JOGGING_REVERSE
    | Status.HOMING
)


@dataclass(frozen=True, slots=True)
class HardwareInfo:
    """What HW_GET_INFO says of the instrument."""

    model: str
    serial: int
    firmware: str


def _fields(layout: str, body: bytes) -> tuple[Any, ...]:
    if len(body) != struct.calcsize(layout):
        raise ValueError(f"expected {struct.calcsize(layout)} bytes, got {len(body)}")
    return struct.unpack(layout, body)


def _of_channel(layout: str, body: bytes) -> Any:
    channel, value = _fields("<H" + layout, body)
    if channel != _CHANNEL:
        raise ValueError(f"speaks of channel {channel}, the mount has only {_CHANNEL}")
    return value


def _info(body: bytes) -> HardwareInfo:
    serial, model, _, minor, interim, major, _, _, _, _, channels = _fields("<I8sH4B60sHHH", body)
    name = model.rstrip(b"\0 ").decode("ascii")
    if not name.startswith("K10CR"):
        raise ValueError(f'expected a K10CR1, this is a "{name}" with {channels} channels')
    return HardwareInfo(name, serial, f"{major}.{interim}.{minor}")


def _position_deg(body: bytes) -> float:
    return float(_of_channel("i", body) / STEPS_PER_DEG)


def _status(body: bytes) -> Status:
    return Status(_of_channel("I", body) & sum(Status))


def _is_moving(body: bytes) -> bool:
    return bool(_status(body) & _IN_MOTION)


def _is_homed(body: bytes) -> bool:
    return bool(_status(body) & Status.HOMED)


def _reply(message_id: int) -> Callable[[Link], bytes]:
    """Return what reads messages until the one called `message_id`, and returns its body."""

    def receive(link: Link) -> bytes:
        deframer = Deframer()
        for _ in range(_MAX_UNSOLICITED + 1):
            message = _next_message(deframer, link)
            if message.id == message_id:
                return message.body
            _refuse_fault(message)
        raise ProtocolError(
            f"{_MAX_UNSOLICITED} messages came and none is the reply {message_id:#06x}",
            address=link.address,
        )

    return receive


def _next_message(deframer: Deframer, link: Link) -> Message:
    while True:
        for message in deframer.feed(link.read_exactly(deframer.missing)):
            return message


def _refuse_fault(message: Message) -> None:
    """Raise what the mount reports by itself: HW_RESPONSE and HW_RICHRESPONSE."""
    if message.id == _RESPONSE:
        raise InstrumentError("the rotation mount reports a fault without a code")
    if message.id == _RICH_RESPONSE:
        about, code, notes = _fields("<HH64s", message.body)
        text = notes.split(b"\0")[0].decode("ascii", "replace").strip()
        raise InstrumentError(
            f"the rotation mount reports fault {code} about message {about:#06x}: {text}"
        )


_ASK_STATUS = without_data(_REQUEST_STATUS, _CHANNEL)

GET_IDENTITY = Request(without_data(_REQUEST_INFO), _info, _reply(_INFO))
GET_POSITION_DEG = Request(
    without_data(_REQUEST_POSITION, _CHANNEL), _position_deg, _reply(_POSITION)
)
GET_STATUS = Request(_ASK_STATUS, _status, _reply(_STATUS))
GET_IS_MOVING = Request(_ASK_STATUS, _is_moving, _reply(_STATUS))
GET_IS_HOMED = Request(_ASK_STATUS, _is_homed, _reply(_STATUS))
#: Another program may have asked for status updates; unread, they would fill the buffer.
STOP_UPDATES: Request[None] = Request(without_data(_STOP_UPDATES), None)
ENABLE: Request[None] = Request(without_data(_SET_CHANNEL_ENABLED, _CHANNEL, _ENABLED), None)
HOME: Request[None] = Request(without_data(_MOVE_HOME, _CHANNEL), None)
STOP: Request[None] = Request(without_data(_MOVE_STOP, _CHANNEL, _PROFILED), None)


def move_to_deg(angle_deg: float) -> Request[None]:
    """Start a move; the mount reports its end with MOVE_COMPLETED."""
    steps = round(angle_deg * STEPS_PER_DEG)
    return Request(with_data(_MOVE_ABSOLUTE, struct.pack("<Hi", _CHANNEL, steps)), None)
