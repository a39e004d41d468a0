"""Reads the tagged header of PicoQuant's unified file format.

Layout (PicoQuant-Time-Tagged-File-Format-Demos, doc/apx_tagtypes.html and PTU/Python): 8 bytes
of magic, 8 bytes of version, then tags of 48 bytes, little-endian: 32-byte name, int32 index
(-1 for a tag that is not an array), uint32 type, 8-byte value. For texts, arrays and blobs
the value is the number of bytes that follow the tag. `Header_End` is the last tag.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from labctl.errors import RunFileError

__all__ = ["MAGIC", "PtuHeader", "read_header"]

MAGIC = b"PQTTTR\0\0"
_PREAMBLE_BYTES = 16
_TAG = struct.Struct("<32siI8s")

_EMPTY = 0xFFFF0008
_BOOL = 0x00000008
_INT = 0x10000008
_BIT_SET = 0x11000008
_COLOR = 0x12000008
_FLOAT = 0x20000008
_DATE_TIME = 0x21000008
_FLOAT_ARRAY = 0x2001FFFF
_ANSI_TEXT = 0x4001FFFF
_WIDE_TEXT = 0x4002FFFF
_BLOB = 0xFFFFFFFF
_FOLLOWED_BY_BYTES = {_FLOAT_ARRAY, _ANSI_TEXT, _WIDE_TEXT, _BLOB}

#: Real headers have about a hundred tags and texts of some kB; more than this is damage.
_MAX_TAGS = 65_536
_MAX_TEXT_BYTES = 1_048_576
#: Day 0 of a TDateTime (apx_tagtypes.html).
_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - the file stores local time without a zone


@dataclass(frozen=True, slots=True)
class PtuHeader:
    """The header's scalar entries, and where the records begin.

    `values` has the entry of an array under `name(index)`, as PicoQuant's demos print it.
    Float arrays and blobs are left out: labctl needs none of them.
    """

    path: Path
    values: Mapping[str, str | int | float]
    records_offset: int

    def integer(self, name: str) -> int:
        """Return a mandatory whole number."""
        value = self._mandatory(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RunFileError(f"{self.path}: {name} = {value!r} in the header is not an integer.")
        return value

    def number(self, name: str) -> float:
        """Return a mandatory floating-point number."""
        value = self._mandatory(name)
        if not isinstance(value, float):
            raise RunFileError(f"{self.path}: {name} = {value!r} in the header is not a float.")
        return value

    def _mandatory(self, name: str) -> str | int | float:
        if name not in self.values:
            raise RunFileError(
                f"{self.path}: the header lacks the mandatory entry {name}.",
                hint="The file is damaged, or was not written by PicoQuant software.",
            )
        return self.values[name]


def read_header(path: Path, file: BinaryIO, n_bytes: int) -> PtuHeader:
    """Return the header of an open PTU file of `n_bytes`, positioned at its beginning.

    Raises:
        RunFileError: the file is not a PTU file, or its header is cut off or damaged.
    """
    preamble = file.read(_PREAMBLE_BYTES)
    if not preamble.startswith(MAGIC) or len(preamble) < _PREAMBLE_BYTES:
        raise RunFileError(f"{path}: does not begin with {MAGIC!r} and a version.")
    values: dict[str, str | int | float] = {}
    for _ in range(_MAX_TAGS):
        offset = file.tell()
        raw = file.read(_TAG.size)
        if len(raw) < _TAG.size:
            raise _cut_off(path, n_bytes, f"before Header_End, inside the entry at {offset}")
        ident, index, kind, value = _TAG.unpack(raw)
        name = ident.rstrip(b"\0").decode("latin-1")
        if name == "Header_End":
            return PtuHeader(path, values, file.tell())
        key = name if index < 0 else f"{name}({index})"
        if kind in _FOLLOWED_BY_BYTES:
            text = _following(path, file, n_bytes, key, kind, value)
            if text is not None:
                values[key] = text
        elif kind != _EMPTY:
            values[key] = _scalar(path, offset, key, kind, value)
    raise RunFileError(f"{path}: the header has more than {_MAX_TAGS} entries; it is damaged.")


def _following(
    path: Path, file: BinaryIO, n_bytes: int, key: str, kind: int, value: bytes
) -> str | None:
    """Skip the bytes that follow a tag; return them when they are a text."""
    size = int.from_bytes(value, "little", signed=True)
    begin = file.tell()
    if size < 0:
        raise RunFileError(f"{path}: header entry {key} is {size} bytes long; it is damaged.")
    if size > n_bytes - begin:
        raise _cut_off(path, n_bytes, f"inside the header entry {key} of {size} bytes")
    text = None
    if kind in {_ANSI_TEXT, _WIDE_TEXT}:
        raw = file.read(min(size, _MAX_TEXT_BYTES))
        text = _wide(raw) if kind == _WIDE_TEXT else _narrow(raw)
    file.seek(begin + size)
    return text


def _scalar(path: Path, offset: int, key: str, kind: int, value: bytes) -> str | int | float:
    """Return a value that is stored inside its tag."""
    integer = int.from_bytes(value, "little", signed=True)
    if kind == _BOOL:
        return integer != 0
    if kind in {_INT, _BIT_SET, _COLOR}:
        return integer
    number = float(struct.unpack("<d", value)[0])
    if kind == _FLOAT:
        return number
    if kind == _DATE_TIME:
        return _date(number)
    raise RunFileError(
        f"{path}: header entry {key!r} at byte {offset} has the unknown type 0x{kind:08X}.",
        hint="The header is damaged, or newer than this reader.",
    )


def _date(days: float) -> str | float:
    """Return an ISO date of local time, or the number itself where it is no date."""
    try:
        return (_DAY_0 + timedelta(days=days)).isoformat()
    except (OverflowError, ValueError):
        return days


def _narrow(raw: bytes) -> str:
    """Return an AnsiString: UTF-8 from newer programs, Latin-1 from older ones."""
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _wide(raw: bytes) -> str:
    return raw.decode("utf-16-le", errors="replace").rstrip("\0")


def _cut_off(path: Path, n_bytes: int, where: str) -> RunFileError:
    return RunFileError(
        f"{path}: is cut off: the file ends after {n_bytes} bytes {where}.",
        hint="Copy the file again.",
    )
