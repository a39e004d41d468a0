"""`show` and `count`: what is in a file, without instruments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.channels import parse_delays, parse_pairs
from labctl.cli.options import JsonOption
from labctl.errors import LimitError, RunFileError

if TYPE_CHECKING:
    from labctl.analysis import Convention
    from labctl.storage import RunFile
    from labctl.tags.formats import TagSource

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("show")(show)
    app.command("count")(count)


def show(
    path: Annotated[Path, typer.Argument(help="A run file.")],
    *,
    png: Annotated[
        Path | None, typer.Option("--png", help="Write the run's figure.", show_default=False)
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Every setting of every instrument too.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what a run file holds: how it ended, its result, points and instruments."""
    from labctl.cli.output import note, print_json, simulated_badge  # noqa: PLC0415
    from labctl.storage import open_run  # noqa: PLC0415

    with open_run(path) as run:
        summary = _summary(path, run)
        if png is not None:
            _write_figure(run, png)
            note(f"wrote {png}")
    if json:
        print_json(summary)
        return
    if summary["simulated"]:
        simulated_badge()
    _print_summary(summary)
    if settings:
        _print_settings(summary["snapshots"])


def count(
    path: Annotated[Path, typer.Argument(help="A tag file: quTAG, PTU, a1, or a run.")],
    *,
    pairs: Annotated[
        str | None, typer.Option("--pairs", help="Channel pairs such as 1-2,1-5; all if left out.")
    ] = None,
    window_full_ps: Annotated[
        int, typer.Option("--window-full-ps", help="Full width of the coincidence window.")
    ] = 2000,
    convention: Annotated[
        str,
        typer.Option("--convention", help="all_pairs, any_partner or greedy_one_to_one."),
    ] = "all_pairs",
    delays: Annotated[
        str | None, typer.Option("--delays", help="Delays to subtract: 1=0,2=350 (ps).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Count singles and coincidences in a recorded file."""
    from labctl.cli.counting import count_file  # noqa: PLC0415  --help must stay fast
    from labctl.cli.output import note, print_json  # noqa: PLC0415
    from labctl.tags.formats import open_tags  # noqa: PLC0415

    source = open_tags(path)
    counted = count_file(
        source,
        parse_pairs(pairs) if pairs is not None else None,
        window_full_ps,
        _convention(convention),
        parse_delays(delays),
    )
    if json:
        print_json(counted)
        return
    _print_counts(source, counted)
    for warning in counted["warnings"]:
        note(f"warning: {warning}")


def _write_figure(run: RunFile, png: Path) -> None:
    figures = run.figures()
    if not figures:
        raise RunFileError(f"{run.path} holds no figure: the run was {run.status}")
    try:
        png.write_bytes(next(iter(figures.values())))
    except OSError as error:
        raise RunFileError(f"{png} cannot be written: {error.strerror}") from error


def _convention(text: str) -> Convention:
    from labctl.errors import nearest  # noqa: PLC0415

    known: dict[str, Convention] = {
        "all_pairs": "all_pairs",
        "any_partner": "any_partner",
        "greedy_one_to_one": "greedy_one_to_one",
    }
    if text not in known:
        raise LimitError(
            f'--convention: "{text}" is unknown{nearest(text, known)}; '
            f"known are: {', '.join(known)}"
        )
    return known[text]


def _print_counts(source: TagSource, counted: dict[str, Any]) -> None:
    from labctl.cli.output import print_table, say  # noqa: PLC0415
    from labctl.units import format_uncertain  # noqa: PLC0415

    say(
        f"{source.path.name}: {source.format_name}, {counted['tags']} tags in "
        f"{counted['duration_s']:.4f} s, {counted['steps_backward']} neighbours out of order"
    )
    print_table(
        ("channel", "counts ", "rate (/s) "),
        [
            (
                str(row["channel"]),
                str(row["counts"]),
                format_uncertain(row["rate_hz"], row["rate_sigma_hz"]),
            )
            for row in counted["singles"]
        ],
    )
    if counted["pairs"]:
        print_table(
            ("pair", "coincidences ", "± ", "accidentals (product) ", "± "),
            [
                (
                    row["pair"],
                    str(row["coincidences"]),
                    f"{row['coincidences_sigma']:.1f}",
                    f"{row['accidentals']:.2f}",
                    f"{row['accidentals_sigma']:.2f}",
                )
                for row in counted["pairs"]
            ],
            title=f"{counted['convention']}, full window {counted['window_full_ps']} ps",
        )


def _summary(path: Path, run: RunFile) -> dict[str, Any]:
    metadata = dict(run.metadata)
    return {
        "path": str(path),
        "experiment": metadata.get("experiment"),
        "uid": metadata.get("uid"),
        "status": run.status,
        "reason": run.end.get("reason", ""),
        "simulated": bool(metadata.get("simulated")),
        "start_utc": metadata.get("start_utc"),
        "parameters": metadata.get("parameters"),
        "instruments": metadata.get("instruments"),
        "planned": run.end.get("planned", metadata.get("planned")),
        "taken": run.end.get("taken", len(run.points())),
        "repeated": run.end.get("repeated", 0),
        "tags": run.tag_counts(),
        "result": run.result,
        "snapshots": run.snapshots(),
        "labctl": metadata.get("labctl_version"),
    }


def _print_summary(summary: dict[str, Any]) -> None:
    from labctl.cli.output import note, print_table, say  # noqa: PLC0415
    from labctl.cli.results import print_rows  # noqa: PLC0415

    reason = f" ({summary['reason']})" if summary["reason"] else ""
    say(f"{summary['experiment']} {summary['uid']}: {summary['status']}{reason}")
    say(f"started {summary['start_utc']}, {summary['taken']} of {summary['planned']} points")
    for tagger, tags in summary["tags"].items():
        say(f"{tagger}: {tags} tags")
    instruments = summary["instruments"] or {}
    print_table(
        ("instrument", "model", "serial", "address", ""),
        [
            (
                name,
                f"{facts['manufacturer']} {facts['model']}",
                facts["serial"],
                facts["address"],
                "simulated" if facts["simulated"] else "",
            )
            for name, facts in instruments.items()
        ],
    )
    result = summary["result"] or {}
    if result.get("table"):
        print_rows(result["table"])
    for warning in result.get("warnings", ()):
        note(f"warning: {warning}")


def _print_settings(snapshots: list[dict[str, Any]]) -> None:
    """Print every setting of every instrument, a column per snapshot."""
    from labctl.cli.output import print_table  # noqa: PLC0415

    moments = [str(snapshot["moment"]) for snapshot in snapshots]
    names: dict[str, None] = {}
    for snapshot in snapshots:
        for instrument, settings in snapshot["instruments"].items():
            names |= {f"{instrument}.{setting}": None for setting in dict(settings)}
    print_table(
        ("setting", *moments),
        [[name, *(_setting(snapshot, name) for snapshot in snapshots)] for name in names],
    )


def _setting(snapshot: dict[str, Any], name: str) -> str:
    from labctl.units import format_quantity, unit_of  # noqa: PLC0415

    instrument, _, setting = name.partition(".")
    value = dict(snapshot["instruments"].get(instrument, {})).get(setting)
    return "—" if value is None else format_quantity(value, unit_of(setting))
