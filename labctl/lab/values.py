"""Values that were read some time ago, and say so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeAlias

__all__ = ["NEVER_READ", "MonitoredValue", "State", "Values"]

State: TypeAlias = Literal["fresh", "stale", "error"]
#: Instrument -> setting -> value, as JSON takes it.
Values: TypeAlias = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class MonitoredValue:
    """What a setting, a reading or a rate was when it was last looked at.

    Attributes:
        value: the newest value; None where reading it failed, or nobody has read it.
        utc_ns: when it was read, or when reading failed; 0 before the first time.
        state: `stale` when it has not been read for three intervals.
        error: why it could not be read.
    """

    value: Any
    utc_ns: int
    state: State
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the value as JSON takes it: choices by their word, lists for tuples."""
        return {
            "value": _plain(self.value),
            "utc_ns": self.utc_ns,
            "state": self.state,
            "error": self.error,
        }

    def differs_from(self, other: MonitoredValue | None) -> bool:
        """Return whether more than the time is different."""
        return other is None or (self.value, self.state, self.error) != (
            other.value,
            other.state,
            other.error,
        )


NEVER_READ = MonitoredValue(None, 0, "stale", "it has not been read")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
