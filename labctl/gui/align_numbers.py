"""The numbers that one aligns by: rates, coincidences, CAR, visibilities, and readings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from labctl.analysis import car
from labctl.analysis.estimate import Estimate
from labctl.units import format_quantity, format_uncertain, unit_of

__all__ = ["COINCIDENCES", "KINDS", "NOTHING", "AlignNumber", "Shown", "names_for", "shown_of"]

NOTHING: Final = "nothing"
SINGLES: Final = "singles"
COINCIDENCES: Final = "coincidences"
CAR: Final = "CAR"
VISIBILITY: Final = "visibility"
READING: Final = "reading"
#: What can be shown, and what each is in a sentence.
KINDS: Final[Mapping[str, str]] = {
    SINGLES: "Rate of one detector",
    COINCIDENCES: "Coincidences of a pair, accidentals included",
    CAR: "Coincidences to accidentals of a pair, (C - A)/A",
    VISIBILITY: "(max - min)/(max + min) of two rates",
    READING: "A number that an instrument reads back",
}


@dataclass(frozen=True, slots=True)
class AlignNumber:
    """Which number is shown: its kind, a name, and for a visibility another name."""

    kind: str
    first: str = ""
    second: str = ""

    @property
    def title(self) -> str:
        """What stands above the number."""
        if self.kind == VISIBILITY:
            return f"visibility of {self.first} and {self.second}"
        return f"{self.kind} {self.first}" if self.kind in {SINGLES, CAR} else self.first


@dataclass(frozen=True, slots=True)
class Shown:
    """A number at one moment.

    Attributes:
        value: nan where there is none.
        sigma: its standard deviation; nan where the instrument tells none.
        unit: its symbol.
        trouble: why there is no value, or what is wrong with it; empty if nothing is.
    """

    value: float = math.nan
    sigma: float = math.nan
    unit: str = ""
    trouble: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def digits(self) -> str:
        """The value with the digits that its uncertainty justifies, without unit."""
        if not self.is_known:
            return "–"
        if math.isfinite(self.sigma) and self.sigma > 0:
            return format_uncertain(self.value, self.sigma).partition(" ± ")[0]
        return f"{self.value:.5g}"

    @property
    def small_print(self) -> str:
        """The uncertainty with the unit; of a reading the unit."""
        if self.is_known and math.isfinite(self.sigma) and self.sigma > 0:
            error = format_uncertain(self.value, self.sigma, self.unit).partition(" ± ")[2]
            return f"± {error}"
        return self.unit

    @property
    def text(self) -> str:
        """The value with its unit, as in a sentence."""
        return format_quantity(self.digits, self.unit)


def names_for(kind: str, latest: Mapping[str, Any]) -> list[str]:
    """Return the names that a number of this kind can have, as they are known now."""
    if kind == READING:
        return _readings(latest.get("instruments") or {})
    found: list[str] = []
    for tagger in _taggers(latest):
        if kind in {COINCIDENCES, CAR, VISIBILITY}:
            found += tagger.get("pairs", {})
        if kind in {SINGLES, VISIBILITY}:
            found += tagger.get("detectors", {})
    return found


def shown_of(number: AlignNumber, latest: Mapping[str, Any]) -> Shown:
    """Return the number as the newest updates of all topics give it."""
    if number.kind == READING:
        return _reading(number.first, latest.get("instruments") or {})
    first = _rate(number.first, latest)
    if first.trouble or number.kind in {SINGLES, COINCIDENCES}:
        return first
    if number.kind == CAR:
        return _car(number.first, latest)
    second = _rate(number.second, latest)
    return second if second.trouble else _visibility(first, second)


def _taggers(latest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((latest.get("rates") or {}).get("taggers", {}).values())


def _entry(name: str, latest: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    for tagger in _taggers(latest):
        entry = tagger.get("pairs", {}).get(name) or tagger.get("detectors", {}).get(name)
        if entry is not None:
            return tagger, entry
    return None


def _rate(name: str, latest: Mapping[str, Any]) -> Shown:
    found = _entry(name, latest)
    if found is None:
        return Shown(unit="/s", trouble=f"{name or 'it'} is not counted")
    tagger, entry = found
    if tagger.get("error"):
        return Shown(unit="/s", trouble=f"no stream: {tagger['error']}")
    if entry["rate_hz"] is None or not tagger.get("live_s"):
        return Shown(unit="/s", trouble="no live time")
    return Shown(entry["rate_hz"], entry["sigma_hz"], "/s")


def _car(name: str, latest: Mapping[str, Any]) -> Shown:
    found = _entry(name, latest)
    if found is None or found[1].get("accidentals_hz") is None:
        return Shown(trouble="no accidentals are known")
    tagger, entry = found
    live_s = tagger["live_s"]
    chance = Estimate(entry["accidentals_hz"] * live_s, entry["accidentals_sigma_hz"] * live_s)
    ratio = car(entry["rate_hz"] * live_s, chance)
    trouble = "" if math.isfinite(ratio.value) else "no accidentals"
    return Shown(ratio.value, ratio.sigma, "", trouble)


def _visibility(first: Shown, second: Shown) -> Shown:
    """Return |a - b|/(a + b); sigma by propagation, 2·sqrt((b·sa)² + (a·sb)²)/(a + b)²."""
    total = first.value + second.value
    if total <= 0:
        return Shown(trouble="both rates are 0")
    sigma = math.hypot(second.value * first.sigma, first.value * second.sigma)
    return Shown(abs(first.value - second.value) / total, 2 * sigma / total**2)


def _readings(instruments: Mapping[str, Any]) -> list[str]:
    found = []
    for name, settings in instruments.items():
        for setting, entry in settings.items():
            value = entry.get("value")
            if isinstance(value, (list, tuple)):
                numbers = [i for i, item in enumerate(value) if _is_number(item)]
                found += [f"{name}.{setting}[{index}]" for index in numbers]
            elif _is_number(value):
                found.append(f"{name}.{setting}")
    return found


def _reading(path: str, instruments: Mapping[str, Any]) -> Shown:
    whole, _, index = path.removesuffix("]").partition("[")
    name, _, setting = whole.partition(".")
    unit = unit_of(setting)
    entry = instruments.get(name, {}).get(setting)
    if entry is None:
        return Shown(unit=unit, trouble="it was not read yet")
    if entry.get("state") == "error":
        return Shown(unit=unit, trouble=entry.get("error") or "it cannot be read")
    value = entry.get("value")
    if index and isinstance(value, (list, tuple)):
        value = value[int(index)] if int(index) < len(value) else None
    if not _is_number(value):
        return Shown(unit=unit, trouble="it has no value")
    trouble = "STALE: it is not read any more" if entry.get("state") == "stale" else ""
    return Shown(float(value), math.nan, unit, trouble)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
