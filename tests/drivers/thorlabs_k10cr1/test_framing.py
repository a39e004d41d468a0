"""APT messages found in any stream of bytes."""

from __future__ import annotations

import contextlib
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.thorlabs_k10cr1.framing import Deframer, Message
from labctl.errors import ProtocolError

# Laid out as thorlabs-apt-protocol 29.0.0 parses them.
HOMED = bytes.fromhex("44 04 01 00 01 50")
POSITION = bytes.fromhex("12 04 06 00 81 50 01 00 55 d5 14 00")
COMPLETED = bytes.fromhex("64 04 0e 00 81 50 01 00 55 d5 14 00 00 00 00 00 00 05 00 80")
UPDATE_OF_MANUAL = struct.pack("<HHBBHiiIHiii", 0x0481, 28, 0x81, 0x50, 1, 5, 0, 0x400, 2, 0, 0, 0)
MESSAGES = st.lists(st.sampled_from([HOMED, POSITION, COMPLETED, UPDATE_OF_MANUAL]), max_size=12)


def ids(stream: bytes) -> list[int]:
    return [message.id for message in Deframer().feed(stream)]


def chunks(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[a:b] for a, b in pairwise(edges)]


def test_a_short_message_has_its_parameters_and_a_long_one_its_data() -> None:
    assert list(Deframer().feed(HOMED + POSITION)) == [
        Message(0x0444, b"\x01\x00"),
        Message(0x0412, b"\x01\x00\x55\xd5\x14\x00"),
    ]


def test_both_lengths_of_a_status_update_are_known() -> None:
    assert ids(UPDATE_OF_MANUAL + HOMED) == [0x0481, 0x0444]


def test_missing_never_asks_for_bytes_of_the_following_message() -> None:
    deframer = Deframer()
    stream = COMPLETED + HOMED
    position = 0
    while not (found := list(deframer.feed(stream[position : position + deframer.missing]))):
        position += 6 if position == 0 else 14
    assert [message.id for message in found] == [0x0464]
    assert position + 14 == len(COMPLETED)


@pytest.mark.parametrize("cut", range(1, len(COMPLETED)))
def test_the_rest_of_a_message_cut_in_two_is_skipped(cut: int) -> None:
    assert ids(COMPLETED[cut:] + POSITION + HOMED)[-2:] == [0x0412, 0x0444]


def test_a_message_from_elsewhere_is_none() -> None:
    from_bay = bytearray(HOMED)
    from_bay[5] = 0x21
    assert ids(bytes(from_bay) + POSITION) == [0x0412]


def test_a_known_id_with_a_foreign_length_does_not_swallow_what_follows() -> None:
    too_long = bytes.fromhex("12 04 ff 00 81 50")
    assert ids(too_long + POSITION) == [0x0412]


def test_a_stream_of_something_else_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no message of a K10CR1"):
        ids(b"PM100D" * 100)


@given(MESSAGES, st.lists(st.integers(0, 300)))
def test_any_chunking_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(messages)
    deframer = Deframer()
    found = [m for chunk in chunks(stream, cuts) for m in deframer.feed(chunk)]
    assert found == list(Deframer().feed(stream))
    assert len(found) == len(messages)


@given(st.binary(max_size=600), st.lists(st.integers(0, 600)))
def test_any_bytes_give_messages_or_a_protocol_error_however_they_are_cut(
    stream: bytes, cuts: list[int]
) -> None:
    whole: list[Message] = []
    pieces: list[Message] = []
    with contextlib.suppress(ProtocolError):
        whole.extend(Deframer().feed(stream))
    deframer = Deframer()
    with contextlib.suppress(ProtocolError):
        for chunk in chunks(stream, cuts):
            pieces.extend(deframer.feed(chunk))
    assert pieces == whole


@given(st.binary(max_size=200).map(lambda data: data.replace(b"\x50", b"\x51")), MESSAGES)
def test_all_messages_behind_garbage_are_found(garbage: bytes, messages: list[bytes]) -> None:
    # Without our device's address no header can begin in the garbage.
    assert ids(garbage + b"".join(messages)) == ids(b"".join(messages))
