"""An update of the topic `rates`, made up for displays."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["rates"]


def rates(coincidences: int, accidentals_hz: float = 10.0) -> dict[str, Any]:
    """Return an update of `rates` over one live second, as the service tells it."""

    def rate(count: int) -> dict[str, float]:
        return {"rate_hz": float(count), "sigma_hz": math.sqrt(count)}

    chance = {"accidentals_hz": accidentals_hz, "accidentals_sigma_hz": 0.1}
    return {
        "taggers": {
            "tagger": {
                "error": "",
                "live_s": 1.0,
                "lost": 0,
                "detectors": {"a": rate(40_000), "b": rate(30_000)},
                "pairs": {"a-b": rate(coincidences) | chance, "a-c": rate(100) | chance},
            }
        }
    }
