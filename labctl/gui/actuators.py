"""Every number of the laboratory that can be moved in steps: settings, and entries of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Actuator", "actuators_of"]


@dataclass(frozen=True, slots=True)
class Actuator:
    """One number that can be set.

    Attributes:
        path: `instrument.setting`.
        index: which entry of an array; None for a setting that is one number.
        unit: its symbol.
        limits: lowest and highest value, None where any is allowed.
        doc: what it is.
    """

    path: str
    index: int | None
    unit: str
    limits: tuple[float, float] | None
    doc: str

    @property
    def name(self) -> str:
        """How it is called in lists."""
        return self.path if self.index is None else f"{self.path}[{self.index}]"

    @property
    def instrument(self) -> str:
        """The instrument that it belongs to."""
        return self.path.partition(".")[0]

    def entry(self, instruments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known of its setting; empty for nothing."""
        name, _, setting = self.path.partition(".")
        found: dict[str, Any] = (instruments.get(name) or {}).get(setting) or {}
        return found

    def value_in(self, whole: Any) -> float | None:
        """Return its number in the value of the setting; None where there is none."""
        if self.index is not None:
            if not isinstance(whole, (list, tuple)) or self.index >= len(whole):
                return None
            whole = whole[self.index]
        if isinstance(whole, bool) or not isinstance(whole, (int, float)):
            return None
        return float(whole)

    def whole_with(self, value: float, present: Any) -> Any:
        """Return the value of the setting in which its number is this one."""
        if self.index is None:
            return value
        return [value if i == self.index else item for i, item in enumerate(present)]


def actuators_of(
    described: Mapping[str, Any], instruments: Mapping[str, Any]
) -> dict[str, Actuator]:
    """Return the actuators of a laboratory by name; what lets light out is none.

    Args:
        described: every instrument, as the service describes it.
        instruments: the newest values, which say how long arrays are.
    """
    found = {}
    for name, instrument in described.items():
        for setting, about in instrument["parameters"].items():
            if not about["is_settable"] or about["is_emission"]:
                continue
            for actuator in _of_setting(f"{name}.{setting}", about, instruments):
                found[actuator.name] = actuator
    return found


def _of_setting(
    path: str, about: Mapping[str, Any], instruments: Mapping[str, Any]
) -> list[Actuator]:
    limits = None if about["limits"] is None else (about["limits"][0], about["limits"][1])
    one = Actuator(path, None, about["unit"], limits, about["doc"])
    if about["type"] == "number":
        return [one]
    if about["type"] == "numbers":
        whole = one.entry(instruments).get("value")
        if isinstance(whole, (list, tuple)):
            return [Actuator(path, i, one.unit, limits, one.doc) for i in range(len(whole))]
    return []
