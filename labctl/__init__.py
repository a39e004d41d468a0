"""labctl: control software for quantum-networking laboratories.

`open_lab` opens a bench of instruments, real or simulated, and runs experiments on it;
`open_run` and `open_tags` read what was recorded. Everything is imported on first use, so
that `import labctl` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.runs.session import open_lab as open_lab
    from labctl.storage import open_run as open_run
    from labctl.tags.formats import open_tags as open_tags

__all__ = ["__version__", "open_lab", "open_run", "open_tags"]

_HOMES = {
    "open_lab": "labctl.runs.session",
    "open_run": "labctl.storage",
    "open_tags": "labctl.tags.formats",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("quantum-labctl")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'labctl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
