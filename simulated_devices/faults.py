"""What can go wrong on a simulated bench, by name: wires, instruments and the world's parts.

A name of the bench may be an instrument, a part of the world, or both (the laser `pump` and its
light). What can go wrong at a name is, in this order: its wire (`simulated_devices.wire_faults`;
the cable pulled or swapped), the instrument itself (its `faults`), the part of the world (its own
`faults`, and `change`, which gives its parameters other values). Every fault is a callable of
keyword arguments with defaults, from which its listing is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.errors import LimitError, nearest
from simulated_devices.instrument import Fault, Instrument, faults_of
from simulated_devices.standing_faults import FaultLedger, StandingFault, plain
from simulated_devices.wire import Port
from simulated_devices.world import World
from simulated_devices.world.node import Node

__all__ = ["AppliedFault", "Argument", "FaultKind", "FaultMenu"]

_PORT = "port"
_SWITCH_WORDS = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a fault: its type (bool, int, float, str or a model's own) and default."""

    name: str
    type: str
    default: Any


@dataclass(frozen=True, slots=True)
class FaultKind:
    """Something that can go wrong somewhere."""

    kind: str
    doc: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class AppliedFault:
    """Something that went wrong, at this world time."""

    time_ps: int
    name: str
    kind: str
    arguments: Mapping[str, Any]


class FaultMenu:
    """What can go wrong on one bench, and what did; the laboratory holds its lock meanwhile."""

    def __init__(self, instruments: Mapping[str, Instrument], world: World) -> None:
        self._instruments = instruments
        self._world = world
        self.log: list[AppliedFault] = []
        ports = {
            name: {0: instrument.port, **instrument.companion_ports}
            for name, instrument in instruments.items()
        }
        self._ledger = FaultLedger(ports, world.nodes)

    @property
    def names(self) -> tuple[str, ...]:
        """Where something can go wrong: instruments first, then the other parts of the world."""
        return tuple(dict.fromkeys((*self._instruments, *self._world.nodes)))

    def standing(self) -> tuple[StandingFault, ...]:
        """Return what is still wrong, and what mends it."""
        return self._ledger.standing()

    def kinds(self, name: str) -> tuple[FaultKind, ...]:
        """Return what can go wrong at `name`.

        Raises:
            LimitError: nothing has this name.
        """
        described = tuple(_described(kind, call) for kind, call in self._calls(name).items())
        node = self._world.nodes.get(name)
        return described if node is None else (*described, _change_of(node))

    def apply(self, name: str, kind: str, arguments: Mapping[str, Any]) -> AppliedFault:
        """Let something go wrong, and note it.

        Raises:
            LimitError: the name, the kind or an argument is unknown, or a value makes no sense.
        """
        known = {found.kind: found for found in self.kinds(name)}
        if kind not in known:
            raise LimitError(
                f'{name} has no fault "{kind}"{nearest(kind, known)}; it has: {", ".join(known)}'
            )
        given = {
            key: _converted(f"{name} {kind}", key, value, known[kind])
            for key, value in arguments.items()
        }
        calls = self._calls(name)
        if kind in calls:
            calls[kind](**given)
        else:
            self._world.nodes[name].change(**given)
        defaults = {a.name: a.default for a in known[kind].arguments if kind != "change"}
        self._ledger.note(self._world.time_ps, name, kind, defaults | given)
        self.log.append(AppliedFault(self._world.time_ps, name, kind, given))
        return self.log[-1]

    def _calls(self, name: str) -> dict[str, Fault]:
        if name not in self.names:
            raise LimitError(
                f'nothing on this bench is called "{name}"{nearest(name, self.names)}; '
                f"known are: {', '.join(self.names)}"
            )
        calls: dict[str, Fault] = {}
        node = self._world.nodes.get(name)
        if node is not None:
            calls |= {**getattr(node, "faults", {}), "restore": self._restore_of(name)}
        if (instrument := self._instruments.get(name)) is not None:
            calls = self._wire_calls(name, instrument) | dict(faults_of(instrument)) | calls
        return calls

    def _restore_of(self, name: str) -> Fault:
        def restore(*, parameter: str = "") -> None:
            """Give it the parameters that it was made with, or only the one that is named."""
            known = self._ledger.parameters_of(name)
            if parameter and parameter not in known:
                raise LimitError(
                    f'{name} restore: parameter = "{parameter}" is unknown'
                    f"{nearest(parameter, known)}; there are: {', '.join(known)}"
                )
            self._ledger.restore(name, parameter)

        return restore

    def _wire_calls(self, name: str, instrument: Instrument) -> dict[str, Fault]:
        ports = {0: instrument.port, **instrument.companion_ports}
        calls = {
            kind: call if len(ports) == 1 else _of_port(kind, ports)
            for kind, call in instrument.port.faults.menu.items()
        }

        def unplug() -> None:
            """Pull the cable: everything fails until it is plugged in again."""
            for port in ports.values():
                port.unplug()

        def plug() -> None:
            """Put the cable back."""
            for port in ports.values():
                port.plug()

        def swap(*, other: str = "") -> None:
            """Swap the cable with that of another instrument; each answers at the other's place."""
            self._swap(name, other)

        return calls | {"unplug": unplug, "plug": plug, "swap": swap}

    def _swap(self, name: str, other: str) -> None:
        others = [known for known in self._instruments if known != name]
        if other not in others:
            raise LimitError(
                f'{name} swap: other = "{other}" is no other instrument{nearest(other, others)}; '
                f"there are: {', '.join(others) or 'none'}"
            )
        pair = (self._instruments[name], self._instruments[other])
        if any(instrument.companion_ports for instrument in pair):
            raise LimitError(f"{name} swap: an instrument with two connections cannot be swapped")
        pair[0].port.swap(pair[1].port)


def _of_port(kind: str, ports: Mapping[int, Port]) -> Fault:
    """Return a wire's fault with one more argument, which chooses the TCP port."""
    model = ports[0].faults.menu[kind]

    def call(*, port: int = 0, **arguments: Any) -> None:
        if port not in ports:
            allowed = ", ".join(str(number) for number in ports)
            raise LimitError(f"{kind}: port = {port} is not one of {allowed} (0 is the first)")
        ports[port].faults.menu[kind](**arguments)

    chooser = inspect.Parameter(_PORT, inspect.Parameter.KEYWORD_ONLY, default=0, annotation=int)
    signature = inspect.signature(model, eval_str=True)
    call.__doc__ = model.__doc__
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect reads it
        parameters=[*signature.parameters.values(), chooser]
    )
    return call


def _described(kind: str, call: Callable[..., None]) -> FaultKind:
    parameters = inspect.signature(call, eval_str=True).parameters.values()
    arguments = [Argument(p.name, _type_name(p.annotation), p.default) for p in parameters]
    return FaultKind(kind, _first_line(call.__doc__), tuple(arguments))


def _change_of(node: Node[Any]) -> FaultKind:
    fields: Iterable[tuple[str, Any]] = type(node.parameters).model_fields.items()
    arguments = tuple(
        Argument(name, _type_name(field.annotation), plain(getattr(node.parameters, name)))
        for name, field in fields
        if name not in node.wiring
    )
    doc = f"Give parameters of {node.name} other values from the next 10 ms on."
    return FaultKind("change", doc, arguments)


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().split("\n", 1)[0]


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _converted(what: str, key: str, value: Any, kind: FaultKind) -> Any:
    """Return the value as its argument takes it; texts, as typed, are converted.

    Raises:
        LimitError: the argument is unknown, or the value is of another type.
    """
    known = {argument.name: argument for argument in kind.arguments}
    if key not in known:
        listed = ", ".join(f"{a.name} ({a.type})" for a in kind.arguments) or "none"
        raise LimitError(
            f'{what}: unknown argument "{key}"{nearest(key, known)}; its arguments are: {listed}'
        )
    wanted = known[key].type
    try:
        return _as_type(wanted, value)
    except (KeyError, OverflowError, TypeError, ValueError):
        raise LimitError(f"{what}: {key} = {value!r} is no {wanted}") from None


def _as_type(wanted: str, value: Any) -> Any:
    if wanted == "bool":
        return value if isinstance(value, bool) else _SWITCH_WORDS[_text(value).lower()]
    if wanted in {"int", "float"} and isinstance(value, bool):
        raise TypeError(value)
    if wanted == "int":
        return int(value) if isinstance(value, str) or value == int(value) else int(_text(value))
    if wanted == "float":
        return float(value)
    return _text(value) if wanted == "str" else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
