"""Names that a package exports but imports only on first use.

The root needs it, so that `import labctl` stays light; `labctl.lab`, `labctl.runs` and
`labctl.service`, so that a client reaches a running laboratory without loading what opening one
needs; `labctl.storage`, so that naming a column does not load HDF5; and `labctl.analysis`, so
that naming an analyzer does not load numba.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of `package`; `homes` is module -> names in it.

    Raises:
        ValueError: a name is a module's, too: the module would hide it once it is loaded.
    """
    module_of = {name: module for module, names in homes.items() for name in names}
    if hidden := module_of.keys() & homes.keys():
        raise ValueError(f"{package}: {sorted(hidden)} are names of modules, too")

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)
        # The next access finds the name without coming here.
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted(module_of)

    return get, list_names
