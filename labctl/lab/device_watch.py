"""Looks at the read-backs of one instrument again and again, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from labctl.device import Device
from labctl.errors import (
    InstrumentError,
    InterlockError,
    LabError,
    LinkError,
    ProtocolError,
    ReplyTimeoutError,
)
from labctl.lab.alarms import AlarmBook
from labctl.lab.values import NEVER_READ, MonitoredValue

__all__ = ["STALE_AFTER_INTERVALS", "DeviceWatch", "Guardian"]

STALE_AFTER_INTERVALS = 3
#: One that answered nothing, or nonsense, in so many rounds is lost; a wire that is gone at once.
_LOST_AFTER_ROUNDS = 2
#: While a guardian is busy it is asked this often whether it has something to do.
_BUSY_S = 0.02


class Guardian(Protocol):
    """Looks after one instrument in the thread that watches it."""

    @property
    def is_busy(self) -> bool:
        """True while `step` must be called often."""
        ...

    def look(self, values: dict[str, MonitoredValue]) -> None:
        """Take notice of a round's values; may ask the instrument more."""
        ...

    def step(self) -> None:
        """Go on with what is under way, if the time for it has come."""
        ...


@dataclass(frozen=True, slots=True)
class _Look:
    """One reading, or the failure of one; `read_s` is by time.monotonic()."""

    value: Any
    utc_ns: int
    read_s: float
    error: str = ""


class DeviceWatch:
    """Owns the thread that reads one instrument; `values` may be asked by any.

    Every reading is one exchange, so everybody else gets in between. A reply that did not come,
    or made no sense, is asked for once more; then the value is an error, the round ends, and the
    next one begins behind it, so that one mute value does not keep the others from being read.
    """

    def __init__(
        self,
        device: Device,
        alarms: AlarmBook,
        *,
        interval_s: float,
        may_ask: Callable[[], bool],
        on_round: Callable[[], None],
        guardians: tuple[Guardian, ...] = (),
        outlook: Callable[[], str] = str,
    ) -> None:
        self.name = device.name
        #: When the instrument was found lost, by time.monotonic(); None while it answers.
        self.lost_s: float | None = None
        #: How many rounds have ended.
        self.rounds = 0
        self._device = device
        self._alarms = alarms
        self._interval_s = interval_s
        self._may_ask = may_ask
        self._on_round = on_round
        self._guardians = guardians
        self._outlook = outlook
        self._failed_rounds = 0
        self._order = list(device.parameters)
        self._looks: dict[str, _Look | None] = dict.fromkeys(self._order)
        self._asked_s: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"monitor {self.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the present exchange."""
        self._stopping.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread and return whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    def values(self) -> dict[str, MonitoredValue]:
        """Return every value with its age told by its state."""
        oldest_s = time.monotonic() - STALE_AFTER_INTERVALS * self._interval_s
        return {name: _judged(look, oldest_s) for name, look in list(self._looks.items())}

    def waiting_s(self) -> float:
        """Return for how long the instrument has not answered the present question."""
        asked_s = self._asked_s
        return 0.0 if asked_s is None else time.monotonic() - asked_s

    def _main(self) -> None:
        due_s = time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() >= due_s:
                due_s = max(due_s + self._interval_s, time.monotonic() + self._interval_s / 10)
                self._round()
            self._guarded(lambda guardian: guardian.step())
            is_busy = any(guardian.is_busy for guardian in self._guardians)
            wait_s = max(0.0, due_s - time.monotonic())
            self._stopping.wait(min(wait_s, _BUSY_S) if is_busy else wait_s)

    def _round(self) -> None:
        if not self._may_ask():
            # It streams, so it is there.
            self._note_reached()
        elif self._read_all():
            self._note_reached()
            values = self.values()
            self._guarded(lambda guardian: guardian.look(values))
        self.rounds += 1
        self._on_round()

    def _guarded(self, call: Callable[[Guardian], None]) -> None:
        for guardian in self._guardians:
            self._asked_s = time.monotonic()
            try:
                call(guardian)
            except LabError as error:
                self._cannot_reach(str(error))
            except Exception as error:  # noqa: BLE001  a driver's bug must not end the watch
                self._cannot_reach(f"the driver failed: {error!r}")
            finally:
                self._asked_s = None

    def _read_all(self) -> bool:
        """Read every value and return whether the instrument could be reached all the time."""
        for place, name in enumerate(self._order):
            if self._stopping.is_set():
                return False
            try:
                self._note(name, self._read(name))
            except InstrumentError as error:
                self._refused(name, str(error))
            except InterlockError:
                # A stream has begun meanwhile: nothing is wrong, and nothing is answered.
                return False
            except LinkError as error:
                for each in self._order:
                    self._fail(each, str(error))
                self._lose(str(error))
                return False
            except LabError as error:
                self._fail(name, str(error))
                self._order = self._order[place + 1 :] + self._order[: place + 1]
                self._failed_rounds += 1
                if self._failed_rounds < _LOST_AFTER_ROUNDS:
                    self._cannot_reach(str(error))
                else:
                    self._lose(str(error))
                return False
            except Exception as error:  # noqa: BLE001  a driver's bug is told as its value's error
                self._refused(name, f"the driver failed: {error!r}")
        return True

    def _read(self, name: str) -> Any:
        self._asked_s = time.monotonic()
        try:
            return getattr(self._device, name)
        except (ReplyTimeoutError, ProtocolError):
            # Reading changes nothing, so it may be asked twice.
            return getattr(self._device, name)
        finally:
            self._asked_s = None

    def _note(self, name: str, value: Any) -> None:
        self._looks[name] = _Look(value, time.time_ns(), time.monotonic())
        self._alarms.clear(f"{self.name}.{name}")

    def _fail(self, name: str, error: str) -> None:
        self._looks[name] = _Look(None, time.time_ns(), time.monotonic(), error)

    def _refused(self, name: str, error: str) -> None:
        """Note that the instrument answers and this value is not to be had.

        Some models of a series refuse some queries: that is a warning. A value that was there
        before, and is not any more, is an alarm.
        """
        former = self._looks[name]
        key = f"{self.name}.{name}"
        if former is None or (former.error and not self._alarms.is_active(key)):
            self._alarms.raise_alarm(key, "warning", self.name, error)
        elif not former.error:
            self._alarms.raise_alarm(key, "alarm", self.name, error)
        self._fail(name, error)

    def _note_reached(self) -> None:
        self._failed_rounds = 0
        self.lost_s = None
        self._alarms.clear(f"{self.name}.unreachable")

    def _lose(self, error: str) -> None:
        self.lost_s = time.monotonic()
        self._cannot_reach(f"{error} {self._outlook()}".rstrip())

    def _cannot_reach(self, error: str) -> None:
        if not self._stopping.is_set():
            self._alarms.raise_alarm(f"{self.name}.unreachable", "alarm", self.name, error)


def _judged(look: _Look | None, oldest_s: float) -> MonitoredValue:
    if look is None:
        return NEVER_READ
    if look.error:
        return MonitoredValue(None, look.utc_ns, "error", look.error)
    return MonitoredValue(look.value, look.utc_ns, "stale" if look.read_s < oldest_s else "fresh")
