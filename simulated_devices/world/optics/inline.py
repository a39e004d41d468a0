"""What elements with one way out have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from simulated_devices.world.optics.element import Element, Passage
from simulated_devices.world.table import Table

__all__ = ["Evolving", "Inline", "InlineParameters", "transmission"]


class InlineParameters(Table):
    """The keys of every element with one way out."""

    kind: str = Field(description="Which piece of optics this is.")
    to: str = Field(description="Name of what the light reaches next; empty leads nowhere.")


InlineT = TypeVar("InlineT", bound=InlineParameters)


class Inline(Element[InlineT], Generic[InlineT]):
    """An element with one way in and one way out."""

    wiring = frozenset({"kind", "to"})

    @property
    def outputs(self) -> tuple[str, ...]:
        """The name of what the light reaches next."""
        return (self._parameters.to,)

    @property
    def routing_state(self) -> object:
        """All light goes on and none is added, whatever is set: always the same."""
        return None


class Evolving(Inline[InlineT], Generic[InlineT]):
    """An inline element that changes by itself: its `advance` shows the passage of each slice."""

    @property
    def passage(self) -> Passage:
        """What happens to light in the present slice; changes act from the next on."""
        return self._passage

    def show(self, later: Passage) -> None:
        """Set the passage, or keep the present object if it says the same.

        Jones matrices are compared by identity: who does not turn passes the same one on.
        """
        earlier = self._passage
        if (
            earlier.jones is not later.jones
            or earlier.transmission != later.transmission
            or earlier.delay_ps != later.delay_ps
            or earlier.delay_slope != later.delay_slope
            or earlier.dispersion_ps_per_thz != later.dispersion_ps_per_thz
        ):
            self._passage = later


def transmission(loss_db: float) -> float:
    """Return the part of the power that a loss lets through."""
    return float(10.0 ** (-loss_db / 10.0))
