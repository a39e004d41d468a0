"""`queue`: runs that wait their turn in the acquisition service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from labctl.cli.attaching import required_service, sent_experiment
from labctl.cli.options import BenchOption, ConfigOption, JsonOption
from labctl.cli.run_options import ArmOption, OutOption, ParameterOption, parse_parameters
from labctl.cli.scan import AxisCommand, AxisOption, SnakeOption
from labctl.errors import ConfigError

__all__ = ["add_to"]

_TIMEOUT_S = 10.0
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="An id of `labctl queue list`.")]


class OnFailure(StrEnum):
    """What the queue does after a run that failed."""

    STOP = "stop"
    CONTINUE = "continue"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    queue = typer.Typer(no_args_is_help=True, help="Runs that wait their turn in the service.")
    queue.command("add", cls=AxisCommand)(add)
    queue.command("list")(list_)
    queue.command("move")(move)
    queue.command("remove")(remove)
    queue.command("hold")(hold)
    queue.command("go")(go)
    app.add_typer(queue, name="queue")


def add(  # noqa: PLR0913  options of a command
    experiment: Annotated[str, typer.Argument(help="An experiment of `labctl list experiments`.")],
    *,
    axis: AxisOption = None,
    snake: SnakeOption = True,
    parameter: ParameterOption = None,
    label: Annotated[str, typer.Option("--label", help="What the run is for.")] = "",
    out: OutOption = None,
    arm: ArmOption = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Append a run: an experiment, or with axes in front of it a scan as of `labctl scan`.

    labctl queue add counting -p dwell_s=10

    labctl queue add pump.power_mw 1:5:9 -- counting --label "power series"

    A bench with a real instrument needs --arm or --no-arm where the run needs light: nobody is
    asked when its turn comes.
    """
    from labctl.runs import load_experiment  # noqa: PLC0415  --help must stay fast

    service = required_service(config, bench)
    found = load_experiment(experiment)
    parameters = parse_parameters(parameter or [])
    if arm is None and found.lights(found.parse(parameters)):
        facts = service.ask("snapshot", timeout_s=_TIMEOUT_S)["snapshot"]["service"]
        if not facts["arms_by_itself"]:
            raise ConfigError(
                f"{experiment} needs light; say --arm to let it be switched on when its turn "
                "comes, or --no-arm to run with the lasers as they are"
            )
    reply = service.ask(
        "queue_add",
        timeout_s=_TIMEOUT_S,
        experiment=sent_experiment(experiment),
        parameters=parameters,
        arm=arm,
        folder=None if out is None else str(out.resolve()),
        label=label,
        scan=axis or [],
        snake=snake,
    )
    _print(reply["queue"], json=json, added=str(reply["id"]))


def list_(
    *, config: ConfigOption = None, bench: BenchOption = None, json: JsonOption = False
) -> None:
    """List what runs, what waits and when it will be over, and what has ended."""
    _ask("queue", config, bench, json=json)


def move(
    entry: IdArgument,
    place: Annotated[int, typer.Argument(min=1, help="Its place among those that wait, from 1.")],
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Move a waiting run to another place."""
    _ask("queue_move", config, bench, json=json, id=entry, to=place - 1)


def remove(
    entry: IdArgument,
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Take a waiting run out of the queue."""
    _ask("queue_remove", config, bench, json=json, id=entry)


def hold(
    *, config: ConfigOption = None, bench: BenchOption = None, json: JsonOption = False
) -> None:
    """Start nothing more; the run under way goes on."""
    _ask("queue_hold", config, bench, json=json)


def go(
    *,
    on_failure: Annotated[
        OnFailure | None,
        typer.Option("--on-failure", help="From now on, what is done after a run that failed."),
    ] = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """Start what waits, one after the other; also after the queue has stopped by itself."""
    if on_failure is not None:
        service = required_service(config, bench)
        service.ask("queue_policy", timeout_s=_TIMEOUT_S, on_failure=on_failure.value)
    _ask("queue_go", config, bench, json=json)


def _ask(request: str, config: Any, bench: Any, *, json: bool, **fields: Any) -> None:
    reply = required_service(config, bench).ask(request, timeout_s=_TIMEOUT_S, **fields)
    _print(reply["queue"], json=json)


def _print(queue: Mapping[str, Any], *, json: bool, added: str = "") -> None:
    from labctl.cli.output import note, print_json, print_table, say  # noqa: PLC0415

    if json:
        print_json({**queue, "added": added} if added else queue)
        return
    if added:
        note(f"added as {added}")
    rows = [_row(entry) for entry in (*reversed(queue["ended"]), *queue["entries"])]
    if rows:
        print_table(("id", "experiment", "label", "state", "begins", "ends", "run"), rows)
    else:
        say("the queue is empty")
    if queue["is_held"]:
        say(f"held: {queue['reason']}; `labctl queue go` goes on")


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        entry["id"],
        _what(entry),
        entry["label"],
        entry["state"],
        _clock(entry.get("start_utc")),
        _clock(entry.get("end_utc")),
        entry["reason"] or entry["uid"],
    )


def _what(entry: Mapping[str, Any]) -> str:
    if entry["experiment"] != "scan":
        return _name(entry["experiment"])
    settings = [str(axis).replace("=", " ", 1).split()[0] for axis in entry["parameters"]["axes"]]
    return f"{_name(entry['parameters'].get('each', 'counting'))} over {', '.join(settings)}"


def _name(experiment: str) -> str:
    """Return the experiment without the folder of its file."""
    return Path(experiment).name if experiment.endswith(".py") else experiment


def _clock(utc: float | None) -> str:
    return "" if utc is None else f"{datetime.fromtimestamp(utc).astimezone():%H:%M:%S}"
