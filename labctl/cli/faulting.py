"""`labctl simulate fault`: let something go wrong in a simulated laboratory that is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.options import BenchOption, ConfigOption, JsonOption, chosen_config
from labctl.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.lab import OpenLabClient

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("fault")(fault)


def fault(
    name: Annotated[
        str | None,
        typer.Argument(help="An instrument, or a part of the world; left out: list them."),
    ] = None,
    kind: Annotated[
        str | None, typer.Argument(help="What goes wrong; left out: list what can.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="How it goes wrong.")
    ] = None,
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Let something go wrong in the simulated laboratory that is open, or mend it again.

    Wires (drop, delay, unplug ...), instruments (interlock, latch ...) and parts of the world
    (change KEY=VALUE). The laboratory is one that another process holds open, simulated.
    """
    client = _open_simulation(config, bench)
    if name is None:
        _list_names(client.ask("faults")["names"], json=json)
    elif kind is None:
        _list_kinds(client.ask("faults", place=name)["faults"], json=json)
    else:
        given = _parsed(arguments or ())
        _confirm(client.ask("fault", place=name, kind=kind, arguments=given)["fault"], json=json)


def _open_simulation(config: Path | None, bench: str | None) -> OpenLabClient:
    """Return the one open simulated laboratory; the options choose among several.

    A laboratory in which only some instruments are simulated serves where none is simulated
    in all; a real one refuses by itself.

    Raises:
        ConfigError: there is none, or more than one.
    """
    from labctl.lab import find_open_labs  # noqa: PLC0415  --help must stay fast

    chosen = None if config is None and bench is None else chosen_config(config, bench)
    found = find_open_labs(chosen)
    clients = [client for client in found if client.simulated] or found
    if not clients:
        where = f" of {chosen}" if chosen else ""
        raise ConfigError(
            f"no simulated laboratory{where} is open on this machine",
            hint="Open one first, e.g. `labctl watch --simulated` in another terminal.",
        )
    if len(clients) > 1:
        listed = "; ".join(f"{client.config} held open by {client.owner}" for client in clients)
        raise ConfigError(
            f"{len(clients)} laboratories are open: {listed}",
            hint="Choose one with --config or --bench, or close the others.",
        )
    return clients[0]


def _parsed(arguments: Sequence[str]) -> dict[str, str]:
    parsed: dict[str, str] = {}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not (separator and key):
            raise LimitError(f'"{argument}" is not KEY=VALUE, such as replies=3')
        parsed[key.strip()] = value.strip()
    return parsed


def _list_names(names: Sequence[str], *, json: bool) -> None:
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast

    if json:
        print_json(names)
        return
    for name in names:
        say(name)


def _list_kinds(kinds: Sequence[Mapping[str, Any]], *, json: bool) -> None:
    from labctl.cli.output import print_json, print_table  # noqa: PLC0415  --help must stay fast

    if json:
        print_json(kinds)
        return
    rows = [
        (kind["kind"], " ".join(_argument(a) for a in kind["arguments"]), kind["doc"])
        for kind in kinds
    ]
    print_table(("fault", "arguments and defaults", "what happens"), rows)


def _argument(argument: Mapping[str, Any]) -> str:
    return f"{argument['name']}={argument['default']}"


def _confirm(applied: Mapping[str, Any], *, json: bool) -> None:
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast

    if json:
        print_json(applied)
        return
    given = "".join(f" {key}={value}" for key, value in applied["arguments"].items())
    time_s = applied["time_ps"] * 1e-12
    say(f"{applied['name']}: {applied['kind']}{given} at {time_s:.2f} s of simulated time")
