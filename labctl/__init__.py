"""labctl: control software for quantum-networking laboratories.

`open_lab` opens a bench of instruments, real or simulated, and runs experiments on it;
`connect` attaches to the laboratory that an acquisition service owns; `open_run` and
`open_tags` read what was recorded. Everything is imported on first use, so
that `import labctl` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.runs.session import open_lab as open_lab
    from labctl.service.client import connect as connect
    from labctl.storage import open_part as open_part
    from labctl.storage import open_run as open_run
    from labctl.tags.formats import open_tags as open_tags

__all__ = ["__version__", "connect", "open_lab", "open_part", "open_run", "open_tags"]

_get, __dir__ = lazy_exports(
    __name__,
    {
        "service.client": ("connect",),
        "runs.session": ("open_lab",),
        "storage": ("open_part", "open_run"),
        "tags.formats": ("open_tags",),
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("quantum-labctl")
    return _get(name)
