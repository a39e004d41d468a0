"""`init` and `list`: what exists, without touching an instrument."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from labctl.cli.options import BenchOption, ConfigOption, JsonOption, chosen_config
from labctl.errors import ConfigError

__all__ = ["add_to"]


class Listed(StrEnum):
    """What `labctl list` can list."""

    INSTRUMENTS = "instruments"
    EXPERIMENTS = "experiments"
    DRIVERS = "drivers"
    BENCHES = "benches"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("init")(init)
    app.command("list")(list_)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("instruments.toml"),
    *,
    bench: BenchOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a commented instruments.toml to start from."""
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.lab import bench_path  # noqa: PLC0415

    text = bench_path(bench or "default").read_text(encoding="utf-8")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists", hint="Use --force to replace it, or name another.")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    if json:
        print_json({"written": str(path)})
    else:
        say(f"wrote {path}; look at the addresses, then `labctl check --simulated`")


def list_(
    what: Annotated[Listed | None, typer.Argument(help="By default everything.")] = None,
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    json: JsonOption = False,
) -> None:
    """List the instruments of the bench, and the experiments, drivers and benches there are."""
    from labctl.cli.output import print_json, print_table  # noqa: PLC0415

    collectors = {
        Listed.INSTRUMENTS: lambda: _instruments(chosen_config(config, bench)),
        Listed.EXPERIMENTS: _experiments,
        Listed.DRIVERS: _drivers,
        Listed.BENCHES: _benches,
    }
    found = {kind.value: collectors[kind]() for kind in ([what] if what else list(Listed))}
    if json:
        print_json(found)
        return
    for kind, rows in found.items():
        columns = list(rows[0]) if rows else ["none"]
        cells = [[_text(row[column]) for column in columns] for row in rows]
        print_table(columns, cells, title=kind if what is None else None)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _instruments(path: Path) -> list[dict[str, Any]]:
    from labctl.lab import load_bench  # noqa: PLC0415

    loaded = load_bench(path)
    return [
        {
            "name": name,
            "driver": instrument.driver,
            "kinds": list(loaded.drivers[name].kinds),
            "address": instrument.address,
        }
        for name, instrument in loaded.config.instruments.items()
    ]


def _experiments() -> list[dict[str, Any]]:
    from labctl.device import plugins  # noqa: PLC0415
    from labctl.runs import load_experiment  # noqa: PLC0415

    found = []
    for name in plugins("labctl.experiments"):
        experiment = load_experiment(name)
        fields = experiment.parameters.model_fields
        parameters = [
            f"{key}={'' if field.default is None else _text(field.default)}"
            for key, field in fields.items()
        ]
        found.append({"name": name, "summary": experiment.summary, "parameters": parameters})
    return found


def _drivers() -> list[dict[str, Any]]:
    from labctl.device import load_driver, plugins  # noqa: PLC0415

    return [
        {
            "name": name,
            "kinds": list(load_driver(name).kinds),
            "simulated": name in plugins("labctl.simulators"),
            "package": point.dist.name if point.dist else "",
        }
        for name, point in plugins("labctl.drivers").items()
    ]


def _benches() -> list[dict[str, Any]]:
    from labctl.lab import benches, load_bench  # noqa: PLC0415

    return [
        {"name": name, "about": load_bench(path).config.lab.name, "file": str(path)}
        for name, path in benches().items()
    ]
