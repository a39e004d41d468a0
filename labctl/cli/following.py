"""Follows a run to its end, here or in the service, and aborts it on an interrupt."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from labctl.cli.progress import Display
    from labctl.runs import RunOutcome, RunStatus

__all__ = ["Followed", "follow"]

_POLL_S = 0.05


class Followed(Protocol):
    """A run under way, in this process or in another."""

    @property
    def status(self) -> RunStatus:
        """A snapshot of where the run is."""
        ...

    def abort(self, reason: str) -> None:
        """Ask the run to end now."""
        ...

    def wait(self, timeout_s: float | None = None) -> RunOutcome | None:
        """Return how the run ended, or None when it has not within `timeout_s`."""
        ...


def follow(run: Followed, display: Display, on_second: Callable[[], object]) -> RunOutcome:
    """Show a run until it ends and return how it did.

    Ctrl-C and termination abort the run, which is then waited for. `on_second` is called, in the
    handler of the signal, at the second one.
    """
    with _Interrupts(on_second) as interrupts:
        is_aborting = False
        while True:
            outcome = run.wait(_POLL_S)
            display.show(run.status)
            if outcome is not None:
                return outcome
            if interrupts.reason and not is_aborting:
                is_aborting = True
                run.abort(interrupts.reason)


class _Interrupts:
    """Notes the first interrupt; the loop that follows the run acts on it."""

    def __init__(self, on_second: Callable[[], object]) -> None:
        self.reason = ""
        self._on_second = on_second
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if self.reason:
            self._on_second()
            return
        is_keyboard = number == signal.SIGINT
        self.reason = "interrupted from the keyboard" if is_keyboard else "terminated"
