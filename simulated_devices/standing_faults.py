"""What is still wrong on a simulated bench, and which fault of the menu mends it.

A fault with a switch among its arguments (`is_open`, `is_stuck`) stands until the same fault is
applied with the switch off; a cable until it is put back; a wire's fault as long as the wire
says; a parameter of the world as long as it differs from what it was when the world was made.
Everything else happens once and is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from simulated_devices.wire import Port
from simulated_devices.world.node import Node

__all__ = ["FaultLedger", "StandingFault", "plain"]

_RESTORE: Final = "restore"
#: What ends a fault, where another kind does.
_ENDS: Final = {"plug": "unplug", "reference_regained": "reference_lost"}
_ENDED_BY: Final = {begun: end for end, begun in _ENDS.items()}
_WIRE: Final = frozenset(
    {"drop", "drop_commands", "delay", "truncate", "garble", "throttle", "late", "hang_up"}
)


@dataclass(frozen=True, slots=True)
class StandingFault:
    """Something that is wrong now.

    Attributes:
        time_ps: world time at which it went wrong.
        name: the instrument or part of the world.
        kind: the fault; `change` for a parameter of the world, whatever changed it.
        arguments: how it went wrong; for a parameter its present value.
        mended_by: the fault of `name` that ends it; empty where only the host can, by
            connecting anew.
        mending: the arguments of that.
    """

    time_ps: int
    name: str
    kind: str
    arguments: Mapping[str, Any]
    mended_by: str
    mending: Mapping[str, Any] = field(default_factory=dict)


class FaultLedger:
    """Keeps what is still wrong; the laboratory holds its lock meanwhile.

    Args:
        ports: the wires of every instrument, by their TCP port, 0 for the first.
        nodes: the parts of the world, as they were made.
    """

    def __init__(
        self, ports: Mapping[str, Mapping[int, Port]], nodes: Mapping[str, Node[Any]]
    ) -> None:
        self._ports = ports
        self._nodes = nodes
        self._original = {name: node.parameters for name, node in nodes.items()}
        self._standing: dict[tuple[Any, ...], StandingFault] = {}
        self._changed_ps: dict[tuple[str, str], int] = {}

    def note(self, time_ps: int, name: str, kind: str, arguments: Mapping[str, Any]) -> None:
        """Note a fault that was applied with these arguments, defaults included."""
        self._note_changes(time_ps)
        if kind in _ENDS:
            self._standing.pop((name, _ENDS[kind]), None)
        elif kind in _ENDED_BY:
            self._stand((name, kind), StandingFault(time_ps, name, kind, {}, _ENDED_BY[kind]))
        elif kind == "swap":
            self._note_swap(time_ps, name, str(arguments["other"]))
        elif kind in _WIRE:
            port = {key: value for key, value in arguments.items() if key == "port"}
            fault = StandingFault(time_ps, name, kind, arguments, "clear", port)
            self._stand((name, kind, port.get("port", 0)), fault)
        elif kind == "power_drift":
            fault = StandingFault(time_ps, name, kind, arguments, kind, {"factor": 1.0})
            self._stand((name, kind), fault if arguments["factor"] != 1.0 else None)
        else:
            self._note_switch(time_ps, name, kind, arguments)

    def standing(self) -> tuple[StandingFault, ...]:
        """Return what is wrong now, in the order in which it went wrong."""
        found = [fault for fault in map(self._on_wire, self._standing.values()) if fault]
        return tuple(sorted((*found, *self._changes()), key=lambda fault: fault.time_ps))

    def restore(self, name: str, parameter: str = "") -> None:
        """Give a part of the world the parameters that it was made with, or one of them."""
        node, original = self._nodes[name], self._original[name]
        wanted = self._differing(name) if not parameter else {parameter}
        node.change(**{key: plain(getattr(original, key)) for key in wanted})

    def parameters_of(self, name: str) -> tuple[str, ...]:
        """Return the parameters of a part of the world that can be changed."""
        node = self._nodes[name]
        return tuple(k for k in type(node.parameters).model_fields if k not in node.wiring)

    def _stand(self, key: tuple[Any, ...], fault: StandingFault | None) -> None:
        self._standing.pop(key, None)
        if fault is not None:
            self._standing[key] = fault

    def _note_switch(
        self, time_ps: int, name: str, kind: str, arguments: Mapping[str, Any]
    ) -> None:
        switches = [key for key, value in arguments.items() if isinstance(value, bool)]
        if len(switches) != 1:
            return
        rest = tuple((key, value) for key, value in arguments.items() if key not in switches)
        mending = {**arguments, switches[0]: False}
        is_wrong = arguments[switches[0]]
        fault = StandingFault(time_ps, name, kind, arguments, kind, mending)
        self._stand((name, kind, *rest), fault if is_wrong else None)

    def _note_swap(self, time_ps: int, name: str, other: str) -> None:
        key = ("swap", frozenset({name, other}))
        # Swapping the same two again puts both back.
        if key in self._standing:
            self._standing.pop(key)
            return
        arguments = {"other": other}
        self._standing[key] = StandingFault(time_ps, name, "swap", arguments, "swap", arguments)

    def _on_wire(self, fault: StandingFault) -> StandingFault | None:
        """Return the fault as the wire has it; None where the wire is past it."""
        if fault.kind not in _WIRE:
            return fault
        wire = self._ports[fault.name][fault.arguments.get("port", 0)].faults
        if fault.kind not in wire.standing:
            return None
        if fault.kind == "hang_up" and wire.is_hung_up:
            return StandingFault(fault.time_ps, fault.name, fault.kind, fault.arguments, "")
        return fault

    def _note_changes(self, time_ps: int) -> None:
        differing = {(name, key) for name in self._nodes for key in self._differing(name)}
        for pair in differing:
            self._changed_ps.setdefault(pair, time_ps)
        self._changed_ps = {p: t for p, t in self._changed_ps.items() if p in differing}

    def _changes(self) -> list[StandingFault]:
        return [
            StandingFault(
                self._changed_ps.get((name, key), 0),
                name,
                "change",
                {key: plain(getattr(node.parameters, key))},
                _RESTORE,
                {"parameter": key},
            )
            for name, node in self._nodes.items()
            for key in sorted(self._differing(name))
        ]

    def _differing(self, name: str) -> set[str]:
        now, original = self._nodes[name].parameters, self._original[name]
        if now is original:
            return set()
        # What an instrument has moved is where it wants it.
        free = set(self.parameters_of(name)) - self._nodes[name].moved
        return {key for key in free if getattr(now, key) != getattr(original, key)}


def plain(value: Any) -> Any:
    """Return a parameter as a value of its own: a table of parameters as a dictionary."""
    return value.model_dump() if isinstance(value, BaseModel) else value
