"""What can be wrong with a wire: replies lost, late, cut, disturbed, slow; the connection gone.

The port asks its `WireFaults` only while something is wrong. A reply is what the instrument
sends in one piece: a message, a line, or a packet of a stream. A command is one write of the
host. Lateness and speed are in wall-clock time, like the timeouts of those who wait; how long a
fault lasts (`for_s`) is in bench time, so that it repeats on a stepped clock. A count or a time
of 0 means: without limit, until `clear`.

A disturbed byte has its top bit flipped, as noise on a line with a parity bit shows it: no
character of ASCII stays one, so every protocol of text can notice it. Where an instrument talks
in binary numbers without a checksum nobody can.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from labctl.errors import LimitError

__all__ = ["Part", "WireFaults"]

#: A throttled wire hands over what it carries in this time at once.
_TRICKLE_S = 0.005
_TOP_BIT = 0x80


class Part(bytes):
    """Bytes with which a message does not end."""

    __slots__ = ()


class _Spell:
    """How often and how long something is wrong."""

    def __init__(self, count: int, end_s: float) -> None:
        self._left = count or math.inf
        self._end_s = end_s

    def is_over(self, now_s: float) -> bool:
        return self._left <= 0 or now_s >= self._end_s

    def strikes(self, now_s: float) -> bool:
        """Return whether it acts now, and count that."""
        if self.is_over(now_s):
            return False
        self._left -= 1
        return True


class WireFaults:
    """The faults of one wire, and what is on its way to the host because of them.

    Any thread may let something go wrong; `changed` is the lock of the port, which holds it
    whenever it asks.

    Attributes:
        is_active: False where nothing is wrong; the port then does not ask.
        is_hung_up: True once the bytes before a hang-up have passed.
        on_the_way: what will arrive: wall-clock time, the same if the wire were fast, bytes.
    """

    def __init__(self, now_s: Callable[[], float], changed: threading.Condition) -> None:
        self._bench_s = now_s
        self._changed = changed
        self.on_the_way: deque[tuple[float, float, bytes]] = deque()
        self._arrived_s = 0.0
        self.is_active = False
        self.is_hung_up = False
        self._forget()

    def _forget(self) -> None:
        self._spells: dict[str, _Spell] = {}
        self._delay_s = 0.0
        self._kept_bytes = 0
        self._share = 0.0
        self._generator = np.random.default_rng(0)
        self._bytes_per_s = math.inf
        self._bytes_left = math.inf
        self._held: deque[bytes] = deque()

    def drop(self, *, replies: int = 1, for_s: float = 0.0) -> None:
        """Lose the next replies."""
        self._begin("drop", replies, for_s)

    def drop_commands(self, *, commands: int = 1, for_s: float = 0.0) -> None:
        """Lose the next commands, so that the instrument never sees them."""
        self._begin("drop_commands", commands, for_s)

    def delay(self, *, delay_s: float = 0.5, replies: int = 1, for_s: float = 0.0) -> None:
        """Let the next replies arrive late; what follows stays behind them."""
        _positive("delay_s", delay_s)
        with self._changed:
            self._begin("delay", replies, for_s)
            self._delay_s = delay_s

    def truncate(self, *, keep_bytes: int = 1, replies: int = 1, for_s: float = 0.0) -> None:
        """Cut the next replies after some bytes; the rest is lost."""
        _count("keep_bytes", keep_bytes)
        with self._changed:
            self._begin("truncate", replies, for_s)
            self._kept_bytes = keep_bytes

    def garble(
        self, *, share: float = 0.5, replies: int = 1, for_s: float = 0.0, seed: int = 0
    ) -> None:
        """Flip the top bit of a share of the bytes of the next replies, of one at least."""
        if not 0.0 < share <= 1.0:
            raise LimitError(f"share = {share} is outside 0 to 1; it is a part of the bytes")
        generator = np.random.default_rng(_count("seed", seed))
        with self._changed:
            self._begin("garble", replies, for_s)
            self._share, self._generator = share, generator

    def throttle(self, *, bytes_per_s: float = 1000.0, for_s: float = 0.0) -> None:
        """Carry no more bytes per second to the host than these."""
        _positive("bytes_per_s", bytes_per_s)
        with self._changed:
            self._begin("throttle", 0, for_s)
            self._bytes_per_s = bytes_per_s

    def late(self, *, commands: int = 1, for_s: float = 0.0) -> None:
        """Hold the reply to a command back until the next command, before its own reply."""
        self._begin("late", commands, for_s)

    def hang_up(self, *, after_bytes: int = 0) -> None:
        """Lose the connection once so many bytes have gone to the host; reconnecting mends it."""
        _count("after_bytes", after_bytes)
        with self._changed:
            self._bytes_left = after_bytes
            self.is_active = True
            self.is_hung_up = not after_bytes
            self._changed.notify_all()

    def clear(self) -> None:
        """End what is wrong; what was late is still to come, a lost connection stays lost."""
        with self._changed:
            held = self._held
            self._forget()
            self._held = held
            self.is_active = bool(held)
            # What a slow wire still carries comes through as fast as the wire is now.
            self.on_the_way = deque((prompt, prompt, data) for _, prompt, data in self.on_the_way)
            self._arrived_s = self.on_the_way[-1][0] if self.on_the_way else 0.0
            self._changed.notify_all()

    @property
    def menu(self) -> Mapping[str, Callable[..., None]]:
        """The faults by name."""
        kinds = (
            self.drop, self.drop_commands, self.delay, self.truncate, self.garble,
            self.throttle, self.late, self.hang_up, self.clear,
        )  # fmt: skip
        return {kind.__name__: kind for kind in kinds}

    @property
    def standing(self) -> frozenset[str]:
        """Names of the faults that are not over."""
        now_s = self._bench_s()
        with self._changed:
            found = {kind for kind, spell in self._spells.items() if not spell.is_over(now_s)}
            if self.is_hung_up or math.isfinite(self._bytes_left):
                found.add("hang_up")
        return frozenset(found)

    def take_command(self) -> tuple[bool, list[bytes]]:
        """Return whether a command gets through, and what arrives at the host before its reply."""
        now_s = self._bench_s()
        released = list(self._held)
        self._held.clear()
        if released and (spell := self._spells.get("late")) is not None:
            spell.strikes(now_s)
        is_lost = self._strikes("drop_commands", now_s)
        self._tidy(now_s)
        return not is_lost, released

    def carry(self, data: bytes) -> None:
        """Put on the way what becomes of a reply."""
        now_s, wall_s = self._bench_s(), time.monotonic()
        if self._strikes("drop", now_s):
            self._tidy(now_s)
            return
        if self._strikes("truncate", now_s):
            data = Part(data[: self._kept_bytes])
        if data and self._strikes("garble", now_s):
            data = self._garbled(data)
        if (spell := self._spells.get("late")) is not None and not spell.is_over(now_s):
            self._held.append(data)
            return
        if self._strikes("delay", now_s):
            wall_s += self._delay_s
        self._trickle(self._cut(data), wall_s, now_s)
        self._tidy(now_s)

    def arrived(self) -> Iterator[bytes]:
        """Yield what has come to the host by now."""
        now_s = time.monotonic()
        while self.on_the_way and self.on_the_way[0][0] <= now_s:
            yield self.on_the_way.popleft()[-1]

    def lose_all(self) -> None:
        """Forget what was held back or is on its way: the wire was lost."""
        self._held.clear()
        self.on_the_way.clear()
        self._arrived_s = 0.0

    def connect(self) -> None:
        """Note that the wire was opened anew: a connection that was hung up is there again."""
        self.is_hung_up = False
        if not self._bytes_left:
            self._bytes_left = math.inf
        self._tidy(self._bench_s())

    def _begin(self, kind: str, count: int, for_s: float) -> None:
        _count("the number of replies or commands", count)
        if not (math.isfinite(for_s) and for_s >= 0.0):
            raise LimitError(f"for_s = {for_s} is no time; 0 means without limit")
        end_s = self._bench_s() + for_s if for_s else math.inf
        with self._changed:
            self._spells[kind] = _Spell(count, end_s)
            self.is_active = True

    def _strikes(self, kind: str, now_s: float) -> bool:
        spell = self._spells.get(kind)
        return spell is not None and spell.strikes(now_s)

    def _tidy(self, now_s: float) -> None:
        """Forget what is over, so that the port need not ask again."""
        self._spells = {k: s for k, s in self._spells.items() if not s.is_over(now_s)}
        self.is_active = bool(self._spells or self._held or math.isfinite(self._bytes_left))

    def _garbled(self, data: bytes) -> bytes:
        disturbed = np.frombuffer(data, dtype=np.uint8).copy()
        is_hit = self._generator.random(disturbed.size) < self._share
        is_hit[self._generator.integers(disturbed.size)] = True
        disturbed[is_hit] ^= _TOP_BIT
        return type(data)(disturbed.tobytes())

    def _cut(self, data: bytes) -> bytes:
        """Return what still gets through before a hang-up."""
        if len(data) < self._bytes_left:
            self._bytes_left -= len(data)
            return data
        data, self._bytes_left = Part(data[: int(self._bytes_left)]), 0
        self.is_hung_up = True
        return data

    def _trickle(self, data: bytes, prompt_s: float, now_s: float) -> None:
        # A wire never lets a byte overtake another.
        wall_s = max(prompt_s, self._arrived_s)
        size = len(data)
        if is_slow := self._strikes("throttle", now_s):
            size = max(1, int(self._bytes_per_s * _TRICKLE_S))
        for start in range(0, len(data), size or 1):
            piece = data if size == len(data) else data[start : start + size]
            is_end = start + size >= len(data) and not isinstance(data, Part)
            wall_s += len(piece) / self._bytes_per_s if is_slow else 0.0
            self.on_the_way.append((wall_s, prompt_s, piece if is_end else Part(piece)))
        self._arrived_s = wall_s


def _count(name: str, value: int) -> int:
    if value < 0:
        raise LimitError(f"{name} = {value} is negative")
    return value


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0.0):
        raise LimitError(f"{name} = {value} is not a positive number")
    return value
