"""The tail of a tagger's index: what was acknowledged of an append before more came to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from labctl.storage.schema import Rows, passes_check

__all__ = ["has_broken_row", "rest_of", "states_of"]


def states_of(tail: Rows, number: int) -> list[Any]:
    """Return the intact rows of the tail for this append, the latest first.

    After a loss of power the newest row of an append may have arrived without its tags. The state
    before it was acknowledged, and its row is never the one that is overwritten.
    """
    fitting = tail[passes_check(tail) & (tail["number"] == number)]
    return sorted(fitting, key=lambda row: -int(row["revision"]))


def has_broken_row(tail: Rows) -> bool:
    """Return whether a row of the tail was written and is not intact."""
    is_written = np.array([any(row.tobytes()) for row in tail], np.bool_)
    return bool(np.any(is_written & ~passes_check(tail)))


def rest_of(row: Any, state: Any) -> Any:
    """Return a row for what `row` tells of the append beyond an earlier state of it."""
    rest = row.copy()
    rest["first_row"] = state["first_row"] + state["row_count"]
    rest["row_count"] = row["row_count"] - min(row["row_count"], state["row_count"])
    rest["tag_count"] = row["tag_count"] - min(row["tag_count"], state["tag_count"])
    rest["start_ps"] = state["stop_ps"]
    rest["lost"] = row["lost"] - min(row["lost"], state["lost"])
    return rest
