"""The runs that wait, kept on disk for the successor of a service that ended or crashed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from labctl.runs.status import reason_of
from labctl.service.journal import services_folder
from labctl.service.queue import RunQueue
from labctl.service.queue_entry import QueueEntry
from labctl.service.requests import QueueAdd, check

__all__ = ["KeptQueue"]

_FIELDS = {"experiment", "parameters", "label", "arm", "folder"}


class KeptQueue:
    """A small file of the user's state folder; used by one thread at a time.

    Raises:
        LinkError: the state folder cannot be made.
    """

    def __init__(self, key: str) -> None:
        self._path = services_folder() / f"{key}.queue.json"
        self._kept: str | None = None

    def keep(self, waiting: Sequence[QueueEntry]) -> None:
        """Write what waits, whole or not at all; what stands there already is not written again.

        Raises:
            OSError: it cannot be written.
        """
        entries = [{k: v for k, v in e.to_dict().items() if k in _FIELDS} for e in waiting]
        text = json.dumps(entries, default=str)
        if text == self._kept:
            return
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self._path)
        self._kept = text

    def bring_back(self, queue: RunQueue) -> str:
        """Let what was kept wait again in a queue that is held then; return what to tell of it.

        Nothing of it is armed any more: an operator who is there now says what may light up.
        Where nothing was kept the text is empty and the queue as it was.
        """
        found, problems = self._read()
        if not found and not problems:
            return ""
        queue.hold("kept from the former service; look at it, then go")
        taken = disarmed = 0
        for entry in found:
            try:
                wanted = check(QueueAdd, entry, "an entry")
                queue.add(
                    wanted.experiment,
                    wanted.parameters,
                    arm=False if wanted.arm is False else None,
                    folder=wanted.folder,
                    label=wanted.label,
                )
            except Exception as error:  # noqa: BLE001  what an experiment's check raises costs one
                problems.append(f"{entry['label'] or entry['experiment']}: {reason_of(error)}")
            else:
                taken += 1
                disarmed += wanted.arm is True
        text = f"the queue of the former service is back and held, {taken} to run"
        if disarmed:
            text += f"; {disarmed} armed before and not any more: add anew what needs light"
        return "; ".join([text, *(f"not taken: {problem}" for problem in problems)])

    def _read(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the entries of the file, and what is wrong with it."""
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return [], []
        except (OSError, ValueError) as error:
            return [], [f"{self._path} cannot be read ({error})"]
        if not isinstance(entries, list):
            return [], [f"{self._path} holds no queue"]
        sound = [e for e in entries if isinstance(e, dict) and set(e) == _FIELDS]
        damaged = len(entries) - len(sound)
        return sound, [f"{damaged} entries of {self._path}"] if damaged else []
