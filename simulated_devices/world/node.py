"""Parts of the world whose parameters change while it runs."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from labctl.errors import LimitError, nearest

__all__ = ["Node", "finite", "is_same"]

ParametersT = TypeVar("ParametersT", bound=BaseModel)


class Node(Generic[ParametersT]):
    """A part of the world and its present parameters.

    The thread that steps the world reads them. Any thread may change them: a change is one
    assignment of a frozen model, and acts from the next slice on.

    Attributes:
        moved: names of parameters that an instrument moves; their values are its doing.
    """

    wiring: ClassVar[frozenset[str]] = frozenset()
    """Names of parameters that only a new world can change."""

    def __init__(self, name: str, parameters: ParametersT) -> None:
        self.name = name
        self._parameters = parameters
        self.moved: frozenset[str] = frozenset()

    @property
    def parameters(self) -> ParametersT:
        """The parameters of the next slice."""
        return self._parameters

    def drift(self) -> dict[str, Any]:
        """Return what is true of it now and changes by itself, besides its parameters."""
        return {}

    def change(self, **changes: object) -> None:
        """Replace some parameters from the next slice on, e.g. `change(dark_rate_hz=1e4)`.

        Raises:
            LimitError: a name is unknown or wiring, or a value is outside its limits.
        """
        model = type(self._parameters)
        changeable = sorted(model.model_fields.keys() - self.wiring)
        for key in changes:
            if key not in changeable:
                raise LimitError(
                    f"{self.name}.{key} cannot be changed while the world runs"
                    f"{nearest(key, changeable)}; changeable: {', '.join(changeable)}"
                )
        present = self._parameters.model_dump()
        try:
            self._parameters = model.model_validate(present | changes)
        except ValueError as error:
            raise LimitError(f"{self.name}: {error}") from error


def finite(name: str, value: float, *, minimum: float = -math.inf) -> float:
    """Return the value as a float.

    Raises:
        LimitError: the value is not a finite number or below the minimum.
    """
    if not (math.isfinite(value) and value >= minimum):
        bound = f" of at least {minimum:g}" if math.isfinite(minimum) else ""
        raise LimitError(f"{name} = {value} is not a finite number{bound}")
    return float(value)


def is_same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Return whether two tuples hold the same objects: nothing they stand for has changed."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
