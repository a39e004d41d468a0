"""What has changed among the values that a monitor reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labctl.bus import ParameterChanged
from labctl.lab.values import MonitoredValue, Values

__all__ = ["ValueNews"]


class ValueNews:
    """Tells what changed since it was told last; owned by the monitor's thread."""

    def __init__(self, on_values: Callable[[Values], None]) -> None:
        self._on_values = on_values
        self._told: dict[tuple[str, str], MonitoredValue] = {}
        self._set_ns: dict[tuple[str, str], int] = {}

    def note_set(self, event: ParameterChanged) -> None:
        """Note that everybody was told what a value was set to."""
        self._set_ns[event.instrument, event.setting] = event.utc_ns

    def tell(self, seen: Mapping[str, Mapping[str, MonitoredValue]]) -> None:
        """Tell of these values what is news."""
        changed: Values = {}
        for name, values in seen.items():
            for key, value in values.items():
                if self._is_news((name, key), value):
                    self._told[name, key] = value
                    changed.setdefault(name, {})[key] = value.to_dict()
        if changed:
            self._on_values(changed)

    def _is_news(self, key: tuple[str, str], value: MonitoredValue) -> bool:
        """Return whether clients do not know a value yet.

        Of what was set they know what it was set to: only a later reading is news to them, and
        that in any case, for it confirms the value.
        """
        set_ns = self._set_ns.get(key)
        if set_ns is None:
            return value.differs_from(self._told.get(key))
        if value.utc_ns <= set_ns:
            return False
        del self._set_ns[key]
        return True
