"""The fixed slices in which world time advances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PS_PER_S", "SLICE_PS", "Slice", "Times"]

Times = NDArray[np.int64]
"""Times in ps of world time."""

PS_PER_S = 1_000_000_000_000

SLICE_PS = 10_000_000_000
"""10 ms. Fixed, so that the tags of a seed do not depend on how fast or in what portions the
world is asked to advance; short against a waveplate's move and a person's patience."""


@dataclass(frozen=True)
class Slice:
    """The clicks of all detectors in start_ps <= t < stop_ps, each array sorted."""

    start_ps: int
    stop_ps: int
    clicks: Mapping[str, Times]
