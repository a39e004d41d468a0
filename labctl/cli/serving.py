"""`simulate serve`: the simulated instruments for other programs, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SeedOption,
    chosen_config,
)

if TYPE_CHECKING:
    from labctl.lab.serving import ServedBench, ServedEntry

__all__ = ["add_to"]

_A_LONG_TIME_S = 86_400.0


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("serve")(serve)


def serve(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    seed: SeedOption = 0,
    speed: Annotated[
        float,
        typer.Option(
            "--speed",
            envvar="LABCTL_SPEED",
            help="Speed of simulated time, above 0; 1 as the wall.",
        ),
    ] = 1.0,
    base_port: Annotated[
        int | None,
        typer.Option(
            "--base-port",
            min=1,
            max=65_535,
            help="TCP port of the first instrument, the others follow; by default any free ones.",
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", help="Write an instruments.toml that leads to what is served."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Serve every instrument of a bench, simulated, on this machine's loopback until Ctrl-C.

    Each gets a TCP port, serial ones also a serial port (a pty). Any program can talk to them;
    one at a time per TCP port, a second is refused. Labctl itself opens them like a real bench
    with the file of --write (without --simulated; LABCTL_SIMULATED_ONLY must not be set).
    """
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast
    from labctl.lab import load_bench  # noqa: PLC0415
    from labctl.lab.serving import ServedBench  # noqa: PLC0415

    loaded = load_bench(chosen_config(config, bench))
    with _termination_interrupts():
        with ServedBench(loaded, seed=seed, speed=speed, base_port=base_port) as served:
            try:
                if write is not None:
                    served.write_configuration(write)
                _show(served, json=json)
                while True:
                    time.sleep(_A_LONG_TIME_S)
            except KeyboardInterrupt:
                _ignore_interrupts()
            dropped = {w: t["dropped_bytes"] for w, t in served.traffic().items()}
        lost = ", ".join(f"{wire} {count}" for wire, count in dropped.items() if count)
        note(f"closed; bytes dropped because nobody read them: {lost or 'none'}")


def _show(served: ServedBench, *, json: bool) -> None:
    from labctl.cli.output import note, print_json, print_table, simulated_badge  # noqa: PLC0415

    if json:
        print_json([_row(entry) for entry in served.entries])
        return
    simulated_badge()
    columns = ("instrument", "TCP", "serial port", "model")
    print_table(columns, [_cells(entry) for entry in served.entries])
    note("served until Ctrl-C, to any program on this machine; serial ports take any baud rate")


def _row(entry: ServedEntry) -> dict[str, Any]:
    row = {
        "name": entry.name,
        "model": entry.model,
        "address": entry.address,
        "settings": entry.settings,
    }
    return row | ({"not_served": entry.not_served} if entry.not_served else {})


def _cells(entry: ServedEntry) -> tuple[str, ...]:
    settings = entry.settings
    if entry.not_served:
        return entry.name, "", "", f"not served: {entry.not_served}"
    ports = (settings["port"], *settings["companion_ports"].values())
    tcp = f"{settings['host']}:{', '.join(str(port) for port in ports)}"
    return entry.name, tcp, settings.get("pty", ""), entry.model


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, and put both back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_interrupts() -> None:
    """Let closing, which takes a fraction of a second, come to its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
