"""Compiled loops of the readers; numba is imported when the first one is used.

Each works through its records in batches that stay in the first-level cache. A first loop
takes a batch apart, without a branch, into arrays with one entry per record, and counts what
is there; a second one moves the tags together, and only where some record is not a tag. The
kernels trust their callers for types, lengths and states. What depends on the records they
count or mark while they decode, and the caller refuses it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.tags.formats._kernels.a1 import unwrap, unwrap_each
    from labctl.tags.formats._kernels.patterns import SPARE, count_clicks, expand, name_singles
    from labctl.tags.formats._kernels.ptu import decode_t2
    from labctl.tags.formats._kernels.qutag import decode_qutag

__all__ = [
    "SPARE",
    "count_clicks",
    "decode_qutag",
    "decode_t2",
    "expand",
    "name_singles",
    "unwrap",
    "unwrap_each",
]

_HOMES = {
    "SPARE": "patterns",
    "count_clicks": "patterns",
    "decode_qutag": "qutag",
    "decode_t2": "ptu",
    "expand": "patterns",
    "name_singles": "patterns",
    "unwrap": "a1",
    "unwrap_each": "a1",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kernel = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = kernel  # the next access is a plain lookup
    return kernel
