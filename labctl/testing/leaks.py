"""What a script may leave behind, and the words for it.

Each check returns leaks that say which instrument it is and what to do. An instrument that
does not answer (a test pulled its cable) is not asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.device import Device
from labctl.errors import LabError
from labctl.lab import Lab, find_open_labs

__all__ = [
    "KINDS",
    "Leak",
    "ProcessWatch",
    "allowed_leaks",
    "emission_left_on",
    "errors_left_unread",
    "files_left_outside",
    "laboratories_left_open",
    "replies_left_unread",
    "report",
    "streams_left_running",
]

#: Words of the marker `labctl_may_leave`.
KINDS = ("emission", "streams", "replies", "errors", "files", "threads", "laboratories")
_MARKER = "labctl_may_leave"
_MAX_BYTES = 65_536
#: A thread whose name begins like this is labctl's; it is a daemon, so that a crash ends it.
_OUR_THREADS = (
    "control ",
    "monitor",
    "pump ",
    "recorder",
    "run ",
    "safe",
    "simulated lab",
    "writer",
)
#: A thread that was told to end may take this long.
_THREADS_END_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Leak:
    """Something left behind: its kind (a word of KINDS), and what to do about it."""

    kind: str
    text: str


def report(item: pytest.Item, leaks: Iterable[Leak]) -> None:
    """Fail the test with every leak that its markers do not allow."""
    allowed = allowed_leaks(item)
    found = [leak for leak in leaks if leak.kind not in allowed]
    if not found:
        return
    lines = [f"- {leak.kind}: {leak.text}" for leak in found]
    kinds = ", ".join(f'"{kind}"' for kind in dict.fromkeys(leak.kind for leak in found))
    pytest.fail(
        f"{item.name} left something behind in the simulated laboratory:\n"
        + "\n".join(lines)
        + f"\nWhere this is deliberate, mark the test: @pytest.mark.{_MARKER}({kinds})",
        pytrace=False,
    )


def allowed_leaks(item: pytest.Item) -> set[str]:
    """Return the kinds of leaks that the markers of a test allow.

    Raises:
        pytest.UsageError: a marker names a kind that does not exist, or none.
    """
    allowed: set[str] = set()
    for marker in item.iter_markers(_MARKER):
        unknown = [str(kind) for kind in marker.args if kind not in KINDS]
        if unknown or not marker.args:
            raise pytest.UsageError(
                f"@pytest.mark.{_MARKER} of {item.nodeid} names {', '.join(unknown) or 'nothing'}; "
                f"it takes one or more of: {', '.join(KINDS)}"
            )
        allowed.update(marker.args)
    return allowed


def emission_left_on(lab: Lab, before: Mapping[str, bool]) -> Iterator[Leak]:
    """Yield the lasers that emit and did not `before`."""
    for laser in lab.bench.lasers:
        try:
            is_left_on = laser.emission and not before.get(laser.name, False)
        except LabError:
            continue
        if is_left_on:
            yield Leak(
                "emission",
                f"{laser.name} still emits. Switch it off where the script ends, errors "
                f'included: lab.set("{laser.name}.emission", False) in a finally',
            )


def streams_left_running(lab: Lab) -> Iterator[Leak]:
    """Yield the time taggers that still stream."""
    for name, pump in lab.bench.pumps.items():
        if pump.is_running:
            yield Leak(
                "streams",
                f"{name} still streams time tags. End the run, or stop what the script started: "
                f'lab.bench.pumps["{name}"].stop() in a finally',
            )


def errors_left_unread(lab: Lab) -> Iterator[Leak]:
    """Yield the simulated instruments whose error queue nobody has read.

    A simulator that has such a queue offers it as `unread_errors`, a sequence of texts.
    """
    for name, instrument in _simulated(lab):
        errors: Sequence[str] = getattr(instrument, "unread_errors", ())
        if errors:
            yield Leak(
                "errors",
                f"{name} has refused something and nobody has asked it: its error queue holds "
                f"{'; '.join(errors)}. Find the command that it refused, or read its error "
                "queue after each setting",
            )


def replies_left_unread(lab: Lab) -> Iterator[Leak]:
    """Yield the instruments that have answered something nobody has read.

    Instruments whose driver takes every message apart by itself may speak unasked; those that
    answer in lines, and those that stream, are not looked at or speak only when they are asked.
    """
    for name, _ in _simulated(lab):
        device = lab.devices[name]
        if not _answers_in_lines(device) or _streams(lab, name):
            continue
        try:
            left = device.link.read_available(_MAX_BYTES, 0.0)
        except LabError:
            continue
        yield Leak(
            "replies",
            f"{name} has answered {left[:60]!r} and nobody has read it: the next query would "
            "take this for its own reply. Read the reply of every command that has one",
        )


def files_left_outside(paths: Iterable[Path], temporary: Path) -> Iterator[Leak]:
    """Yield the run files that are not below `temporary`."""
    for path in paths:
        if not path.resolve().is_relative_to(temporary.resolve()):
            yield Leak(
                "files",
                f"the run file {path} is outside of the test's folder. Leave folder= out, or "
                "name one below tmp_path",
            )


class ProcessWatch:
    """Knows the threads that ran when it was made."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())

    def leaks(self) -> list[Leak]:
        """Return laboratories that are still open, else threads that run on for three seconds.

        Daemon threads of other libraries are theirs to keep.
        """
        # The threads of an open laboratory are no news of their own.
        return [*laboratories_left_open()] or self._threads_left()

    def _threads_left(self) -> list[Leak]:
        started = [
            thread
            for thread in threading.enumerate()
            if thread not in self._before
            and (not thread.daemon or thread.name.startswith(_OUR_THREADS))
        ]
        deadline = time.monotonic() + _THREADS_END_WITHIN_S
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))
        names = ", ".join(thread.name for thread in started if thread.is_alive())
        text = f"threads run on: {names}. Join what the script starts before it ends"
        return [Leak("threads", text)] if names else []


def laboratories_left_open() -> Iterator[Leak]:
    """Yield the laboratories of this test that nobody has closed."""
    for client in find_open_labs():
        yield Leak(
            "laboratories",
            f"a laboratory is still open in {client.owner}. Open it with a `with` statement, or "
            "close() it in a finally",
        )


def _simulated(lab: Lab) -> list[tuple[str, object]]:
    """Return name and simulator of the simulated instruments that are open."""
    if lab.simulation is None:
        return []
    return [(n, i) for n, i in lab.simulation.instruments.items() if n in lab.devices]


def _answers_in_lines(device: Device) -> bool:
    requests = [parameter.get_request for parameter in device.parameters.values()]
    return any(request.receive is None for request in requests)


def _streams(lab: Lab, name: str) -> bool:
    return name in lab.bench.pumps and lab.bench.pumps[name].is_running
