"""How far an export is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Meter"]


class Meter:
    """Counts what is done and tells the fraction of it."""

    def __init__(self, total: int, tell: Callable[[float], None]) -> None:
        self._total = total
        self._tell = tell
        self._done = 0.0

    def advance(self, amount: float) -> None:
        """Count `amount` as done."""
        self._done += amount
        self._tell(min(self._done / self._total, 1.0) if self._total else 1.0)
