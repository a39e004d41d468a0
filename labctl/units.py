"""Units are suffixes of names: `power_mw` is in milliwatt, everywhere.

The same words serve Python, instruments.toml, the command line and the run file, so a
value never travels without its unit.
"""

from __future__ import annotations

import math

__all__ = ["SYMBOLS", "format_quantity", "format_uncertain", "unit_of"]

#: Suffix of a name -> symbol shown to people.
SYMBOLS: dict[str, str] = {
    "ps": "ps",
    "ns": "ns",
    "us": "µs",
    "ms": "ms",
    "s": "s",
    "hours": "h",
    "hz": "/s",
    "nm": "nm",
    "mw": "mW",
    "dbm": "dBm",
    "db": "dB",
    "deg": "°",
    "rad": "rad",
    "mm": "mm",
    "k": "K",
    "degc": "°C",
    "v": "V",
    "mv": "mV",
    "ma": "mA",
    "ua": "µA",
    "percent": "%",
}


def unit_of(name: str) -> str:
    """Return the symbol of the unit named by the last word of `name`, or an empty string."""
    _, separator, suffix = name.rpartition("_")
    return SYMBOLS.get(suffix, "") if separator else ""


def format_quantity(value: object, unit: str) -> str:
    """Return `value` with its unit as people write it: `5.000 mW`, `on`, `continuous`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, (tuple, list)):
        text = ", ".join(format_quantity(item, "") for item in value)
    else:
        text = str(value)
    return f"{text} {unit}" if unit else text


def format_uncertain(value: float, sigma: float, unit: str = "") -> str:
    """Return `value ± sigma` with the digits that the uncertainty justifies (two of it).

    A value that is not finite, or an uncertainty that is zero or not finite, is written
    without rounding it away.
    """
    suffix = f" {unit}" if unit else ""
    if not (math.isfinite(value) and math.isfinite(sigma)) or sigma <= 0:
        return f"{value:.6g} ± {sigma:.2g}{suffix}"
    decimals = 1 - math.floor(math.log10(sigma))
    if decimals > 0:
        return f"{value:,.{decimals}f} ± {sigma:.{decimals}f}{suffix}".replace(",", "\u202f")
    step = 10.0**-decimals
    rounded, error = round(value / step) * step, round(sigma / step) * step
    return f"{rounded:,.0f} ± {error:,.0f}{suffix}".replace(",", "\u202f")
