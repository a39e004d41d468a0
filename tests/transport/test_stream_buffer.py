from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LinkError, ProtocolError, ReplyTimeoutError
from labctl.transport import StreamBuffer

terminators = st.sampled_from([b"\n", b"\r\n", b"\n> ", b"\x17", b"abab"])


class Chunks:
    """A carrier that delivers the given chunks, never more than asked for, then nothing."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.waiting = [chunk for chunk in chunks if chunk]

    def receive(self, max_bytes: int, timeout_s: float) -> bytes:
        assert timeout_s > 0
        if not self.waiting:
            raise ReplyTimeoutError("nothing")
        chunk = self.waiting.pop(0)
        if len(chunk) > max_bytes:
            self.waiting.insert(0, chunk[max_bytes:])
        return chunk[:max_bytes]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.binary(max_size=20), max_size=8), terminators, st.lists(st.integers(0, 500)))
def test_any_chunking_gives_the_same_lines(
    words: list[bytes], terminator: bytes, places: list[int]
) -> None:
    data = b"".join(word + terminator for word in words)
    # The oracle: split the whole at once (a word may itself contain a terminator).
    lines = [part + terminator for part in data.split(terminator)[:-1]]
    buffer = StreamBuffer(Chunks(cut(data, places)).receive, "here")
    assert [buffer.read_until(terminator, 1.0) for _ in lines] == lines
    with pytest.raises(ReplyTimeoutError):
        buffer.read_until(terminator, 1.0)


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 500)), st.integers(1, 50))
def test_bytes_read_are_the_bytes_sent(data: bytes, places: list[int], max_bytes: int) -> None:
    buffer = StreamBuffer(Chunks(cut(data, places)).receive, "here")
    received = b""
    while len(received) < len(data):
        part = buffer.read(max_bytes, 1.0)
        assert 1 <= len(part) <= max_bytes
        received += part
    assert received == data


def test_what_follows_a_line_is_given_to_the_next_read() -> None:
    buffer = StreamBuffer(Chunks([b"5.0\nxyz"]).receive, "here")
    assert buffer.read_until(b"\n", 1.0) == b"5.0\n"
    assert buffer.read(2, 1.0) == b"xy"
    assert buffer.read(2, 1.0) == b"z"


def test_a_line_interrupted_by_a_timeout_can_be_completed() -> None:
    chunks = Chunks([b"5."])
    buffer = StreamBuffer(chunks.receive, "here")
    with pytest.raises(ReplyTimeoutError, match=r"within 1 s; got only b'5\.'.*\[here\]"):
        buffer.read_until(b"\n", 1.0)
    chunks.waiting.append(b"0\n")
    assert buffer.read_until(b"\n", 1.0) == b"5.0\n"


def test_cleared_bytes_never_come_back() -> None:
    chunks = Chunks([b"a\nb\n"])
    buffer = StreamBuffer(chunks.receive, "here")
    buffer.read_until(b"\n", 1.0)
    buffer.clear()
    chunks.waiting.append(b"c\n")
    assert buffer.read_until(b"\n", 1.0) == b"c\n"


def test_a_line_that_never_ends_is_refused() -> None:
    buffer = StreamBuffer(Chunks([b"x" * 4096] * 100).receive, "here")
    with pytest.raises(ProtocolError, match="no end of line within 65536 bytes"):
        buffer.read_until(b"\n", 1.0)


def test_a_trickle_does_not_prolong_the_timeout() -> None:
    """All of the reply must be there in time, not only its next byte."""
    buffer = StreamBuffer(lambda _count, _timeout_s: b"x", "here")
    with pytest.raises(ReplyTimeoutError):
        buffer.read_until(b"\n", 0.001)


def test_a_lost_carrier_is_not_taken_for_a_timeout() -> None:
    def receive(_count: int, _timeout_s: float) -> bytes:
        raise LinkError("unplugged")

    with pytest.raises(LinkError, match="unplugged"):
        StreamBuffer(receive, "here").read_until(b"\n", 1.0)
