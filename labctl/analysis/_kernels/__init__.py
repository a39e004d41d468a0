"""Compiled loops of the counting functions; numba is imported when the first one is used.

The kernels trust their callers for types and lengths. What depends on the tags themselves
(order, channel numbers) they check while they count: they return the index of the first bad
tag, or -1. A channel number out of range would otherwise write outside the array of counts.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.analysis._kernels.alignment import (
        insert_shifted,
        place_by_channel,
        place_shifted,
        settle,
        unpack,
    )
    from labctl.analysis._kernels.counting import (
        count_lags,
        count_matrix,
        count_partners,
        count_singles,
        pair_neighbors,
        pair_one_to_one,
    )

__all__ = [
    "count_lags",
    "count_matrix",
    "count_partners",
    "count_singles",
    "insert_shifted",
    "pair_neighbors",
    "pair_one_to_one",
    "place_by_channel",
    "place_shifted",
    "settle",
    "unpack",
]

_ALIGNMENT = frozenset({"insert_shifted", "place_by_channel", "place_shifted", "settle", "unpack"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "alignment" if name in _ALIGNMENT else "counting"
    kernel = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = kernel  # the next access is a plain lookup
    return kernel
