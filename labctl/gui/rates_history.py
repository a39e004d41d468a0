"""The rates of all detectors over the last minutes and hours, as coarse as each span allows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.gui.rings import POINTS, TraceRings

__all__ = ["SPANS", "RatesHistory", "detector_rates"]

#: Text -> seconds; each has rings of its own, so that another span has its past at once.
SPANS: Final = {"1 min": 60.0, "10 min": 600.0, "1 h": 3600.0, "12 h": 43200.0}
#: So many points are drawn in all; many traces get fewer each, still as many as can be told apart.
_DRAWN_POINTS: Final = 24_000
_FEWEST: Final = 300


def detector_rates(rates: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return rate and sigma of every detector from an update of `rates`; nan without live time."""
    found: dict[str, tuple[float, float]] = {}
    for tagger in rates.get("taggers", {}).values():
        for name, entry in tagger.get("detectors", {}).items():
            is_known = not tagger.get("error") and entry["rate_hz"] is not None
            found[name] = (
                (float(entry["rate_hz"]), float(entry["sigma_hz"]))
                if is_known
                else (math.nan, math.nan)
            )
    return found


class RatesHistory:
    """Takes updates of `rates`; owned by the window's thread."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._rings: dict[str, TraceRings] = {}

    def add(self, at_s: float, rates: Mapping[str, Any]) -> bool:
        """Take an update; return whether the detectors are others than before."""
        found = detector_rates(rates)
        is_new = tuple(found) != self.names
        if is_new:
            self.names = tuple(found)
            each = min(POINTS, max(_FEWEST, _DRAWN_POINTS // max(len(self.names), 1)))
            self._rings = {text: TraceRings(self.names, s, each) for text, s in SPANS.items()}
        values = np.array([rate for rate, _ in found.values()], dtype=np.float64)
        for ring in self._rings.values():
            ring.add(at_s, values)
        return is_new

    def shown(self, span: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times and rates (detector, time) of a span; empty before the first update."""
        if span not in self._rings:
            return np.empty(0), np.empty((0, 0))
        return self._rings[span].shown()

    def slot_s(self, span: str) -> float:
        """Return how much time one point of a span stands for."""
        return self._rings[span].slot_s
