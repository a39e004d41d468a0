"""Damaged and unsupported PTU files: always a RunFileError that says what is wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.formats import open_tags
from labctl.tags.formats.ptu import FORMAT

Writer = Callable[..., bytes]


@pytest.fixture
def save(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "damaged.ptu"
        path.write_bytes(content)
        return path

    return write


def read_all(path: Path) -> None:
    for _ in open_tags(path).blocks():
        pass


def complaint(path: Path) -> str:
    """Return the text of the RunFileError, or nothing where the file can be read."""
    try:
        read_all(path)
    except RunFileError as error:
        return str(error)
    return ""


def test_a_header_cut_at_any_byte_is_an_error(
    save: Callable[[bytes], Path], ptu_bytes: Writer
) -> None:
    whole = ptu_bytes([])

    for n_bytes in range(6, len(whole)):
        with pytest.raises(RunFileError, match=r"is cut off: the file ends after|does not begin"):
            FORMAT.open(save(whole[:n_bytes]))


def test_a_cut_header_says_where(save: Callable[[bytes], Path], ptu_bytes: Writer) -> None:
    with pytest.raises(RunFileError, match="after 100 bytes inside the header entry File_GUID"):
        FORMAT.open(save(ptu_bytes([])[:100]))


@pytest.mark.parametrize("left_over", [1, 2, 3])
def test_a_cut_record_says_how_many_bytes_are_left_over(
    save: Callable[[bytes], Path], ptu_bytes: Writer, left_over: int
) -> None:
    path = save(ptu_bytes([1, 2, 3]) + bytes(left_over))

    with pytest.raises(RunFileError, match=f"after 3 records of 4 bytes, {left_over} bytes are"):
        FORMAT.open(path)


@pytest.mark.parametrize(
    "kind", [0x00010303, 0x00010304, 0x01010304, 0x00010305, 0x00010306, 0x00010307], ids=hex
)
def test_t3_files_are_refused_with_advice(
    save: Callable[[bytes], Path], ptu_bytes: Writer, kind: int
) -> None:
    with pytest.raises(RunFileError, match=r"T3 files are not yet read\. Measure in T2 mode"):
        FORMAT.open(save(ptu_bytes([1], kind=kind)))


@pytest.mark.parametrize(("kind", "shown"), [(0x00010299, "0x00010299"), (-1, "0xFFFFFFFF")])
def test_an_unknown_type_of_record_is_refused_and_the_known_ones_are_listed(
    save: Callable[[bytes], Path], ptu_bytes: Writer, kind: int, shown: str
) -> None:
    with pytest.raises(RunFileError, match=rf"{shown} is not .* 0x01010204 \(HydraHarp V2 T2\)"):
        FORMAT.open(save(ptu_bytes([1], kind=kind)))


@pytest.mark.parametrize(
    "name",
    [
        "TTResultFormat_TTTRRecType",
        "TTResultFormat_BitsPerRecord",
        "MeasDesc_GlobalResolution",
        "TTResult_NumberOfRecords",
    ],
)
def test_a_missing_mandatory_entry_is_named(
    save: Callable[[bytes], Path], ptu_bytes: Writer, name: str
) -> None:
    with pytest.raises(RunFileError, match=f"lacks the mandatory entry {name}"):
        FORMAT.open(save(ptu_bytes([1], without=[name])))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TTResultFormat_TTTRRecType", "T2", "= 'T2' in the header is not an integer"),
        ("TTResult_NumberOfRecords", True, "= True in the header is not an integer"),
        ("MeasDesc_GlobalResolution", 4, "= 4 in the header is not a float"),
        ("MeasDesc_GlobalResolution", 0.0, "= 0 s is outside 1e-15 s to 1e-06 s"),
        ("MeasDesc_GlobalResolution", -1e-12, "= -1e-12 s is outside"),
        ("MeasDesc_GlobalResolution", float("nan"), "= nan s is outside"),
        ("MeasDesc_GlobalResolution", 1.0, "= 1 s is outside"),
        ("TTResultFormat_BitsPerRecord", 64, "= 64, but every known type of record has 32"),
    ],
)
def test_an_impossible_entry_is_named_with_its_value(
    save: Callable[[bytes], Path], ptu_bytes: Writer, name: str, value: object, problem: str
) -> None:
    with pytest.raises(RunFileError, match=f"{name} {problem}"):
        FORMAT.open(save(ptu_bytes([1], changes={name: value})))


def test_an_entry_of_unknown_type_is_named(
    save: Callable[[bytes], Path], ptu_bytes: Writer
) -> None:
    odd = (0x12345678, bytes(8), b"")

    with pytest.raises(RunFileError, match=r"'Odd' at byte .* unknown type 0x12345678"):
        FORMAT.open(save(ptu_bytes([1], changes={"Odd": odd})))


def test_an_entry_of_negative_length_is_named(
    save: Callable[[bytes], Path], ptu_bytes: Writer
) -> None:
    odd = (0x4001FFFF, struct.pack("<q", -8), b"")

    with pytest.raises(RunFileError, match="header entry Odd is -8 bytes long"):
        FORMAT.open(save(ptu_bytes([1], changes={"Odd": odd})))


def test_a_header_without_end_is_given_up(save: Callable[[bytes], Path], ptu_entry: Writer) -> None:
    endless = b"PQTTTR\0\0" + b"1.0.00\0\0" + ptu_entry("Again", None) * 65_537

    with pytest.raises(RunFileError, match="more than 65536 entries"):
        FORMAT.open(save(endless))


def test_entries_of_every_documented_type_are_read_or_passed_over(
    save: Callable[[bytes], Path], ptu_bytes: Writer
) -> None:
    # TDateTime counts days from 1899-12-30; 43865.5 is noon of 2020-02-04.
    text = "Zürich".encode("utf-16-le") + bytes(4)
    changes = {
        "Empty": None,
        "Bits": (0x11000008, struct.pack("<q", 5), b""),
        "Color": (0x12000008, struct.pack("<q", 255), b""),
        "Date": (0x21000008, struct.pack("<d", 43865.5), b""),
        "NoDate": (0x21000008, struct.pack("<d", 1e300), b""),
        "Floats": (0x2001FFFF, struct.pack("<q", 16), struct.pack("<2d", 1, 2)),
        "Blob": (0xFFFFFFFF, struct.pack("<q", 8), bytes(8)),
        "Wide": (0x4002FFFF, struct.pack("<q", len(text)), text),
        "Old": (0x4001FFFF, struct.pack("<q", 8), "Zürich".encode("latin-1") + bytes(2)),
    }

    metadata = FORMAT.open(save(ptu_bytes([1], changes=changes))).metadata

    assert metadata["Bits"] == 5
    assert metadata["Color"] == 255
    assert metadata["Date"] == "2020-02-04T12:00:00"
    assert metadata["NoDate"] == 1e300
    assert metadata["Wide"] == metadata["Old"] == "Zürich"
    assert not {"Empty", "Floats", "Blob"} & set(metadata)


def test_entries_of_an_array_are_told_apart_by_their_index(
    save: Callable[[bytes], Path], ptu_bytes: Writer, ptu_entry: Writer
) -> None:
    offsets = ptu_entry("HWInpChan_Offset", -300, 0) + ptu_entry("HWInpChan_Offset", 250, 1)
    whole = ptu_bytes([1])

    metadata = FORMAT.open(save(whole[:16] + offsets + whole[16:])).metadata

    assert (metadata["HWInpChan_Offset(0)"], metadata["HWInpChan_Offset(1)"]) == (-300, 250)


def test_overflows_beyond_int64_are_an_error(
    save: Callable[[bytes], Path], ptu_bytes: Writer
) -> None:
    # 2**25 - 1 overflows of 2**25 ps are 19 min; 8192 times as many exceed 106 days.
    path = save(ptu_bytes([0xFFFFFFFF] * 8_193))

    with pytest.raises(RunFileError, match=r"106 days .* the file is damaged"):
        read_all(path)


@settings(deadline=None)
@given(st.binary(max_size=600), st.sampled_from([b"", b"PQTTTR", b"PQTTTR\0\0001.0.00\0\0"]))
@pytest.mark.parametrize("suffix", [".ptu", ".qutag", ".bin"])
def test_any_bytes_are_read_or_refused_with_our_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(magic + content)

    text = complaint(path)

    assert not text or text.startswith(str(path))


@settings(deadline=None)
@given(words=st.lists(st.integers(0, 2**32 - 1), max_size=200), hydraharp=st.booleans())
def test_any_records_give_sorted_tags_or_our_error(
    tmp_path_factory: pytest.TempPathFactory,
    ptu_bytes: Writer,
    words: list[int],
    *,
    hydraharp: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any_records.ptu"
    path.write_bytes(ptu_bytes(words, kind=0x01010204 if hydraharp else 0x00010203))
    source = FORMAT.open(path)

    times_ps = [int(time_ps) for block in source.blocks() for time_ps in block.times_ps]

    assert times_ps == sorted(times_ps)


@settings(deadline=None)
@given(at=st.integers(0, 5_000), bits=st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_read_or_refused_with_our_error(
    tmp_path_factory: pytest.TempPathFactory, ptu_bytes: Writer, at: int, bits: int
) -> None:
    content = bytearray(ptu_bytes([1, 0xFE000001, 2]))
    content[at % len(content)] ^= bits
    path = tmp_path_factory.getbasetemp() / "flipped.ptu"
    path.write_bytes(content)

    text = complaint(path)

    assert not text or text.startswith(str(path))
