"""Columns of points as people read them: what they are called, and what stands in them."""

from __future__ import annotations

import math

from labctl.gui.experiments.base import Row, finite
from labctl.storage.table import sigma_name, suffix_of
from labctl.units import SYMBOLS, format_quantity, format_uncertain

__all__ = ["column_title", "is_sigma", "measured_first", "value_text"]


def column_title(name: str) -> str:
    """Return the name of a column with its unit in parentheses.

    `alice_h-bob_v` are coincidences of two detectors, not volts.
    """
    suffix = suffix_of(name)
    return f"{name.removesuffix(f'_{suffix}')} ({SYMBOLS[suffix]})" if suffix else name


def is_sigma(name: str) -> bool:
    """Return whether a column holds the uncertainty of another."""
    return "_sigma" in name


def measured_first(names: list[str]) -> list[str]:
    """Return the names with those behind that say how long it was counted, not what."""
    return sorted(names, key=lambda name: name == "live_s")


def value_text(row: Row, name: str) -> str:
    """Return a value without its unit, with its uncertainty where the row has it."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    sigma = finite(row.get(sigma_name(name)))
    if math.isfinite(sigma) and math.isfinite(finite(value)):
        return format_uncertain(float(value), sigma)
    return format_quantity(value, "")
