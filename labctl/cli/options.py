"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.errors import ConfigError

__all__ = [
    "BenchOption",
    "ConfigOption",
    "JsonOption",
    "SeedOption",
    "SimulatedOption",
    "SpeedOption",
    "chosen_config",
]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="LABCTL_CONFIG",
        help="Configuration; by default ./instruments.toml, else the packaged default bench.",
        show_default=False,
    ),
]
BenchOption = Annotated[
    str | None,
    typer.Option("--bench", help="A packaged bench (`labctl list benches`) instead of a file."),
]
SimulatedOption = Annotated[
    bool,
    typer.Option(
        "--simulated",
        envvar="LABCTL_SIMULATED",
        help="Replace every instrument by a simulated one.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, envvar="LABCTL_SEED", help="Seed of the simulated world."),
]
SpeedOption = Annotated[
    float,
    typer.Option(
        "--speed",
        min=0.0,
        envvar="LABCTL_SPEED",
        help="Speed of simulated time: 1 as the wall, 0 as fast as it can.",
    ),
]


def chosen_config(config: Path | None, bench: str | None) -> Path:
    """Return the configuration file that the options name.

    Raises:
        ConfigError: both options were given, or the bench is unknown.
    """
    from labctl.lab import bench_path, find_config  # noqa: PLC0415  --help must stay fast

    if bench is None:
        return find_config(config)
    if config is not None:
        raise ConfigError("--config and --bench exclude each other; give one of them")
    return bench_path(bench)
