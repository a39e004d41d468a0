"""How a run's progress is shown: a bar with live counts, JSON lines, or nothing."""

from __future__ import annotations

from typing import Protocol, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from labctl.cli.output import error_console, print_json
from labctl.runs import RunStatus

__all__ = ["BarDisplay", "Display", "JsonDisplay", "QuietDisplay"]

#: As many live values fit on a line.
_SHOWN = 4


class Display(Protocol):
    """Shows the snapshots of one run."""

    def show(self, status: RunStatus) -> None:
        """Show where the run is now."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class QuietDisplay:
    """Shows nothing."""

    def show(self, status: RunStatus) -> None:
        """Ignore `status`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""


class JsonDisplay(QuietDisplay):
    """Prints every new snapshot as a JSON line on stdout."""

    def __init__(self) -> None:
        self._last: RunStatus | None = None

    def show(self, status: RunStatus) -> None:
        """Print `status` unless it is the one printed last."""
        if status != self._last:
            self._last = status
            print_json({"event": "status", **status.to_dict()})


class BarDisplay:
    """A progress bar with the time left and the live counts, on stderr."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[eta]}"),
            TextColumn("{task.fields[live]}"),
            console=error_console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=1.0, eta="", live="")

    def show(self, status: RunStatus) -> None:
        """Draw `status`."""
        eta = "" if status.eta_s is None else f"{status.eta_s:.0f} s left"
        self._progress.update(
            self._task,
            description=f"{status.experiment} {status.text}".strip(),
            completed=status.fraction,
            eta=eta,
            live=_live_text(status),
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _live_text(status: RunStatus) -> str:
    rates = [
        f"{key.removesuffix('_hz')} {value:,.0f}/s".replace(",", "\u202f")
        for key, value in status.live.items()
        if key.endswith("_hz") and not key.endswith("_sigma_hz") and value is not None
    ]
    return "  ".join(rates[:_SHOWN])
