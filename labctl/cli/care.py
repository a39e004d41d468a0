"""`verify`, `recover`, `archive` and `master`: run files that stay sound, are made so, get smaller.

A run of several files is given by any of them; all are dealt with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import JsonOption
from labctl.errors import LimitError

if TYPE_CHECKING:
    from labctl.storage import Damage, Recovery, Verification
    from labctl.storage.scanning import OnProgress

__all__ = ["add_to"]

#: As many lines of damage as people read; --json has all of them.
_DAMAGES_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("verify")(verify)
    app.command("recover")(recover)
    app.command("archive")(archive)
    app.command("master")(master)


def verify(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Run files.")],
    *,
    json: JsonOption = False,
) -> int:
    """Check all that is committed in run files: checksums, index, sums, order of times.

    Exit code 0: all are sound; 1: at least one is damaged.
    """
    from labctl.cli.output import print_json  # noqa: PLC0415  --help must stay fast
    from labctl.storage import verify_parts  # noqa: PLC0415

    found: list[Verification] = []
    for path in _one_of_each_run(paths):
        with _bar(f"verifying {path.name}") as on_progress:
            parts = verify_parts(path, on_progress)
        found += parts
        if not json:
            for part in parts:
                _print_verification(part)
    if json:
        print_json([verification.to_dict() for verification in found])
    is_sound = all(verification.is_sound for verification in found)
    return ExitCode.FINISHED if is_sound else ExitCode.FAILED


def recover(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A killed or damaged run file.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--to", help="The new file; by default NAME.recovered.h5 beside the old."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put the new file in place; keep the old as FILE.damaged."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a finished file of all that is committed and intact in a killed or damaged one."""
    from labctl.cli.output import print_json  # noqa: PLC0415  --help must stay fast
    from labctl.storage import recover_parts, recover_parts_in_place  # noqa: PLC0415

    if replace and out is not None:
        raise LimitError("--to and --replace exclude each other; give one of them")
    with _bar(f"recovering {path.name}") as on_progress:
        if replace:
            recoveries = recover_parts_in_place(path, on_progress)
        else:
            recoveries = recover_parts(path, out, on_progress)
    _write_master_again(recoveries[0].path)
    if json:
        first, *others = [recovery.to_dict() for recovery in recoveries]
        print_json({**first, "further_parts": others})
        return
    for recovery in recoveries:
        _print_recovery(recovery)


def archive(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Finished run files.")],
    *,
    json: JsonOption = False,
) -> int:
    """Pack the tags of finished run files in place; every reader of HDF5 still reads them.

    A run that cannot be packed stays as it is, and the others are packed. Exit code 0: all are
    packed; 1: at least one is not.
    """
    from labctl.cli.output import note, print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.errors import RunFileError  # noqa: PLC0415
    from labctl.storage import archive_run  # noqa: PLC0415

    done: list[dict[str, object]] = []
    has_failed = False
    for path in _one_of_each_run(paths):
        try:
            with _bar(f"archiving {path.name}") as on_progress:
                archived = archive_run(path, on_progress)
        except RunFileError as error:
            has_failed = True
            done.append({"path": str(path), "error": str(error)})
            note(f"error: {error}")
            continue
        done.append(archived.to_dict())
        if not json:
            before, after = archived.bytes_before, archived.bytes_after
            saved = 100 * (1 - after / before)
            say(f"{path}: {before / 1e6:.1f} MB to {after / 1e6:.1f} MB, {saved:.0f} % saved")
    if json:
        print_json(done)
    return ExitCode.FAILED if has_failed else ExitCode.FINISHED


def master(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Run files.")],
    *,
    json: JsonOption = False,
) -> None:
    """Write the NeXus master file of runs anew: what viewers such as silx and NeXpy open and draw.

    It repeats what the run's files say and points at their tags; every run gets one at its end.
    """
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.storage import open_run, write_master  # noqa: PLC0415

    written: list[str] = []
    for path in _one_of_each_run(paths):
        with open_run(path) as run:
            written.append(str(write_master(run)))
        if not json:
            say(f"wrote {written[-1]}")
    if json:
        print_json(written)


def _one_of_each_run(paths: list[Path]) -> list[Path]:
    """Return the paths without further files of a run that is there already."""
    from labctl.storage.names import first_part  # noqa: PLC0415  --help must stay fast

    return list({first_part(path): path for path in reversed(paths)}.values())[::-1]


def _write_master_again(path: Path) -> None:
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast
    from labctl.errors import RunFileError  # noqa: PLC0415
    from labctl.storage import open_run, write_master  # noqa: PLC0415

    try:
        with open_run(path) as run:
            write_master(run)
    except RunFileError as error:
        note(f"warning: no master file was written: {error}")


@contextmanager
def _bar(text: str) -> Iterator[OnProgress]:
    """Show a bar on stderr while the block runs."""
    from rich.progress import Progress  # noqa: PLC0415

    from labctl.cli.output import error_console  # noqa: PLC0415

    with Progress(console=error_console, transient=True) as progress:
        task = progress.add_task(text, total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)


def _print_verification(found: Verification) -> None:
    from labctl.cli.output import say  # noqa: PLC0415

    say(f"{found.path}: {_state(found)}")
    for damage in found.damages[:_DAMAGES_SHOWN]:
        say(f"  {damage.where}: {damage.what}{_cost(damage)}")
    more = len(found.damages) - _DAMAGES_SHOWN
    if more > 0:
        say(f"  and {more} more (--json lists all)")
    for name, sums in found.taggers.items():
        said = "readable" if found.damages else "all readable"
        say(
            f"  {name}: {sums.tags} tags in {sums.appends - sums.appends_unreadable} of "
            f"{sums.appends} appends {said}{_interval(sums.start_ps, sums.stop_ps)}, "
            f"{sums.lost} recorded as lost"
        )
        if sums.overlaps:
            say(f"  {name}: {sums.overlaps} appends begin before the one before them ends")
    kept = [f"{count} {name}" for name, count in found.records.items() if count]
    if found.damages and kept:
        say(f"  also readable: {', '.join(kept)}")


def _state(found: Verification) -> str:
    if found.state != "unfinished":
        return found.state if found.state == "intact" else "DAMAGED"
    if found.is_growing:
        return "unfinished but sound; its recorder is still writing it"
    return "unfinished but sound; its recorder was killed (labctl recover finishes it)"


def _cost(damage: Damage) -> str:
    costs = f" ({damage.tags_unreadable} tags unreadable)" if damage.tags_unreadable else ""
    return f"{_interval(damage.start_ps, damage.stop_ps)}{costs}"


def _interval(start_ps: int | None, stop_ps: int | None) -> str:
    if start_ps is None or stop_ps is None:
        return ""
    return f" from {start_ps} to {stop_ps} ps"


def _print_recovery(recovery: Recovery) -> None:
    from labctl.cli.output import note, say  # noqa: PLC0415

    say(f"wrote {recovery.path}")
    for name, tags in recovery.tags.items():
        say(f"  {name}: {tags} tags")
    kept = [f"{count} {name}" for name, count in recovery.records.items() if count]
    say(f"  {', '.join(kept)}")
    if recovery.kept is not None:
        say(f"the original is now {recovery.kept}")
    for problem in recovery.problems[:_DAMAGES_SHOWN]:
        note(f"not recovered: {problem}")
    more = len(recovery.problems) - _DAMAGES_SHOWN
    if more > 0:
        note(f"and {more} more (--json lists all)")
