"""Brings back, by itself, what was lost while no run is under way: set as it was, never lit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from labctl.bus import Level, Message
from labctl.errors import InstrumentError, LabError, LinkError
from labctl.lab.alarms import AlarmBook
from labctl.lab.lab import Lab
from labctl.lab.restoring import Restored, restore_stepwise

__all__ = ["Reviver"]

#: A plug that was knocked comes back soon; what must be switched on again takes its time.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 15.0
_LOOK_EVERY_S = 0.2
#: So long somebody waits for an attempt that is under way.
_PATIENCE_S = 10.0
#: Attempts end within this, or their instrument hangs and they are left behind.
_JOIN_S = 5.0


class Reviver:
    """Tries lost instruments again, each in a thread of its own, between `start` and `close`.

    The same instrument must answer; what was set is read, set again where it differs, and read
    back. Emission stays as the instrument has it. A run brings back its own: while one is under
    way nothing is tried here, and what was begun is left. A tagger whose stream has users comes
    back with that stream.

    Args:
        lab: the open laboratory.
        alarms: where settings that cannot be brought back are told.
        lost: when each instrument that cannot be reached was last found so, by
            time.monotonic().
        may_act: whether no run is under way.
        first_wait_s: before the first attempt; later waits are each twice as long, up to 15 s.
    """

    def __init__(
        self,
        lab: Lab,
        alarms: AlarmBook,
        *,
        lost: Callable[[], Mapping[str, float]],
        may_act: Callable[[], bool],
        first_wait_s: float = _FIRST_WAIT_S,
    ) -> None:
        self._lab = lab
        self._alarms = alarms
        self._lost = lost
        self._may_act = may_act
        self._first_wait_s = first_wait_s
        self._busy = {name: threading.Lock() for name in lab.devices}
        #: Owned by the looking thread.
        self._attempts: dict[str, threading.Thread] = {}
        self._wait_s: dict[str, float] = {}
        self._revived_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="reviver", daemon=True)

    def start(self) -> None:
        """Begin to try again what is lost."""
        self._thread.start()

    def close(self) -> None:
        """End every attempt and every thread; closing twice is allowed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        deadline_s = time.monotonic() + _JOIN_S
        for thread in self._attempts.values():
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def outlook(self, name: str) -> str:
        """Return what is done about an instrument that is lost, as its alarm says it."""
        if self._is_streamed(name):
            return "Lost; its stream is begun again and again."
        if not self._may_act():
            return "Lost; tried again by the run that uses it, or after its end."
        wait_s = self._wait_s.get(name, self._first_wait_s)
        return f"Lost; trying again every {wait_s:.2g} s."

    def revive(self, name: str) -> Restored:
        """Bring an instrument back now, because somebody asked for it.

        Raises:
            LabError: it is still out of reach, another one answers, or it does not keep what it
                is told; LinkError also where an attempt is under way that does not end.
        """
        if not self._busy[name].acquire(timeout=_PATIENCE_S):
            raise LinkError("it is being brought back at this moment", device=name)
        try:
            return self._restore(name, lambda: True)
        finally:
            self._busy[name].release()

    def _look(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            for name, seen_s in self._lost().items():
                is_over = seen_s <= self._revived_s.get(name, 0.0)
                if is_over or self._is_streamed(name) or self._is_tried(name):
                    continue
                self._attempts[name] = threading.Thread(
                    target=self._bring_back, args=(name,), name=f"revive {name}", daemon=True
                )
                self._attempts[name].start()

    def _is_tried(self, name: str) -> bool:
        return name in self._attempts and self._attempts[name].is_alive()

    def _is_streamed(self, name: str) -> bool:
        pump = self._lab.bench.pumps.get(name)
        return pump is not None and bool(pump.users)

    def _bring_back(self, name: str) -> None:
        """Try until the instrument is back, whoever brought it, and is set as it was."""
        began_s = time.monotonic()
        wait_s = self._first_wait_s
        while not self._stopping.wait(wait_s):
            if not self._may_act():
                continue
            try:
                with self._busy[name]:
                    if self._revived_s.get(name, 0.0) < began_s:
                        self._restore(name, self._may_go_on)
            except _LeftError:
                continue
            except Exception as error:  # noqa: BLE001  a driver's bug must not end the attempts
                self._note_failure(name, error)
            else:
                return
            wait_s = self._wait_s[name] = min(2.0 * wait_s, _LONGEST_WAIT_S)

    def _may_go_on(self) -> bool:
        return self._may_act() and not self._stopping.is_set()

    def _restore(self, name: str, may_go_on: Callable[[], bool]) -> Restored:
        """Bring the instrument back, or leave it to the run that has begun meanwhile."""
        with closing(restore_stepwise(self._lab.bench, name)) as steps:
            while True:
                try:
                    wait_s = next(steps)
                except StopIteration as done:
                    restored: Restored = done.value
                    break
                if not may_go_on():
                    raise _LeftError
                self._lab.clock.wait(wait_s)
        self._revived_s[name] = time.monotonic()
        self._wait_s.pop(name, None)
        self._alarms.clear(_key(name))
        level = Level.WARNING if restored.dark else Level.INFO
        self._lab.bus.publish(Message(source=name, text=f"back: {restored}", level=level))
        return restored

    def _note_failure(self, name: str, error: Exception) -> None:
        """Tell of an instrument that answers and cannot be set; of one that is lost others do."""
        if isinstance(error, LabError) and not isinstance(error, InstrumentError):
            return
        text = f"{name} answers again and is not set as it was: {error}"
        self._alarms.raise_alarm(_key(name), "alarm", name, text)


class _LeftError(Exception):
    """A run has begun, or the service ends; never leaves this module."""


def _key(name: str) -> str:
    return f"{name}.not_restored"
