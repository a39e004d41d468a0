"""Actions: what an instrument can be told to do, besides being set: clear a fault, find a zero."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["action", "actions_of"]

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "_is_labctl_action"


def action(method: F) -> F:
    """Return a driver's method, marked as something that operators may tell the instrument.

    It has no parameters; the first line of its docstring is what operators read. It returns
    nothing, or a generator of seconds to wait between its steps. It never lets light or bias
    out: that takes a setting with `is_emission`.

    Raises:
        TypeError: the method has parameters, or says nothing of itself.
    """
    if len(inspect.signature(method).parameters) != 1 or not method.__doc__:
        raise TypeError(f"{method.__qualname__} is no action: it has parameters, or no docstring")
    setattr(method, _MARK, True)
    return method


def actions_of(namespace: dict[str, Any]) -> dict[str, str]:
    """Return the actions among the members of a class, each with what operators read."""
    return {
        name: str(inspect.getdoc(member)).partition("\n")[0]
        for name, member in namespace.items()
        if getattr(member, _MARK, False) is True
    }
