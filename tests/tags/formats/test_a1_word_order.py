"""Which files are taken for a1, and in which order their 32-bit halves are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.formats import open_tags
from labctl.tags.formats.a1 import FORMAT

Writer = Callable[..., bytes]
#: 100 events, 1 ms apart: the low half starts again 61 times in each step.
MANY = [(n * 256 * 10**6 + n * 977, 1 + n % 2) for n in range(100)]


def n_tags(path: Path) -> int:
    return sum(len(block) for block in FORMAT.open(path).blocks())


@pytest.mark.parametrize(
    ("name", "is_a1"),
    [
        ("alice.a1", True),
        ("alice.A1", True),
        ("alice.a1x", True),
        ("alice.a1.dat", True),
        ("20230405_alice.Aa1.dat", True),
        ("20230405_alice.Aa1X.dat", True),
        ("a1", False),
        ("alice_a1", False),
        ("alice.a1y", False),
        ("alice.a2.dat", False),
        ("alice.dat", False),
    ],
)
def test_a_file_is_taken_for_a1_by_its_name(
    tmp_path: Path, a1_bytes: Writer, name: str, *, is_a1: bool
) -> None:
    path = tmp_path / name
    content = a1_bytes(MANY, exchanged="x" in name.lower())
    path.write_bytes(content)

    assert FORMAT.recognizes(path, content[:512]) == is_a1
    if is_a1:
        assert open_tags(path).format_name == "a1"
        assert n_tags(path) == 100
    else:
        with pytest.raises(RunFileError, match=r"a1 \(S-Fifteen TDC1 and TDC2 events, named"):
            open_tags(path)


@pytest.mark.parametrize("magic", [b"\x89HDF\r\n\x1a\n", b"PQTTTR\0\0", b"PQHISTO\0"])
def test_the_name_does_not_make_a_file_with_a_foreign_magic_an_a1_file(
    tmp_path: Path, magic: bytes
) -> None:
    assert not FORMAT.recognizes(tmp_path / "renamed.a1", magic + bytes(504))


@pytest.mark.parametrize("exchanged", [False, True])
def test_the_order_of_the_halves_is_taken_from_the_events(
    tmp_path: Path, a1_bytes: Writer, *, exchanged: bool
) -> None:
    path = tmp_path / "alice.a1"
    path.write_bytes(a1_bytes(MANY, exchanged=exchanged))
    source = FORMAT.open(path)

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [(units * 250 + 32) // 64 for units, _ in MANY]
    expected = "high half first (readevents -X)" if exchanged else "low half first"
    assert source.metadata["word_order"] == expected
    assert source.warnings == ()


@pytest.mark.parametrize("rate_hz", [1e3, 1e5, 1e6, 1e7, 4e7])
@pytest.mark.parametrize("exchanged", [False, True])
def test_the_order_is_found_at_any_rate_with_a_damaged_word_and_a_rollover(
    tmp_path: Path, rate_hz: float, *, exchanged: bool
) -> None:
    rng = np.random.default_rng(9)
    gaps = rng.exponential(256e9 / rate_hz, 20_000).astype(np.int64)
    times = (2**54 - np.int64(5_000 * 256e9 / rate_hz) + np.cumsum(gaps)) % 2**54
    times[7_000] ^= 1 << 45
    words = times.astype(np.uint64) << np.uint64(10) | np.uint64(1)
    halves = words.view("<u4").reshape(-1, 2)
    path = tmp_path / "fast.a1"
    path.write_bytes(halves[:, ::-1].tobytes() if exchanged else halves.tobytes())
    source = FORMAT.open(path)

    assert str(source.metadata["word_order"]).startswith("high" if exchanged else "low")
    assert source.warnings == ()


def test_a_name_that_the_events_contradict_is_an_error(tmp_path: Path, a1_bytes: Writer) -> None:
    path = tmp_path / "alice.a1x"
    path.write_bytes(a1_bytes(MANY))

    with pytest.raises(RunFileError, match=r"advance only without the exchange\. Name it \.a1\."):
        FORMAT.open(path)


def test_few_events_that_fit_both_orders_are_read_as_the_name_says(
    tmp_path: Path, a1_bytes: Writer
) -> None:
    plain, exchanged = tmp_path / "one.a1", tmp_path / "one.a1x"
    # Either half of the word ends in 1, and so holds a click.
    plain.write_bytes(a1_bytes([(2**22 + 512, 1)]))
    exchanged.write_bytes(a1_bytes([(2**22 + 512, 1)], exchanged=True))

    (warning,) = FORMAT.open(plain).warnings
    assert warning.startswith("The 1 events fit both orders of their 32-bit halves; read as low")
    assert FORMAT.open(exchanged).warnings == ()
    for path in (plain, exchanged):
        (block,) = FORMAT.open(path).blocks()
        assert block.times_ps.tolist() == [2**14 * 1_000 + 2_000]


@pytest.mark.parametrize(
    "content",
    [bytes(800), b"time_ps,channel\n" + b"1000,1\n1" * 72, b"\x7fELF\0\0\0\1" * 100],
    ids=["zeros", "csv", "program"],
)
def test_content_that_advances_in_neither_order_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.a1"
    path.write_bytes(content)

    with pytest.raises(RunFileError, match="advance in time in neither order of their 32-bit"):
        open_tags(path)


@pytest.mark.parametrize("left_over", [1, 4, 7])
def test_a_cut_file_says_how_many_bytes_are_left_over(
    tmp_path: Path, a1_bytes: Writer, left_over: int
) -> None:
    path = tmp_path / "cut.a1"
    path.write_bytes(a1_bytes(MANY) + bytes(left_over))

    with pytest.raises(RunFileError, match=f"after 100 events .* {left_over} bytes are left over"):
        FORMAT.open(path)


def test_a_file_that_vanishes_is_an_error(tmp_path: Path, a1_bytes: Writer) -> None:
    path = tmp_path / "gone.a1"
    path.write_bytes(a1_bytes(MANY))
    source = FORMAT.open(path)
    path.unlink()

    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        list(source.blocks())
    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        FORMAT.open(path)


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["any.a1", "any.a1x"]), st.integers(1, 60))
def test_any_bytes_are_read_or_refused_with_our_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, chunk_records: int
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)

    try:
        source = FORMAT.open(path)
        source.chunk_records = chunk_records
        blocks = list(source.blocks())
    except RunFileError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - both outcomes are allowed
    else:
        clicks = sum(len(block) for block in blocks)
        assert clicks <= len(content) // 8 * 4
        assert all(np.all(np.diff(block.times_ps) >= 0) for block in blocks)
        assert all(
            block.start_ps <= time_ps < block.stop_ps
            for block in blocks
            for time_ps in block.times_ps.tolist()
        )
