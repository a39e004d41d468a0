"""The truth about the bench at each time: every parameter, when it changed, and what drifts.

A simulated measurement can be compared with it afterwards. Parameters are noted when they
change, what drifts by itself ten times a second of world time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.errors import LimitError, nearest
from simulated_devices.world.node import Node
from simulated_devices.world.slices import PS_PER_S

__all__ = ["History", "Truth"]

_DRIFT_INTERVAL_PS = PS_PER_S // 10
#: Entries kept in memory: some hours of a bench with a few fibres; a file has them all.
_MAX_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Truth:
    """What was true of one part of the world from `time_ps` on: its parameters and drifts."""

    time_ps: int
    node: str
    values: Mapping[str, Any]


class History:
    """Notes what changes in the world's nodes; `tell`, where given, gets each entry."""

    def __init__(
        self, nodes: Mapping[str, Node[Any]], tell: Callable[[Truth], None] | None = None
    ) -> None:
        self._nodes = nodes
        self._tell = tell
        self._known: dict[str, object] = {}
        self._next_drift_ps = 0
        self.entries: deque[Truth] = deque(maxlen=_MAX_ENTRIES)

    def note(self, time_ps: int) -> None:
        """Note what is different from the last time; called once a slice."""
        is_time_for_drift = time_ps >= self._next_drift_ps
        if is_time_for_drift:
            self._next_drift_ps = time_ps - time_ps % _DRIFT_INTERVAL_PS + _DRIFT_INTERVAL_PS
        for name, node in self._nodes.items():
            parameters = node.parameters
            has_changed = self._known.get(name) is not parameters
            if not has_changed and not is_time_for_drift:
                continue
            drift = node.drift()
            if not has_changed and not drift:
                continue
            self._known[name] = parameters
            values = parameters.model_dump(mode="json") if has_changed else {}
            entry = Truth(time_ps, name, values | drift)
            self.entries.append(entry)
            if self._tell is not None:
                self._tell(entry)

    def at(self, node: str, key: str, time_ps: int) -> Any:
        """Return the value that was true at `time_ps`, as far back as memory goes.

        Raises:
            LimitError: the node or the key is unknown, or it was not yet noted then.
        """
        found: Any = None
        keys: set[str] = set()
        for entry in self.entries:
            if entry.node != node or entry.time_ps > time_ps:
                continue
            keys.update(entry.values)
            if key in entry.values:
                found = entry.values[key]
        if key in keys:
            return found
        if node not in self._nodes:
            raise LimitError(
                f'"{node}" is no part of the simulated world{nearest(node, self._nodes)}; '
                f"known: {', '.join(self._nodes)}"
            )
        raise LimitError(
            f"{node}.{key} is not known at {time_ps / PS_PER_S:g} s{nearest(key, keys)}; "
            f"known then: {', '.join(sorted(keys)) or 'nothing'}"
        )
