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
    )
    from labctl.analysis._kernels.bundle import count_bundle
    from labctl.analysis._kernels.cells import (
        empty_cells,
        fill_cells,
        pack_keys,
        settle,
        unpack,
    )
    from labctl.analysis._kernels.counting import (
        count_matrix,
        count_partners,
        count_singles,
        pair_neighbors,
        pair_one_to_one,
    )
    from labctl.analysis._kernels.folds import count_folds
    from labctl.analysis._kernels.gating import gate_mask, pick_channel
    from labctl.analysis._kernels.heralded import count_heralded, pick_roles
    from labctl.analysis._kernels.histograms import (
        bin_intervals,
        first_bad_tag,
        start_stop_intervals,
        sync_intervals,
    )
    from labctl.analysis._kernels.lags import count_lags
    from labctl.analysis._kernels.merging import merge_runs, merge_two, part_late, settle_tags
    from labctl.analysis._kernels.pairing import (
        complete_folds,
        pair_fronts,
        pair_within,
        queue_pair,
    )
    from labctl.analysis._kernels.peak import peak_terms

__all__ = [
    "bin_intervals",
    "complete_folds",
    "count_bundle",
    "count_folds",
    "count_heralded",
    "count_lags",
    "count_matrix",
    "count_partners",
    "count_singles",
    "empty_cells",
    "fill_cells",
    "first_bad_tag",
    "gate_mask",
    "insert_shifted",
    "merge_runs",
    "merge_two",
    "pack_keys",
    "pair_fronts",
    "pair_neighbors",
    "pair_one_to_one",
    "pair_within",
    "part_late",
    "peak_terms",
    "pick_channel",
    "pick_roles",
    "place_by_channel",
    "queue_pair",
    "settle",
    "settle_tags",
    "start_stop_intervals",
    "sync_intervals",
    "unpack",
]

#: Where the kernels live that are not in `counting`.
_MODULES = {
    "alignment": ("insert_shifted", "place_by_channel"),
    "bundle": ("count_bundle",),
    "cells": ("empty_cells", "fill_cells", "pack_keys", "settle", "unpack"),
    "folds": ("count_folds",),
    "gating": ("gate_mask", "pick_channel"),
    "heralded": ("count_heralded", "pick_roles"),
    "histograms": ("bin_intervals", "first_bad_tag", "start_stop_intervals", "sync_intervals"),
    "lags": ("count_lags",),
    "merging": ("merge_runs", "merge_two", "part_late", "settle_tags"),
    "pairing": ("complete_folds", "pair_fronts", "pair_within", "queue_pair"),
    "peak": ("peak_terms",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULE_OF.get(name, "counting")
    kernel = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = kernel  # the next access is a plain lookup
    return kernel
