"""What a service was doing, kept on disk so that its successor can say what was interrupted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import platformdirs

from labctl.errors import LinkError

__all__ = ["Journal", "service_key", "services_folder"]


def service_key(config: Path, *, simulated: bool) -> str:
    """Return the name of the service of a configuration: there is one at a time."""
    text = f"{config.resolve()} {'simulated' if simulated else 'real'}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def services_folder() -> Path:
    """Return the folder of the user's state where services keep what outlives them.

    Raises:
        LinkError: it cannot be made.
    """
    folder = platformdirs.user_state_path("labctl") / "services"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LinkError(f"the state folder {folder} cannot be made: {error.strerror}") from error
    return folder


class Journal:
    """The run under way, in a small file of the user's state folder.

    It is written when a run begins and emptied when it has ended, so that what stands in it when
    a service starts is a run that its predecessor did not end.

    Raises:
        LinkError: the state folder cannot be written.
    """

    def __init__(self, key: str) -> None:
        self._path = services_folder() / f"{key}.json"
        self.interrupted: dict[str, Any] = self._read()

    def begin(self, uid: str, experiment: str, path: Path) -> None:
        """Note the run that begins."""
        self._write({"uid": uid, "experiment": experiment, "path": str(path)})

    def end(self) -> None:
        """Note that the run has ended."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and found.get("path") else {}

    def _write(self, entry: dict[str, Any]) -> None:
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(entry), encoding="utf-8")
        temporary.replace(self._path)
