"""Writers of small tag files, from the public descriptions and independent of the readers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

import pytest

HYDRAHARP_V2 = 0x01010204


def _ptu_entry(name: str, value: object, index: int = -1) -> bytes:
    """One tag of the header, typed after the Python value (doc/apx_tagtypes.html)."""
    tail = b""
    match value:
        case bool():
            kind, field = 0x00000008, struct.pack("<q", int(value))
        case int():
            kind, field = 0x10000008, struct.pack("<q", value)
        case float():
            kind, field = 0x20000008, struct.pack("<d", value)
        case str():
            # Texts end with a zero and fill up to the next multiple of 8 bytes.
            tail = value.encode() + b"\0"
            tail += bytes(-len(tail) % 8)
            kind, field = 0x4001FFFF, struct.pack("<q", len(tail))
        case (int(kind), bytes(field), bytes(tail)):
            pass
        case _:
            kind, field = 0xFFFF0008, bytes(8)
    return struct.pack("<32siI", name.encode(), index, kind) + field + tail


def _ptu_bytes(
    words: Sequence[int],
    *,
    kind: int = HYDRAHARP_V2,
    resolution_s: float = 1e-12,
    changes: Mapping[str, object] | None = None,
    without: Iterable[str] = (),
) -> bytes:
    entries: dict[str, object] = {
        "File_GUID": "{4B1A4C6E-8B1D-4E0C-9D55-0F2F6B6C1D11}",
        "File_Comment": "written by a test",
        "Measurement_Mode": 2,
        "Measurement_SubMode": 0,
        "TTResultFormat_TTTRRecType": kind,
        "TTResultFormat_BitsPerRecord": 32,
        "HW_InpChannels": 4,
        "HW_ExternalRefClock": False,
        "MeasDesc_AcquisitionTime": 1000,
        "MeasDesc_Resolution": resolution_s,
        "MeasDesc_GlobalResolution": resolution_s,
        "TTResult_SyncRate": 0,
        "TTResult_NumberOfRecords": len(words),
    }
    entries |= changes or {}
    kept = [_ptu_entry(name, value) for name, value in entries.items() if name not in set(without)]
    header = b"PQTTTR\0\0" + b"1.0.00\0\0" + b"".join(kept) + _ptu_entry("Header_End", None)
    return header + struct.pack(f"<{len(words)}I", *words)


def _t2_words(kind: int, tags: Iterable[tuple[int, int]]) -> list[int]:
    """Records of (ticks, channel) tags in order of time, overflows written as they fall due."""
    words: list[int] = []
    written = 0
    for ticks, channel in tags:
        if kind == 0x00010203:
            overflows, rest = divmod(ticks, 210_698_240)
            words += [0xF0000000] * (overflows - written)
            words.append(channel << 28 | rest)
        elif kind == 0x00010204:
            overflows, rest = divmod(ticks, 33_552_000)
            words += [0xFE000000] * (overflows - written)
            words.append(_hydraharp_word(channel, rest))
        else:
            overflows, rest = divmod(ticks, 33_554_432)
            if overflows > written:
                words.append(0xFE000000 | overflows - written)
            words.append(_hydraharp_word(channel, rest))
        written = overflows
    return words


def _hydraharp_word(channel: int, rest: int) -> int:
    """Sync (channel 0) is a special record, input n has the code n - 1."""
    return 0x80000000 | rest if channel == 0 else (channel - 1) << 25 | rest


def _qutag_bytes(tags: Iterable[tuple[int, int]], header: bytes = bytes(range(40))) -> bytes:
    return header + b"".join(struct.pack("<qh", time_ps, channel) for time_ps, channel in tags)


def _a1_bytes(events: Iterable[tuple[int, int]], *, exchanged: bool = False) -> bytes:
    """Words of (time in 1/256 ns, lowest bits), the time modulo 2**54 (readevents4a.c)."""
    words = [(units % 2**54) << 10 | low for units, low in events]
    halves = [(word & 0xFFFF_FFFF, word >> 32) for word in words]
    return b"".join(struct.pack("<II", *(half[::-1] if exchanged else half)) for half in halves)


@pytest.fixture(scope="session")
def a1_bytes() -> Callable[..., bytes]:
    """Return the bytes of an a1 file with events (time in 1/256 ns, lowest bits)."""
    return _a1_bytes


@pytest.fixture(scope="session")
def ptu_bytes() -> Callable[..., bytes]:
    """Return the bytes of a PTU file with the given record words."""
    return _ptu_bytes


@pytest.fixture(scope="session")
def ptu_entry() -> Callable[..., bytes]:
    """Return the bytes of one entry of a PTU header."""
    return _ptu_entry


@pytest.fixture(scope="session")
def t2_words() -> Callable[[int, Iterable[tuple[int, int]]], list[int]]:
    """Return the T2 record words for tags (ticks, channel), sorted by time."""
    return _t2_words


@pytest.fixture(scope="session")
def qutag_bytes() -> Callable[..., bytes]:
    """Return the bytes of a quTAG file with tags (time in ps, channel)."""
    return _qutag_bytes
