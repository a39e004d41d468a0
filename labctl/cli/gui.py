"""`gui`: the acquisition window."""

from __future__ import annotations

import importlib.util
from typing import Annotated

import typer

from labctl.cli.options import BenchOption, ConfigOption, SimulatedOption, chosen_config
from labctl.errors import ConfigError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("gui")(gui)


def gui(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    speed: Annotated[
        float,
        typer.Option("--speed", help="Speed of simulated time, above 0; 1 as the wall."),
    ] = 1.0,
) -> None:
    """Open the acquisition window; attaches to a running service or starts one.

    Closing it stops a service that it started only if no run is active and nothing emits.
    """
    from labctl.cli.output import say  # noqa: PLC0415  --help must stay fast

    if importlib.util.find_spec("PySide6") is None:
        raise ConfigError(
            "the window needs Qt, which is not installed",
            hint="Install it with: pip install 'quantum-labctl[gui]'",
        )
    if not speed > 0:
        raise ConfigError(f"--speed {speed:g}: a service lives in running time; say 1, or more")
    file = chosen_config(config, bench)
    from labctl.gui.app import run_window  # noqa: PLC0415  Qt takes half a second

    if goes_on := run_window(file, simulated=simulated, speed=speed):
        say(goes_on)
