"""`control`, `alarms`, `restore`: who may change things, what is wrong, and back from "safe"."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.attaching import required_service
from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import BenchOption, ConfigOption, JsonOption
from labctl.errors import ConfigError, LinkError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.service import LabClient

__all__ = ["add_to"]

_TIMEOUT_S = 10.0
#: A bias is ramped.
_RESTORED_WITHIN_S = 120.0
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also from somebody who holds control; they are told.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    control = typer.Typer(invoke_without_command=True, help="Who may change things in the service.")
    control.callback()(show)
    control.command("take")(take)
    control.command("give")(give)
    control.command("release")(release)
    app.add_typer(control, name="control")
    app.command("alarms")(alarms)
    app.command("restore")(restore)


def show(
    ctx: typer.Context,
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Tell who holds control and who looks on; where nobody holds it, everybody may act."""
    from labctl.cli.output import print_json  # noqa: PLC0415  --help must stay fast

    if ctx.invoked_subcommand is not None:
        return
    snapshot = required_service(config, bench).ask("snapshot", timeout_s=_TIMEOUT_S)["snapshot"]
    if json:
        print_json(snapshot["control"])
    else:
        _print_clients(snapshot["control"])


def take(
    *, force: ForceOption = False, config: ConfigOption = None, bench: BenchOption = None
) -> None:
    """Hold control until Ctrl-C: nobody else changes anything meanwhile, anybody may stop it."""
    from labctl.cli.output import say  # noqa: PLC0415  --help must stay fast

    with _connected(config, bench) as client:
        client.take_control(force=force)
        say(f"this terminal holds control as {client.client_id}; Ctrl-C lets it go")
        with client.subscribe("control") as updates:
            for update in updates:
                if update.topic == "service" and update.data["state"] == "gone":
                    raise LinkError("the acquisition service is gone, and control with it")
                if update.topic == "control" and update.data["operator"] != client.client_id:
                    break
    say("control was taken or given away")


def give(
    to: Annotated[str, typer.Argument(metavar="CLIENT", help="Id or name of a client.")],
    *,
    force: ForceOption = False,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Hand control to another client."""
    with _connected(config, bench) as client:
        receiver = _client_id(to, client.snapshot()["control"])
        client.take_control(force=force)
        client.give_control(receiver)
        _tell_control(client, json=json)


def release(
    *,
    force: ForceOption = False,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Let nobody hold control, so that everybody may act."""
    with _connected(config, bench) as client:
        client.take_control(force=force)
        client.release_control()
        _tell_control(client, json=json)


def alarms(
    *,
    acknowledge: Annotated[
        list[str] | None,
        typer.Option("--acknowledge", help="Say of the alarm with this id that it was seen."),
    ] = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> int:
    """List the alarms of the service. Exit code 1 where one is active."""
    from labctl.cli.output import print_json, print_table, say  # noqa: PLC0415

    service = required_service(config, bench)
    for alarm in acknowledge or ():
        service.ask("acknowledge", timeout_s=_TIMEOUT_S, alarm=alarm)
    found = service.ask("snapshot", timeout_s=_TIMEOUT_S)["snapshot"]["alarms"]
    if json:
        print_json(found)
    elif found:
        print_table(
            ("id", "since (UTC)", "severity", "source", "state", "says"),
            [_alarm_row(alarm) for alarm in found],
        )
    else:
        say("no alarms")
    return ExitCode.FAILED if any(alarm["is_active"] for alarm in found) else ExitCode.FINISHED


def restore(
    *, config: ConfigOption = None, bench: BenchOption = None, json: JsonOption = False
) -> int:
    """Set again what was lowered for safety, such as a bias; emission stays off.

    Exit code 1 where something could not be set.
    """
    from labctl.cli.output import note, print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.units import format_quantity  # noqa: PLC0415

    reply = required_service(config, bench).ask("restore", timeout_s=_RESTORED_WITHIN_S)
    settings, failures = reply["settings"], reply["failures"]
    if json:
        print_json({"settings": settings, "failures": failures})
    else:
        for each in settings:
            say(f"{each['path']}: {format_quantity(each['value'], each['unit'])}")
        for path, why in failures.items():
            note(f"{path} could not be set again: {why}")
        if not settings and not failures:
            say("nothing is lowered")
    return ExitCode.FAILED if failures else ExitCode.FINISHED


def _alarm_row(alarm: Mapping[str, Any]) -> tuple[str, ...]:
    state = "active" if alarm["is_active"] else "over"
    seen = "" if alarm["is_acknowledged"] else ", not acknowledged"
    times = f" ({alarm['count']} times)" if alarm["count"] > 1 else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(float(alarm["since_utc"])))
    return (
        str(alarm["id"]),
        since,
        alarm["severity"],
        alarm["source"],
        state + seen,
        alarm["text"] + times,
    )


def _connected(config: Path | None, bench: str | None) -> LabClient:
    from labctl.service import connect  # noqa: PLC0415  --help must stay fast

    service = required_service(config, bench)
    return connect(service.config, simulated=service.simulated)


def _client_id(wanted: str, control: Mapping[str, Any]) -> str:
    clients = {str(client["id"]): str(client["name"]) for client in control["clients"]}
    if wanted in clients:
        return wanted
    named = [client for client, name in clients.items() if name == wanted]
    if len(named) != 1:
        raise ConfigError(
            f'"{wanted}" is {"several clients" if named else "no client"} of the service'
            f"{nearest(wanted, clients.values())}; clients are: "
            f"{', '.join(f'{client} ({name})' for client, name in clients.items())}"
        )
    return named[0]


def _tell_control(client: LabClient, *, json: bool) -> None:
    from labctl.cli.output import print_json  # noqa: PLC0415  --help must stay fast

    control = client.snapshot()["control"]
    if json:
        print_json(control)
    else:
        _print_clients(control)


def _print_clients(control: Mapping[str, Any]) -> None:
    from labctl.cli.output import print_table, say  # noqa: PLC0415  --help must stay fast

    operator = control["operator"]
    if control["clients"]:
        rows = [
            (
                str(client["id"]),
                str(client["name"]),
                str(client["kind"]),
                "holds control" if client["id"] == operator else "",
            )
            for client in control["clients"]
        ]
        print_table(("id", "client", "kind", ""), rows)
    if operator is None:
        say("nobody holds control: everybody may act")
