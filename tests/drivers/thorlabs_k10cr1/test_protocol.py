"""The K10CR1's requests against the bytes that public clients send and read."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.thorlabs_k10cr1 import protocol
from drivers.thorlabs_k10cr1.protocol import Status
from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from simulated_devices.wire import Port, PortWire

Scripted = Callable[..., Any]

# What thorlabs-apt-protocol 29.0.0 packs for the same calls; REQ_STATUSBITS (0x0429) is qmi's.
SENT = [
    (protocol.GET_IDENTITY, "05 00 00 00 50 01"),
    (protocol.STOP_UPDATES, "12 00 00 00 50 01"),
    (protocol.ENABLE, "10 02 01 01 50 01"),
    (protocol.GET_POSITION_DEG, "11 04 01 00 50 01"),
    (protocol.GET_STATUS, "29 04 01 00 50 01"),
    (protocol.HOME, "43 04 01 00 50 01"),
    (protocol.STOP, "65 04 01 02 50 01"),
    (protocol.move_to_deg(10.0), "53 04 06 00 d0 01 01 00 55 d5 14 00"),
    (protocol.move_to_deg(-33.75), "53 04 06 00 d0 01 01 00 00 b0 b9 ff"),
]
REPLIES = [
    # pnpq: homed, connected, enabled, at rest; qmi: both directions while it turns.
    (protocol.GET_STATUS, "01 00 00 05 00 80", Status.HOMED | Status.ENABLED),
    (protocol.GET_IS_HOMED, "01 00 00 05 00 80", True),
    (protocol.GET_IS_MOVING, "01 00 00 05 00 80", False),
    (protocol.GET_IS_MOVING, "01 00 30 05 00 80", True),
    (protocol.GET_IS_MOVING, "01 00 00 02 00 80", True),
    (protocol.GET_IS_HOMED, "01 00 00 02 00 80", False),
]
INFO = struct.pack(
    "<I8sH4B60sHHH", 55_123_456, b"K10CR1\0\0", 16, 3, 0, 1, 0, b"", 1, 0, 1
)  # thorlabs-apt-protocol 29.0.0, hw_get_info: firmware is minor, interim, major
REQUESTS = [
    protocol.GET_IDENTITY,
    protocol.GET_POSITION_DEG,
    protocol.GET_STATUS,
    protocol.GET_IS_MOVING,
    protocol.GET_IS_HOMED,
]

ASK = bytes.fromhex("11 04 01 00 50 01")
TEN_DEG = bytes.fromhex("12 04 06 00 81 50 01 00 55 d5 14 00")
HOMED = bytes.fromhex("44 04 01 00 01 50")
COMPLETED = bytes.fromhex("64 04 0e 00 81 50 01 00 00 00 00 00 00 00 00 00 00 05 00 80")
UPDATE = bytes.fromhex("81 04 0e 00 81 50 01 00 07 00 00 00 00 00 00 00 00 05 00 80")
MOTOR_UPDATE = bytes.fromhex("91 04 0e 00 81 50 01 00 07 00 00 00 00 00 00 00 00 05 00 80")
RICH = struct.pack("<HHBBHH64s", 0x0081, 68, 0x81, 0x50, 0x0453, 7, b"Out of range")


@pytest.mark.parametrize(("request_", "sent"), SENT)
def test_requests_are_the_bytes_of_the_protocol_document(request_: Request[Any], sent: str) -> None:
    assert request_.command.hex(" ") == sent


@pytest.mark.parametrize(("request_", "reply", "value"), REPLIES)
def test_replies_mean_what_the_protocol_document_says(
    request_: Request[Any], reply: str, value: object
) -> None:
    assert request_.decode(bytes.fromhex(reply)) == value


@pytest.mark.parametrize(
    ("reply", "angle_deg"), [("01 00 55 d5 14 00", 10.0), ("01 00 00 b0 b9 ff", -33.75)]
)
def test_a_position_of_409600_steps_in_3_degrees(reply: str, angle_deg: float) -> None:
    # 1365333 and -4608000 steps; half a step is 3.7e-6 degree.
    found = protocol.GET_POSITION_DEG.decode(bytes.fromhex(reply))
    assert found == pytest.approx(angle_deg, abs=3.7e-6)


def test_the_identity_names_model_serial_number_and_firmware() -> None:
    info = protocol.GET_IDENTITY.decode(INFO)
    assert (info.model, info.serial, info.firmware) == ("K10CR1", 55_123_456, "1.0.3")


def test_another_controller_is_not_taken_for_the_mount() -> None:
    other = INFO[:4] + b"KDC101\0\0" + INFO[12:]
    with pytest.raises(ProtocolError, match="KDC101"):
        protocol.GET_IDENTITY.decode(other)


def test_a_reply_about_another_channel_is_refused() -> None:
    with pytest.raises(ProtocolError, match="channel 2"):
        protocol.GET_POSITION_DEG.decode(b"\x02\x00\x00\x00\x00\x00")


@given(st.sampled_from(REQUESTS), st.binary(max_size=100))
def test_any_body_is_a_value_or_a_protocol_error(request_: Request[Any], body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        request_.decode(body)


@given(st.floats(-protocol.MAX_ANGLE_DEG, protocol.MAX_ANGLE_DEG))
def test_an_angle_comes_back_within_half_a_step(angle_deg: float) -> None:
    body = protocol.move_to_deg(angle_deg).command[6:]
    half_step_deg = 0.5 / protocol.STEPS_PER_DEG
    assert abs(protocol.GET_POSITION_DEG.decode(body) - angle_deg) <= half_step_deg * (1 + 1e-6)


@pytest.mark.parametrize(
    "before",
    [HOMED, COMPLETED, UPDATE, MOTOR_UPDATE, HOMED + COMPLETED + UPDATE * 20, COMPLETED[3:]],
)
def test_unsolicited_messages_are_never_taken_for_the_reply(
    scripted: Scripted, before: bytes
) -> None:
    link, _ = scripted({ASK: before + TEN_DEG}, write_termination=b"")
    assert protocol.GET_POSITION_DEG.perform(link) == pytest.approx(10.0, abs=4e-6)


@given(st.binary(max_size=120))
def test_any_bytes_from_the_wire_give_a_value_or_an_error_of_ours(garbage: bytes) -> None:
    port = Port(lambda _: None)
    link = Link(PortWire(port, "serial://garbage"), WireOptions(timeout_s=0.0))
    port.send(garbage)
    with contextlib.suppress(ProtocolError, ReplyTimeoutError, InstrumentError):
        protocol.GET_POSITION_DEG.perform(link)


def test_updates_without_end_are_no_reply(scripted: Scripted) -> None:
    link, _ = scripted({ASK: UPDATE * 100}, write_termination=b"")
    with pytest.raises(ProtocolError, match="none is the reply 0x0412"):
        protocol.GET_POSITION_DEG.perform(link)


def test_a_fault_is_told_with_the_words_of_the_instrument(scripted: Scripted) -> None:
    link, _ = scripted({ASK: RICH + TEN_DEG}, write_termination=b"")
    with pytest.raises(InstrumentError, match=r"fault 7 about message 0x0453: Out of range"):
        protocol.GET_POSITION_DEG.perform(link)


def test_after_a_wrong_reply_the_next_is_right(scripted: Scripted) -> None:
    status = bytes.fromhex("29 04 01 00 50 01")
    wrong = TEN_DEG[:6] + b"\x02" + TEN_DEG[7:]
    homed = bytes.fromhex("2a 04 06 00 81 50 01 00 00 05 00 80")
    link, _ = scripted({ASK: wrong + TEN_DEG, status: homed}, write_termination=b"")
    with pytest.raises(ProtocolError):
        protocol.GET_POSITION_DEG.perform(link)
    assert protocol.GET_IS_HOMED.perform(link)
