"""The lines of the log that are kept, and which of them are shown."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["LEVELS", "MAX_LINES", "LogFilter", "LogLines", "line_text", "said_by"]

#: Levels from the least to the most, and what stands in the log for them.
LEVELS: Final = {"info": "· INFO", "warning": "▲ WARNING", "alarm": "■ ALARM"}
_ORDER: Final = tuple(LEVELS)
MAX_LINES: Final = 5000


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What is shown: lines of `level` or above that contain `text`, in any case."""

    level: str = "info"
    text: str = ""

    def shows(self, line: Mapping[str, Any]) -> bool:
        """Return whether a line is shown."""
        level = line["level"] if line["level"] in LEVELS else "info"
        if _ORDER.index(level) < _ORDER.index(self.level):
            return False
        wanted = self.text.casefold()
        return not wanted or wanted in f"{line['source']} {line['text']}".casefold()


class LogLines:
    """The newest lines; a line that is told twice, as after a reconnection, is kept once."""

    def __init__(self) -> None:
        self._lines: deque[Mapping[str, Any]] = deque()
        self._known: set[tuple[Any, ...]] = set()

    def add(self, line: Mapping[str, Any]) -> bool:
        """Keep a line; return False where it was there already."""
        key = _key(line)
        if key in self._known:
            return False
        self._known.add(key)
        self._lines.append(line)
        if len(self._lines) > MAX_LINES:
            self._known.discard(_key(self._lines.popleft()))
        return True

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._lines)


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["utc_ns"], line["level"], line["source"], line["text"]


def line_text(line: Mapping[str, Any]) -> str:
    """Return a line of the log: level, time, source, text; one line whatever the text is."""
    moment = time.localtime(int(line["utc_ns"]) / 1e9)
    word = LEVELS.get(str(line["level"]), str(line["level"]))
    text = " ⏎ ".join(str(line["text"]).splitlines())
    return f"{time.strftime('%H:%M:%S', moment)} {word}  {said_by(str(line['source']), text)}"


def said_by(source: str, text: str) -> str:
    """Return who said it and what, the name once."""
    return text if text.startswith(f"{source}:") else f"{source}: {text}"
