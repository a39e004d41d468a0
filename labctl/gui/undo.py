"""What was set in this window, so that it can be set back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = ["Change", "UndoHistory"]

_KEPT: Final = 100
#: Steps that follow each other so fast are one act.
_ONE_ACT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that went from `former` to `value` because somebody set it here."""

    path: str
    former: Any
    value: Any
    done_s: float


class UndoHistory:
    """The newest changes made in this window, the last one on top; never one of emission.

    Lives in the window's thread. `now_s` is a clock that never goes back.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._changes: deque[Change] = deque(maxlen=_KEPT)

    def note(self, path: str, former: Any, value: Any) -> None:
        """Remember a change; where the former value is not known it cannot be undone.

        Steps of the same setting in quick succession are remembered as one.
        """
        if former is None or former == value:
            return
        change = Change(path, former, value, self._now_s())
        last = self.last
        if (
            last is not None
            and (last.path, last.value) == (path, former)
            and change.done_s - last.done_s < _ONE_ACT_S
        ):
            self._changes.pop()
            change = replace(change, former=last.former)
        self._changes.append(change)

    @property
    def last(self) -> Change | None:
        """The last change that was not undone."""
        return self._changes[-1] if self._changes else None

    def last_of(self, path: str) -> Change | None:
        """Return the last change of one setting."""
        return next((c for c in reversed(self._changes) if c.path == path), None)

    def forget(self, change: Change) -> None:
        """Drop a change: it was undone, or cannot be."""
        self._changes.remove(change)
