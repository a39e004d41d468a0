"""Plays a tag file as if a tagger sent it: the wire of the `replay` driver.

Commands are lines: `info?` is answered by a line of JSON, `speed N` sets how many seconds of the
recording pass per second of bench time (0: as fast as the consumers take them), `play` begins
from the start, `stop` ends.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator

from labctl.clock import Clock
from labctl.errors import LinkError, ReplyTimeoutError
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock
from labctl.tags.formats import TagSource
from labctl.tags.frames import END_FRAME, frame_of

__all__ = ["TagPlayer"]

#: Recordings are cut into pieces of this length, so that slow playing is smooth.
_PIECE_PS = 10_000_000_000
_POLL_S = 0.005


class TagPlayer:
    """The wire; read by one thread, commanded by any."""

    def __init__(self, source: TagSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._speed = 1.0
        self._replies: deque[bytes] = deque()
        self._frames: Iterator[tuple[int, bytes]] | None = None
        self._next: tuple[int, bytes] | None = None
        self._rest = b""
        self._began_s = 0.0
        self._first_ps: int | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """The file as instruments.toml writes it."""
        return f"file://{self._source.path}"

    def write(self, data: bytes) -> None:
        """Take command lines."""
        for line in data.decode("ascii", "replace").splitlines():
            self._obey(line.strip())

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return a frame (or what fits of it) once its time has come."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            with self._lock:
                if self._rest or self._take_due():
                    data, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
                    return data
            if time.monotonic() >= deadline_s:
                raise ReplyTimeoutError(
                    f"nothing to play within {timeout_s:g} s", address=self.address
                )
            time.sleep(_POLL_S)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the reply to the last question."""
        if not self._replies:
            raise ReplyTimeoutError(f"no reply within {timeout_s:g} s", address=self.address)
        return self._replies.popleft() + terminator

    def discard_input(self) -> None:
        """Forget replies and what was about to be played."""
        with self._lock:
            self._replies.clear()
            self._rest = b""

    def reopen(self) -> None:
        """Rewind."""
        self._halt()

    def close(self) -> None:
        """End playing."""
        self._halt()

    def _obey(self, line: str) -> None:
        word, _, argument = line.partition(" ")
        if word == "info?":
            self._replies.append(json.dumps(self._info()).encode())
        elif word == "speed":
            self._speed = float(argument)
        elif word == "play":
            with self._lock:
                self._frames = self._encoded()
                self._next, self._rest, self._first_ps = None, b"", None
        elif word == "stop":
            self._halt()
        else:
            raise LinkError(f'the player knows no command "{line}"', address=self.address)

    def _halt(self) -> None:
        with self._lock:
            self._frames, self._next, self._rest = None, None, b""

    def _info(self) -> dict[str, object]:
        return {
            "path": str(self._source.path),
            "format": self._source.format_name,
            "resolution_ps": self._source.resolution_ps or 1,
            "n_channels": self._source.n_channels,
            "speed": self._speed,
        }

    def _take_due(self) -> bool:
        """Put the next frame into `_rest` if its end has been reached in bench time."""
        if self._frames is None:
            return False
        if self._next is None:
            self._next = next(self._frames, None)
            if self._next is None:
                self._frames, self._rest = None, END_FRAME
                return True
        stop_ps, frame = self._next
        if self._first_ps is None:
            self._first_ps, self._began_s = stop_ps, self._clock.now_s()
        if self._speed > 0:
            due_s = self._began_s + (stop_ps - self._first_ps) * 1e-12 / self._speed
            if self._clock.now_s() < due_s:
                return False
        self._next, self._rest = None, frame
        return True

    def _encoded(self) -> Iterator[tuple[int, bytes]]:
        for block in self._source.blocks(MAX_BLOCK_TAGS):
            for piece in _pieces(block):
                yield piece.stop_ps, frame_of(piece)


def _pieces(block: TagBlock) -> Iterator[TagBlock]:
    """Cut a lossless block into pieces of 10 ms; one with losses stays whole, as it was."""
    if not block.is_lossless:
        yield block
        return
    start_ps = block.start_ps
    while start_ps + _PIECE_PS < block.stop_ps:
        yield block.between(start_ps, start_ps + _PIECE_PS)
        start_ps += _PIECE_PS
    yield block.between(start_ps, block.stop_ps)
