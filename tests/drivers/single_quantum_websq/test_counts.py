from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.single_quantum_websq import CountsDecoder, CountsLine
from labctl.errors import ProtocolError


def outcomes(chunks: list[bytes]) -> list[CountsLine | str]:
    """What a patient reader gets: lines, and a word for each damaged one."""
    decoder, found = CountsDecoder(), list[CountsLine | str]()
    for chunk in chunks:
        data = chunk
        while True:
            try:
                lines = decoder.feed(data)
            except ProtocolError:
                found.append("damaged")
                lines = []
                data = b""
                continue
            found += lines
            data = b""
            if not lines:
                break
    return found


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"1700000000.1,100,0,7,12\n", CountsLine(1700000000.1, (100, 0, 7, 12))),
        (b"1.7e9, 100.0, 3\r\n", CountsLine(1.7e9, (100, 3))),
        (b"1700000000,5\n", CountsLine(1700000000.0, (5,))),
    ],
)
def test_a_line_is_a_time_and_the_counts_of_each_detector(data: bytes, line: CountsLine) -> None:
    assert CountsDecoder().feed(data) == [line]


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"1700000000\n",
        b"1700000000,\n",
        b"1700000000,-1\n",
        b"1700000000,1.5\n",
        b"1700000000,nan\n",
        b"1700000000,1_0\n",
        b"1700000000,1e999\n",
        b"now,1\n",
        b"1700000000,\xff\n",
    ],
)
def test_a_damaged_line_is_a_protocol_error_and_the_next_is_read(data: bytes) -> None:
    decoder = CountsDecoder()
    with pytest.raises(ProtocolError, match="damaged"):
        decoder.feed(data + b"1,2\n")
    assert decoder.feed(b"") == [CountsLine(1.0, (2,))]


def test_no_line_is_lost_when_several_arrive_at_once() -> None:
    data = b"".join(b"%d,%d,%d\n" % (n, n, 2 * n) for n in range(500))
    lines = CountsDecoder().feed(data + b"500,")
    assert lines == [CountsLine(float(n), (n, 2 * n)) for n in range(500)]


def test_sound_lines_before_a_damaged_one_are_returned_first() -> None:
    decoder = CountsDecoder()
    assert decoder.feed(b"1,2\nbad\n3,4\n") == [CountsLine(1.0, (2,))]
    with pytest.raises(ProtocolError):
        decoder.feed(b"")
    assert decoder.feed(b"") == [CountsLine(3.0, (4,))]


@pytest.mark.parametrize("piece", [1000, 60_000, 200_000])
def test_a_line_without_end_is_damaged_as_a_whole(piece: int) -> None:
    data = b"1," + b"1" * 150_000 + b"\n3,4\n"
    chunks = [data[n : n + piece] for n in range(0, len(data), piece)]
    assert outcomes(chunks) == ["damaged", CountsLine(3.0, (4,))]


LINES = st.binary(max_size=12) | st.builds(
    lambda time, counts: ",".join([str(time), *map(str, counts)]).encode(),
    st.integers(0, 2_000_000_000),
    st.lists(st.integers(0, 10**9), max_size=5),
)


@given(lines=st.lists(LINES, max_size=20), cuts=st.lists(st.integers(0, 200), max_size=10))
def test_the_packets_do_not_matter(lines: list[bytes], cuts: list[int]) -> None:
    data = b"\n".join(lines)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[a:b] for a, b in itertools.pairwise(places)]
    assert outcomes(chunks) == outcomes([data])
