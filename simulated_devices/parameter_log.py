"""The true parameters of a bench as JSON lines, beside the list of true tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

from simulated_devices.world.history import Truth

__all__ = ["ParameterLog", "parameter_file"]


def parameter_file(truth_file: Path) -> Path:
    """Return where the true parameters are that belong to a list of true tags."""
    return truth_file.with_name(f"{truth_file.name}.parameters.jsonl")


class ParameterLog:
    """Writes one line per change: `time_ps`, `node` and the values that are new."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")

    def tell(self, truth: Truth) -> None:
        """Write one entry."""
        line = {"time_ps": truth.time_ps, "node": truth.node, "values": dict(truth.values)}
        self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
