"""How the world compiles its inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled"]

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


def compiled(function: FunctionT) -> FunctionT:
    """Return the function compiled at its first call, and kept on disk for the next process.

    It holds no lock of the interpreter while it runs. numba's decorators are untyped; the cast
    keeps the types of the function behind them.
    """
    return cast("FunctionT", numba.njit(cache=True, nogil=True)(function))
