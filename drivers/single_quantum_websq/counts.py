"""The counts that the WebSQ sends on TCP port 12345, without I/O.

One line per measurement period, `unixtime,c1,c2,...` and a line feed, from the moment a client
connects (QCoDeS_contrib_drivers, drivers/SingleQuantum/SingleQuantum.py, commit edcb5ea, class
SQCounts). That client reads the first line of each packet only; this decoder loses none.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from labctl.errors import ProtocolError

__all__ = ["CountsDecoder", "CountsLine"]

_MAX_LINE_BYTES = 65_536
_SHOWN_BYTES = 80
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class CountsLine:
    """The counts of one measurement period, one per detector; the time is the instrument's."""

    unix_time_s: float
    counts: tuple[int, ...]


class CountsDecoder:
    """Cuts the stream into lines, whatever the packets.

    After a damaged line the decoder goes on with the next one.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._searched = 0
        self._is_overlong = False

    def feed(self, data: bytes) -> list[CountsLine]:
        """Return the lines that `data` completes.

        Sound lines before a damaged one are returned first; the damaged one is told by the next
        call, which may be given no bytes.

        Raises:
            ProtocolError: the next line is damaged.
        """
        self._pending += data
        lines: list[CountsLine] = []
        while (end := self._pending.find(b"\n", self._searched)) >= 0:
            raw = bytes(self._pending[:end])
            try:
                lines.append(self._parse(raw))
            except ValueError as error:
                if lines:
                    return lines
                self._forget(end + 1)
                self._is_overlong = False
                raise ProtocolError(
                    f"a line of counts is damaged: {raw[:_SHOWN_BYTES]!r}: {error}"
                ) from error
            self._forget(end + 1)
        self._searched = len(self._pending)
        if self._searched > _MAX_LINE_BYTES:
            self._forget(self._searched)
            self._is_overlong = True
        return lines

    def _parse(self, raw: bytes) -> CountsLine:
        if self._is_overlong or len(raw) > _MAX_LINE_BYTES:
            raise ValueError(f"it is longer than {_MAX_LINE_BYTES} bytes")
        return _line(raw)

    def _forget(self, count: int) -> None:
        del self._pending[:count]
        self._searched = 0


def _line(raw: bytes) -> CountsLine:
    time, *counts = raw.decode("ascii").split(",")
    if not counts:
        raise ValueError("expected a time and counts, separated by commas")
    return CountsLine(_number(time), tuple(_count(text) for text in counts))


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond any number of counts")
    return value


def _count(text: str) -> int:
    value = _number(text)
    if value < 0 or not value.is_integer():
        raise ValueError(f"{text} is not a number of counts")
    return int(value)
