"""`export`: a run's tags or points in a format of other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.options import JsonOption
from labctl.errors import LimitError

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("export")(export)


def export(
    path: Annotated[Path, typer.Argument(metavar="RUNFILE", help="A run file.")],
    *,
    to: Annotated[str, typer.Option("--to", help="npz, csv, qutag, ptu, parquet or photon-hdf5.")],
    what: Annotated[
        str, typer.Option("--what", help="tags, or points (csv and parquet only).")
    ] = "tags",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to; by default beside the run.", show_default=False),
    ] = None,
    tagger: Annotated[
        str | None,
        typer.Option("--tagger", help="Which, where the run has several (photon-hdf5: all)."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it exists; never a run file.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a run's tags or points for other programs; says what the format cannot hold."""
    from labctl.cli.output import note, print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.storage import open_run  # noqa: PLC0415
    from labctl.storage.export import check_target, default_path, plan_export  # noqa: PLC0415

    if what not in ("tags", "points"):
        raise LimitError(f'--what "{what}" is unknown; known are: tags, points')
    of_points = what == "points"
    target = out or default_path(path, to, of_points=of_points, tagger=tagger)
    with open_run(path) as run, _progress(is_shown=not json) as tell:
        check_target(target, replaces=force)
        plan = plan_export(run, to, of_points=of_points, tagger=tagger)
        n_bytes = plan.write(target, replaces=force, tell=tell)
    if json:
        survey = plan.survey
        print_json(
            {
                "path": str(target),
                "format": to,
                what: plan.rows,
                "bytes": n_bytes,
                "warnings": plan.warnings,
                **({"start_ps": survey.start_ps, "stop_ps": survey.stop_ps} if survey else {}),
                **({"lost": survey.lost, "flagged": survey.flagged} if survey else {}),
            }
        )
        return
    say(f"wrote {plan.rows} {what}, {n_bytes} bytes, to {target}")
    for warning in plan.warnings:
        note(f"warning: {warning}")


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Callable[[float], None]]:
    from rich.progress import Progress  # noqa: PLC0415  --help must stay fast

    from labctl.cli.output import error_console  # noqa: PLC0415

    with Progress(console=error_console, transient=True, disable=not is_shown) as progress:
        task = progress.add_task("reading", total=None)

        def tell(fraction: float) -> None:
            progress.update(task, description="writing", total=1.0, completed=fraction)

        yield tell
