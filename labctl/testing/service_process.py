"""An acquisition service in a process of its own, for tests of what talks to one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from labctl.errors import LinkError
from labctl.transport import SIMULATED_ONLY

__all__ = ["ServiceProcess", "home_variables"]

_HOME_KINDS: Final = ("STATE_HOME", "CONFIG_HOME", "DATA_HOME", "RUNTIME_DIR", "DOCUMENTS_DIR")
_END_WITHIN_S: Final = 20.0


def home_variables(home: Path) -> dict[str, str]:
    """Return the environment that gives a process the folder `home` and no real instrument.

    A test that is to find a service gives itself the home of the service.
    """
    variables = {f"XDG_{kind}": str(home / kind.lower()) for kind in _HOME_KINDS}
    return variables | {SIMULATED_ONLY: "1", "LABCTL_DATA_FOLDER": str(home / "data")}


@dataclass
class ServiceProcess:
    """`labctl serve --simulated` that is ready; a context manager.

    Attributes:
        process: the process; a test may kill it.
        home: folder of its state and of its data.
        ready: what it said when it was ready.
    """

    process: subprocess.Popen[str]
    home: Path
    ready: Mapping[str, Any]

    @classmethod
    def start(cls, home: Path, *options: str) -> Self:
        """Start a service and wait until it is ready.

        Raises:
            LinkError: it ended before; what it said is in the message.
        """
        command = [sys.executable, "-m", "labctl.cli.main", "serve", "--simulated", "--json"]
        process = subprocess.Popen(  # noqa: S603  our own command
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **home_variables(home)},
        )
        said = ""
        for line in process.stdout or ():
            said += line
            try:
                return cls(process, home, json.loads(said))
            except ValueError:
                continue
        _, errors = process.communicate()
        raise LinkError(f"the service did not start: {errors.strip() or said.strip()}")

    @property
    def config(self) -> Path:
        """The configuration it serves."""
        return Path(self.ready["config"])

    @property
    def data_folder(self) -> Path:
        """Where its run files go."""
        return Path(self.ready["folder"])

    def end(self) -> str:
        """Let it end as at a shutdown, and return what it said on stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=_END_WITHIN_S)
        return errors

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()
        else:
            self.process.communicate()
