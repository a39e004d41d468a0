"""`watch`, `status` and `safe`: what goes on, and the end of it."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SeedOption,
    SimulatedOption,
    chosen_config,
)
from labctl.errors import LinkError

if TYPE_CHECKING:
    from labctl.lab import OpenLabClient
    from labctl.runs import LabSession

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("watch")(watch)
    app.command("status")(status)
    app.command("safe")(safe)


def watch(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    seed: SeedOption = 0,
    interval_s: Annotated[
        float, typer.Option("--interval", min=0.1, max=60.0, help="Seconds between updates.")
    ] = 0.5,
    duration_s: Annotated[
        float | None, typer.Option("--duration", min=0.0, help="Seconds to watch; until Ctrl-C.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show live count rates and coincidences in the terminal; keeps the laboratory open.

    Nothing is recorded and no light is switched on. Where an acquisition service has the
    laboratory open, its live counts are shown; where another command has, its run's.
    """
    from labctl.cli.output import note, simulated_badge  # noqa: PLC0415  --help must stay fast
    from labctl.lab import find_open_labs  # noqa: PLC0415
    from labctl.runs import open_lab  # noqa: PLC0415

    file = chosen_config(config, bench)
    if simulated:
        simulated_badge()
    for client in find_open_labs(file, simulated=simulated):
        note(f"watching the laboratory held open by {client.owner}; Ctrl-C ends the watch only")
        values = _followed if client.is_service else _polled
        _show(values(client, interval_s), duration_s, json=json)
        return
    with open_lab(file, simulated=simulated, seed=seed) as lab:
        _show(_counted(lab, interval_s), duration_s, json=json)


def status(*, json: JsonOption = False) -> int:
    """Tell which laboratories are open on this machine and what they do."""
    from labctl.cli.output import print_json, print_table, say  # noqa: PLC0415
    from labctl.lab import find_open_labs  # noqa: PLC0415

    found = [(client, _state_of(client)) for client in find_open_labs()]
    if json:
        print_json([{"owner": str(c.owner), "pid": c.owner.pid, **s} for c, s in found])
    elif found:
        rows = [_status_row(client, state) for client, state in found]
        print_table(("laboratory", "held by", "emission", "run"), rows)
    else:
        say("no laboratory is open")
    failed = any("error" in state for _, state in found)
    return ExitCode.UNREACHABLE if failed else ExitCode.FINISHED


def safe(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    json: JsonOption = False,
) -> int:
    """Switch everything off that could do harm, now, and confirm it by reading back.

    Every open laboratory is told, and its run ends as aborted. Where none is open, the
    instruments of the configuration are opened for it.
    """
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.lab import find_open_labs  # noqa: PLC0415

    clients = find_open_labs()
    reports = [_safe_in(client) for client in clients]
    if not clients:
        reports = [_safe_here(chosen_config(config, bench), simulated=simulated)]
    if json:
        print_json(reports)
    else:
        for report in reports:
            say(_told(report))
    if any(report["failures"] for report in reports):
        return ExitCode.UNREACHABLE
    return ExitCode.FINISHED


def _safe_in(client: OpenLabClient) -> dict[str, Any]:
    from labctl.errors import LabError  # noqa: PLC0415

    where = {"laboratory": str(client.config), "owner": str(client.owner)}
    try:
        reply = client.ask("safe", timeout_s=10.0)
    except LabError as error:
        return {**where, "confirmed": [], "failures": {"laboratory": str(error)}}
    return {**where, "confirmed": reply["confirmed"], "failures": reply["failures"]}


def _safe_here(file: Path, *, simulated: bool) -> dict[str, Any]:
    from labctl.lab import load_bench, safe_everything  # noqa: PLC0415

    report = safe_everything(load_bench(file), simulated=simulated)
    return {
        "laboratory": str(file),
        "owner": "",
        "confirmed": list(report.confirmed),
        "failures": report.failures,
    }


def _told(report: Mapping[str, Any]) -> str:
    lines = [f"in the laboratory held open by {report['owner']}:"] if report["owner"] else []
    lines += [f"safe: {name}" for name in report["confirmed"]]
    lines += [f"NOT CONFIRMED SAFE: {n}: {reason}" for n, reason in report["failures"].items()]
    return "\n".join(lines)


def _state_of(client: OpenLabClient) -> dict[str, Any]:
    """Return what a laboratory says of itself, or the error that it has instead."""
    from labctl.errors import LabError  # noqa: PLC0415

    try:
        state: dict[str, Any] = client.ask("status", timeout_s=2.0)["status"]
    except LabError as error:
        return {"config": str(client.config), "error": str(error)}
    return state


def _status_row(client: OpenLabClient, state: Mapping[str, Any]) -> tuple[str, str, str, str]:
    if "error" in state:
        return str(client.config), str(client.owner), "UNKNOWN", state["error"]
    run = state.get("run", {})
    doing = run.get("state", "idle")
    if doing in {"running", "paused"}:
        doing = f"{run['experiment']} {doing}, {100 * run['fraction']:.0f} %"
        if run.get("eta_s") is not None:
            doing += f", {run['eta_s']:.0f} s left"
    lights = [f"{name} {'ON' if is_on else 'off'}" for name, is_on in state["emission"].items()]
    badge = " [simulated]" if client.simulated else ""
    return f"{client.config}{badge}", str(client.owner), ", ".join(lights) or "none", doing


def _polled(client: OpenLabClient, interval_s: float) -> Generator[dict[str, Any], None, None]:
    while True:
        state = client.ask("status")["status"]
        yield {"emission": state["emission"], **state.get("run", {}).get("live", {})}
        time.sleep(interval_s)


def _followed(service: OpenLabClient, interval_s: float) -> Generator[dict[str, Any], None, None]:
    from labctl.service import connect  # noqa: PLC0415  --help must stay fast

    with (
        connect(service.config, simulated=service.simulated) as client,
        client.subscribe("rates") as updates,
    ):
        rates: Mapping[str, Any] = {}
        while True:
            due_s = time.monotonic() + interval_s
            while (left_s := due_s - time.monotonic()) > 0:
                update = updates.get(left_s)
                if update is None:
                    break
                if update.topic == "service" and update.data["state"] == "gone":
                    raise LinkError("the acquisition service is gone")
                if update.topic == "rates":
                    rates = update.data
            yield {"emission": client.status()["emission"], **_flat(rates)}


def _flat(rates: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rates of all taggers as a watch without a service has them."""
    values: dict[str, Any] = {}
    for told in rates.get("taggers", {}).values():
        values["live_s"] = told["live_s"]
        for name, rate in (*told["detectors"].items(), *told["pairs"].items()):
            values[f"{name}_hz"] = rate["rate_hz"]
            values[f"{name}_sigma_hz"] = rate["sigma_hz"]
    return values


def _counted(lab: LabSession, interval_s: float) -> Generator[dict[str, Any], None, None]:
    from labctl.runs.watching import LiveCounts  # noqa: PLC0415  numba only when counting

    with LiveCounts(lab.bench) as counts:
        while True:
            yield {"emission": lab.emitting(), **counts.next(interval_s)}


def _show(
    values: Generator[dict[str, Any], None, None], duration_s: float | None, *, json: bool
) -> None:
    from rich.live import Live  # noqa: PLC0415  --help must stay fast

    from labctl.cli.output import console, print_json  # noqa: PLC0415

    end_s = math.inf if duration_s is None else time.monotonic() + duration_s
    with ExitStack() as stack:
        # The streams end before the laboratory closes, however the watch ends.
        stack.callback(values.close)
        screen = None
        if console.is_terminal and not json:
            screen = stack.enter_context(Live(console=console, auto_refresh=False))
        for value in values:
            if screen is None:
                print_json(value)
            else:
                screen.update(_picture(value), refresh=True)
            if time.monotonic() >= end_s:
                return


def _picture(value: Mapping[str, Any]) -> Any:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from labctl.units import format_uncertain  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    table.add_column("counts")
    table.add_column("rate", justify="right")
    for name, is_on in value["emission"].items():
        light = Text("● EMISSION ON" if is_on else "○ off", style="bold red" if is_on else "")
        table.add_row(name, light)
    for key, rate in value.items():
        name = key.removesuffix("_hz")
        if key.endswith("_hz") and not key.endswith("_sigma_hz") and rate is not None:
            sigma = value.get(f"{name}_sigma_hz") or 0.0
            table.add_row(name, format_uncertain(rate, sigma, "/s"))
    return table
