"""Moves one actuator in steps: one request at a time, never a queue of them; with undo."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from labctl.errors import LabError
from labctl.gui.actuator_steps import next_step, step_ladder, stepped
from labctl.gui.actuators import Actuator
from labctl.gui.link import ServiceLink
from labctl.gui.rights import why_no_change
from labctl.units import format_quantity

__all__ = ["ActuatorMoves"]

_REMEMBERED: Final = 200
_MIDDLE: Final = 4


@dataclass(frozen=True, slots=True)
class _Move:
    """What is undone: the actuator, and where it was."""

    actuator: Actuator
    former: float


class ActuatorMoves(QObject):
    """Knows where the selected actuator was last sent, and sends it elsewhere.

    Lives in the window's thread. The set-point is what was set last, by anybody; a read-back
    that lags behind, as that of a mount which still turns, does not disturb the next step.

    Attributes:
        changed: something that is shown has changed.
        moved: the service has confirmed a new set-point.
        actuator: the selected one, None for none.
        set_point: where it was last sent; None while that is unknown.
        step: how far it goes at once.
        is_waiting: a request is under way.
        message: what became of the last wish, in words; empty for nothing to say.
        is_refused: the message says why it was not done.
    """

    changed = Signal()
    moved = Signal()

    def __init__(self, link: ServiceLink) -> None:
        super().__init__()
        self._link = link
        self.actuator: Actuator | None = None
        self.set_point: float | None = None
        self.step = 1.0
        self.ladder: tuple[float, ...] = ()
        self.is_waiting = False
        self.message = ""
        self.is_refused = False
        self.moved_s = time.monotonic()
        self._replied_ns = 0
        self._history: list[_Move] = []
        link.updated.connect(self._take)

    def select(self, actuator: Actuator | None) -> None:
        """Move this actuator from now on, in the step that suits its limits."""
        self.actuator = actuator
        self.set_point = None
        self._tell("")
        if actuator is not None:
            self.set_point = self.read_back()
            self.ladder = step_ladder(actuator.limits, self.set_point or 0.0)
            self.step = self.ladder[_MIDDLE]
        self.changed.emit()

    def read_back(self) -> float | None:
        """Return what the instrument last read, None where that is unknown."""
        if self.actuator is None:
            return None
        return self.actuator.value_in(self._entry().get("value"))

    def is_moving(self) -> bool:
        """Return whether the instrument says that it still moves."""
        if self.actuator is None:
            return False
        values = (self._link.latest.get("instruments") or {}).get(self.actuator.instrument) or {}
        return bool((values.get("is_moving") or {}).get("value"))

    def still_s(self) -> float:
        """Return how long nothing has been moved here."""
        if self.is_waiting or self.is_moving():
            return 0.0
        return time.monotonic() - self.moved_s

    def why_not(self) -> str:
        """Return why it cannot be moved now; empty when it can."""
        if self.actuator is None:
            return "no actuator is selected"
        if reason := why_no_change(self._link):
            return reason
        if self._entry().get("state") == "error":
            return f"{self.actuator.instrument} cannot be reached"
        if self.set_point is None:
            return "where it is was not read yet"
        return ""

    def move(self, count: int) -> None:
        """Go so many steps."""
        if self._is_refused() or self.actuator is None or self.set_point is None:
            return
        target = stepped(self.set_point, self.step, count, self.actuator.limits)
        if target is None:
            self._refuse(f"it is at its limit, {self._text(self.set_point)}")
            return
        self._send(self.actuator, target, self.set_point)

    def go_to(self, value: float) -> None:
        """Go to a value at once."""
        if not self._is_refused() and self.actuator is not None and self.set_point != value:
            self._send(self.actuator, value, self.set_point)

    def undo(self) -> None:
        """Go back to where the last move began, and select what it moved."""
        if not self._history:
            self._refuse("nothing was moved here yet")
            return
        if self.is_waiting:
            self._refuse("it waits for the reply to the last step")
            return
        move = self._history[-1]
        if move.actuator != self.actuator:
            self.select(move.actuator)
        if not self._is_refused():
            self._send(move.actuator, move.former, None)

    @property
    def undo_text(self) -> str:
        """What `undo` would do; empty for nothing."""
        if not self._history:
            return ""
        move = self._history[-1]
        return f"{move.actuator.name} back to {format_quantity(move.former, move.actuator.unit)}"

    def set_step(self, step: float) -> None:
        """Go so far with each step."""
        self.step = step
        self.changed.emit()

    def choose_step(self, direction: int) -> None:
        """Take the next coarser (1) or finer (-1) step."""
        self.set_step(next_step(self.step, direction))

    def choose_rung(self, number: int) -> None:
        """Take one of the nine steps that suit the actuator, 1 for the finest."""
        if self.ladder:
            self.set_step(self.ladder[number - 1])

    def _entry(self) -> dict[str, Any]:
        if self.actuator is None:
            return {}
        return self.actuator.entry(self._link.latest.get("instruments") or {})

    def _is_refused(self) -> bool:
        reason = self.why_not()
        if not reason and self.is_waiting:
            reason = "it waits for the reply to the last step"
        if reason:
            self._refuse(reason)
        return bool(reason)

    def _send(self, actuator: Actuator, value: float, former: float | None) -> None:
        """Set a value; without `former` it is an undo."""
        present = self._entry().get("value")
        if actuator.index is not None and not isinstance(present, (list, tuple)):
            self._refuse("the other entries of the array were not read yet")
            return
        whole = actuator.whole_with(value, present)
        self.is_waiting = True
        self._tell("")
        self._link.ask(
            f"set {actuator.name}",
            lambda client: client.set(actuator.path, whole),
            lambda _: self._done(actuator, value, former),
            self._failed,
        )
        self.changed.emit()

    def _done(self, actuator: Actuator, value: float, former: float | None) -> None:
        self.is_waiting = False
        self.moved_s = time.monotonic()
        self._replied_ns = time.time_ns()
        if former is None:
            self._history.pop()
        else:
            self._history.append(_Move(actuator, former))
            del self._history[:-_REMEMBERED]
        if self.actuator == actuator:
            self.set_point = value
        self._tell("")
        self.moved.emit()
        self.changed.emit()

    def _failed(self, error: LabError) -> None:
        self.is_waiting = False
        self.moved_s = time.monotonic()
        self._refuse(str(error))

    def _take(self, topic: str, data: Any) -> None:
        if self.actuator is None or topic not in {"instruments", "snapshot", "control"}:
            return
        if topic == "instruments":
            entry = self.actuator.entry(data)
            if not entry:
                if self.actuator.instrument in data:
                    self.changed.emit()
                return
            # "held" is what somebody has just set; a reading may be of a mount on its way there.
            # What was set before the last reply may be told after it.
            is_set = entry.get("state") == "held" and entry["utc_ns"] > self._replied_ns
            if not self.is_waiting and (is_set or self.set_point is None):
                value = self.actuator.value_in(entry.get("value"))
                self.set_point = self.set_point if value is None else value
        self.changed.emit()

    def _text(self, value: float) -> str:
        return format_quantity(value, "" if self.actuator is None else self.actuator.unit)

    def _refuse(self, reason: str) -> None:
        self._tell(reason, is_refused=True)
        self.changed.emit()

    def _tell(self, text: str, *, is_refused: bool = False) -> None:
        self.message, self.is_refused = text, is_refused
