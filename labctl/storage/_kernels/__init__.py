"""Compiled loops of the run file; NumPy arrays in and out, no HDF5.

numba is imported when the first of the names below is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.storage._kernels.packing import bits_needed as bits_needed
    from labctl.storage._kernels.packing import pack as pack
    from labctl.storage._kernels.packing import unpack as unpack
    from labctl.storage._kernels.stepping import add_up as add_up

__all__ = ["add_up", "bits_needed", "pack", "unpack"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"packing": ("bits_needed", "pack", "unpack"), "stepping": ("add_up",)}
)
