"""What a disk may hold after a loss of power, rebuilt from the log of disk_calls.c.

Sure is what a completed synchronization vouches for. Of the writes behind it a random half
arrives, in whatever order; with `sector_bytes`, of each of these again only some sectors. Behind
the last synchronized length the file may end at any length that it had since, zeros where nothing
arrived. Names (created, renamed, linked, removed) are sure once the folder is synchronized; of the
later changes the first few arrive, as journals keep their order.
"""

from __future__ import annotations

import json
import random
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_ENTRY: Final = struct.Struct("<QQqQ")
_WITHOUT_BYTES: Final = "TSD"
_CHANGES_OF_FILES: Final = "WT"


@dataclass(frozen=True)
class Call:
    """One entry of the log; `kind` as in disk_calls.c."""

    kind: str
    inode: int
    offset: int
    data: bytes


def logged_calls(path: Path) -> list[Call]:
    """Return all calls of the log."""
    raw = path.read_bytes()
    calls: list[Call] = []
    at = 0
    while at + _ENTRY.size <= len(raw):
        kind, inode, offset, length = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        data = b"" if chr(kind) in _WITHOUT_BYTES else raw[at : at + length]
        calls.append(Call(chr(kind), inode, offset, data))
        at += len(data)
    return calls


def last_published(calls: list[Call]) -> dict[str, Any] | None:
    """Return the last acknowledgement that was told before the log ends."""
    said = b"".join(call.data for call in calls if call.kind == "P")
    facts = [json.loads(line) for line in said.splitlines(keepends=True) if line[-1:] == b"\n"]
    told = [fact for fact in facts if "n_tags" in fact]
    return told[-1] if told else None


@dataclass
class _Changes:
    """Changes of one thing in their order: `sure` of them survive."""

    calls: list[Call] = field(default_factory=list)
    sure: int = 0
    begun: list[int] = field(default_factory=list)


class Disk:
    """The folder as the calls left it; `before` gives the files that it had before them."""

    def __init__(self, calls: list[Call], before: Mapping[str, bytes] | None = None) -> None:
        self._files: dict[tuple[int, int], _Changes] = {}
        self._before: dict[str, tuple[int, int]] = {}
        for number, (name, content) in enumerate((before or {}).items()):
            self._before[name] = (0, number)
            self._files[0, number] = _Changes([Call("W", 0, 0, content)], sure=1)
        self._names = _Changes()
        self._generation: dict[int, int] = defaultdict(int)
        self._born: dict[int, tuple[int, int]] = {}
        for call in calls:
            self._take(call)

    def _take(self, call: Call) -> None:
        if call.kind == "P":
            return
        if call.kind == "O":
            # A file system gives the number of a removed file to the next one.
            self._generation[call.inode] += 1
            key = (call.inode, self._generation[call.inode])
            self._files[key] = _Changes()
            self._born[len(self._names.calls)] = key
        if call.kind in "ORLU":
            self._names.calls.append(call)
            return
        changes = self._files.get((call.inode, self._generation[call.inode]), self._names)
        if call.kind in _CHANGES_OF_FILES:
            changes.calls.append(call)
        elif call.kind == "S":
            changes.begun.append(len(changes.calls))
        else:
            changes.sure = max(changes.sure, changes.begun.pop(0))

    def contents(self) -> dict[str, bytes]:
        """Return the files by name as they are while the power is on."""
        return {
            name: _applied(self._files[key].calls)
            for name, key in self._named(len(self._names.calls)).items()
        }

    def after_power_loss(self, chance: random.Random, sector_bytes: int = 0) -> dict[str, bytes]:
        """Return the files by name as they may be found when the power is back."""
        n_names = chance.randint(self._names.sure, len(self._names.calls))
        return {
            name: _survivors(self._files[key], chance, sector_bytes)
            for name, key in self._named(n_names).items()
        }

    def _named(self, n_changes: int) -> dict[str, tuple[int, int]]:
        names = dict(self._before)
        for at, call in enumerate(self._names.calls[:n_changes]):
            first, _, second = call.data.decode().partition("\0")
            if call.kind == "O":
                names[first] = self._born[at]
            elif call.kind == "R":
                names[second] = names.pop(first)
            elif call.kind == "L":
                names[second] = names[first]
            else:
                names.pop(first, None)
        # A file without a name (a probe of free space) has none after a crash either.
        names.pop("", None)
        return names


def _applied(calls: list[Call]) -> bytes:
    content = bytearray()
    for call in calls:
        if call.kind == "T":
            del content[call.offset :]
            content.extend(bytes(call.offset - len(content)))
            continue
        content.extend(bytes(max(0, call.offset - len(content))))
        content[call.offset : call.offset + len(call.data)] = call.data
    return bytes(content)


def _survivors(changes: _Changes, chance: random.Random, sector_bytes: int) -> bytes:
    sure = changes.calls[: changes.sure]
    later = changes.calls[changes.sure :]
    kept = [call for call in later if chance.random() < 0.5]
    if sector_bytes:
        kept = [part for call in kept for part in _torn(call, chance, sector_bytes)]
    content = _applied(sure + kept)
    length = chance.choice([len(content), *_lengths(sure, later)])
    return content[:length] + bytes(max(0, length - len(content)))


def _torn(call: Call, chance: random.Random, sector_bytes: int) -> Iterator[Call]:
    if call.kind == "T":
        yield call
        return
    at = 0
    while at < len(call.data):
        stop = at + sector_bytes - (call.offset + at) % sector_bytes
        if chance.random() < 0.5:
            yield Call("W", call.inode, call.offset + at, call.data[at:stop])
        at = stop


def _lengths(sure: list[Call], later: list[Call]) -> Iterator[int]:
    length = 0
    for number, call in enumerate([*sure, *later], 1):
        stop = call.offset + len(call.data)
        length = call.offset if call.kind == "T" else max(length, stop)
        if number >= len(sure):
            yield length
