"""Sets settings: one request per setting at a time, and the newest wish after it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from labctl.errors import InterlockError, LabError
from labctl.gui.link import ServiceLink
from labctl.gui.undo import UndoHistory
from labctl.service import LabClient

__all__ = ["Sent", "SettingRequests"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the last value that was sent to a setting.

    Attributes:
        value: what is to be set.
        former: what was set before, None where that is not known.
        began_s: when it was sent, by time.monotonic().
        is_under_way: the service has not answered yet.
        reply: what the instrument read back right after.
        error: why it was refused; empty when it was not.
    """

    value: Any
    former: Any
    began_s: float
    is_under_way: bool = True
    reply: Any = None
    error: str = ""


@dataclass
class _SwitchingOn:
    """Emission that is being switched on, until somebody changes their mind."""

    safe_orders: int
    is_called_off: bool = False


class SettingRequests(QObject):
    """Every set that this window asks for, and how it went.

    Lives in the window's thread.

    Attributes:
        changed: path of a setting whose request began or ended.
    """

    changed = Signal(str)

    def __init__(self, link: ServiceLink, history: UndoHistory) -> None:
        super().__init__()
        self._link, self._history = link, history
        self._sent: dict[str, Sent] = {}
        self._next: dict[str, Any] = {}
        self._switching_on: dict[str, _SwitchingOn] = {}

    def sent(self, path: str) -> Sent | None:
        """Return what was sent last."""
        return self._sent.get(path)

    def forget_error(self, path: str) -> None:
        """Drop the error that a row has shown for long enough."""
        sent = self._sent.get(path)
        if sent is not None and sent.error:
            self._sent[path] = replace(sent, error="")
            self.changed.emit(path)

    def set(self, path: str, value: Any, *, former: Any, is_undo: bool = False) -> None:
        """Set `value`, after the request that is under way for the same setting, if there is one.

        Of several values that wait only the newest is sent: who holds a step key down gets
        where they let go, not a queue of steps.
        """
        sent = self._sent.get(path)
        if sent is not None and sent.is_under_way:
            self._next[path] = value
            return
        self._sent[path] = Sent(value, former, time.monotonic())
        self.changed.emit(path)
        self._link.ask(
            f"set {path}",
            lambda client: client.set(path, value),
            lambda reply: self._set(path, reply, is_undo=is_undo),
            lambda error: self._failed(path, error),
        )

    def switch_on(self, path: str) -> None:
        """Let light or bias out; the caller has made sure that this is wanted."""
        order = _SwitchingOn(self._link.safe_orders)
        self._switching_on[path] = order

        def act(client: LabClient) -> Any:
            # It may have waited behind a slow request; who switched off meanwhile means it.
            if self._is_over(order):
                raise InterlockError(f"{path} was switched off before it was switched on")
            return client.set(path, True, arm=True)

        self._sent[path] = Sent(True, former=False, began_s=time.monotonic())
        self.changed.emit(path)
        self._link.ask(
            f"switch {path} on",
            act,
            lambda reply: self._switched_on(path, order, reply),
            lambda error: self._failed(path, error, order),
        )

    def switch_off(self, path: str) -> None:
        """Switch off at once, whatever else is being asked, and call off any switching on."""
        if path in self._switching_on:
            self._switching_on[path].is_called_off = True
        order = Sent(False, former=True, began_s=time.monotonic())
        self._sent[path] = order
        self.changed.emit(path)
        self._link.ask_at_once(
            f"switch {path} off",
            lambda client: client.set(path, False),
            lambda reply: self._finish(path, replace(order, is_under_way=False, reply=reply)),
            lambda error: self._not_off(path, error),
        )

    def _is_over(self, order: _SwitchingOn) -> bool:
        return order.is_called_off or order.safe_orders != self._link.safe_orders

    def _switched_on(self, path: str, order: _SwitchingOn, reply: Any) -> None:
        if self._is_over(order):
            # The request was on its way already: the last word counts, and that was "off".
            self.switch_off(path)
            return
        self._set(path, reply, is_undo=True)

    def _set(self, path: str, reply: Any, *, is_undo: bool) -> None:
        sent = self._sent[path]
        if not is_undo:
            self._history.note(path, sent.former, sent.value)
        self._finish(path, replace(sent, is_under_way=False, reply=reply))

    def _failed(self, path: str, error: LabError, order: _SwitchingOn | None = None) -> None:
        if order is not None and order.is_called_off:
            return  # What is shown is how switching off went.
        sent = self._sent[path]
        self._finish(path, replace(sent, is_under_way=False, error=str(error)))

    def _not_off(self, path: str, error: LabError) -> None:
        text = f"NOT CONFIRMED OFF: {error} F12 switches everything off."
        self._finish(path, replace(self._sent[path], is_under_way=False, error=text))

    def _finish(self, path: str, sent: Sent) -> None:
        self._sent[path] = sent
        self.changed.emit(path)
        if path in self._next:
            former = sent.former if sent.error else sent.value
            self.set(path, self._next.pop(path), former=former)
