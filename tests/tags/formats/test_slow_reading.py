"""The compiled readers against a reading of one record after the other, on any records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.formats.ptu import FORMAT as PTU
from labctl.tags.formats.qutag import FORMAT as QUTAG

Writer = Callable[..., bytes]
Tags = list[tuple[int, int]]

PICOHARP, HYDRAHARP_V1, HYDRAHARP_V2 = 0x00010203, 0x00010204, 0x01010204
KINDS = [PICOHARP, HYDRAHARP_V1, HYDRAHARP_V2]


def slow_t2(kind: int, words: Sequence[int]) -> tuple[Tags, int, int]:
    """Return tags in ticks, markers and unknown records (doc/apx_tttrrecords.html)."""
    tags, n_markers, n_unknown, overflows = [], 0, 0, 0
    for word in words:
        if kind == PICOHARP:
            channel, ticks, period = word >> 28, word & 0xFFFFFFF, 210_698_240
            is_tag = channel <= 4
            is_overflow = channel == 15 and word & 15 == 0
            is_marker = channel == 15 and word & 15 != 0
            count = 1
        else:
            is_special, number, ticks = word >> 31, word >> 25 & 63, word & 0x1FFFFFF
            period = 33_552_000 if kind == HYDRAHARP_V1 else 33_554_432
            channel = 0 if is_special else number + 1
            is_tag = not is_special or number == 0
            is_overflow = bool(is_special) and number == 63
            is_marker = bool(is_special) and 1 <= number <= 15
            count = 1 if kind == HYDRAHARP_V1 else ticks or 1
        if is_tag:
            tags.append((overflows * period + ticks, channel))
        elif is_overflow:
            overflows += count
        elif is_marker:
            n_markers += 1
        else:
            n_unknown += 1
    return tags, n_markers, n_unknown


def decoded(source: Any, content: np.ndarray[Any, Any], chunk: int) -> tuple[Tags, dict[str, int]]:
    """Return the tags in the order of the file, and the counts; any sorting comes later."""
    decoder = source.new_decoder()
    tags: Tags = []
    for first in range(0, content.size, chunk):
        found = decoder.decode(content[first : first + chunk], first)
        tags += zip(found.times_ps.tolist(), found.channels.tolist(), strict=True)
    return tags, dict(decoder.counts)


def words_of(kind: int) -> st.SearchStrategy[list[int]]:
    """Any words, and many of the special ones; few overflows in one, as all must fit int64."""
    special = [0xF0000000, 0xF0000001, 0xFE000000, 0xFE000001, 0xFE0000FF, 0x82000001, 0xA0000000]
    small = st.integers(0, 0xFDFFFFFF) if kind != PICOHARP else st.integers(0, 2**32 - 1)
    return st.lists(small | st.sampled_from(special), max_size=300)


@pytest.mark.parametrize("kind", KINDS, ids=hex)
@settings(deadline=None)
@given(data=st.data(), chunk=st.integers(1, 300))
def test_any_t2_records_are_read_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory,
    ptu_bytes: Writer,
    kind: int,
    data: st.DataObject,
    chunk: int,
) -> None:
    words = data.draw(words_of(kind))
    path = tmp_path_factory.getbasetemp() / "slow.ptu"
    path.write_bytes(ptu_bytes(words, kind=kind))

    tags, counts = decoded(PTU.open(path), np.array(words, "<u4"), chunk)

    expected, n_markers, n_unknown = slow_t2(kind, words)
    assert tags == expected
    assert counts == {"markers_skipped": n_markers, "records_unknown": n_unknown}


@pytest.mark.parametrize("kind", KINDS, ids=hex)
@pytest.mark.parametrize("chunk", [300, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.003, 0.3])
def test_long_t2_streams_are_read_as_one_by_one(
    tmp_path: Path, ptu_bytes: Writer, kind: int, chunk: int, share: float
) -> None:
    # Tags only, so that some batches hold nothing else, with a share of any other words.
    rng = np.random.default_rng(17)
    tags_only = rng.integers(0, 5 << 28 if kind == PICOHARP else 0x82000000, 10_000)
    others = rng.integers(0x82000000, 0xFE0003FF, 10_000)
    words = np.where(rng.random(10_000) < share, others, tags_only).tolist()
    path = tmp_path / "long.ptu"
    path.write_bytes(ptu_bytes(words, kind=kind))

    tags, counts = decoded(PTU.open(path), np.array(words, "<u4"), chunk)

    expected, n_markers, n_unknown = slow_t2(kind, words)
    assert tags == expected
    assert counts == {"markers_skipped": n_markers, "records_unknown": n_unknown}


def slow_qutag(records: Sequence[tuple[int, int]]) -> tuple[Tags, int] | int:
    """Return tags and markers, or the index of the first record that no quTAG writes."""
    tags, n_markers = [], 0
    for n, (time_ps, number) in enumerate(records):
        is_marker = 100 <= number <= 104 or 200 <= number <= 203
        if not 0 <= time_ps <= 2**63 - 2 or not (0 <= number <= 20 or is_marker):
            return n
        if is_marker:
            n_markers += 1
        else:
            tags.append((time_ps, number))
    return tags, n_markers


@settings(deadline=None)
@given(
    records=st.lists(
        st.tuples(
            st.integers(0, 2**63 - 2) | st.sampled_from([0, -1, 2**63 - 1, 2**63 - 2, -(2**63)]),
            st.integers(0, 20) | st.sampled_from([-1, 20, 21, 99, 100, 104, 105, 200, 203, 204]),
        ),
        max_size=12,
    )
    | st.lists(
        st.tuples(
            st.integers(0, 2**63 - 2), st.integers(0, 20) | st.sampled_from([100, 104, 200, 203])
        ),
        max_size=300,
    ),
    chunk=st.integers(1, 300),
)
def test_any_qutag_records_are_read_as_one_by_one_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    qutag_bytes: Writer,
    records: list[tuple[int, int]],
    chunk: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "slow.qutag"
    path.write_bytes(qutag_bytes(records))
    content = np.array(records, [("time_ps", "<i8"), ("channel", "<i2")])

    expected = slow_qutag(records)

    if isinstance(expected, int):
        with pytest.raises(RunFileError, match="which no quTAG"):
            decoded(QUTAG.open(path), content, chunk)
    else:
        tags, counts = decoded(QUTAG.open(path), content, chunk)
        assert tags == expected[0]
        assert counts == {"markers_skipped": expected[1]}


def test_bytes_that_may_not_be_written_are_decoded_too(tmp_path: Path, ptu_bytes: Writer) -> None:
    path = tmp_path / "bytes.ptu"
    path.write_bytes(ptu_bytes([1, 2]))
    content = np.frombuffer(bytes([1, 0, 0, 0, 2, 0, 0, 0]), "<u4")

    assert decoded(PTU.open(path), content, 2)[0] == [(1, 1), (2, 1)]
