"""`replay`, `correlate` and `runs`: what was recorded, looked at again."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.channels import parse_delays, parse_pairs
from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import ConfigOption, JsonOption
from labctl.errors import LimitError, RunFileError

if TYPE_CHECKING:
    from labctl.analysis import Correlation
    from labctl.runs.finding import FoundRun

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("replay")(replay)
    app.command("correlate")(correlate)
    app.command("runs")(runs)


def replay(
    path: Annotated[Path, typer.Argument(help="A run file, or any readable tag file.")],
    *,
    speed: Annotated[
        float,
        typer.Option("--speed", min=0.0, help="1 as recorded, N faster, 0 as fast as it can."),
    ] = 0.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Keep the replay's run file here.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Play a recording through the live pipeline and print what it gives.

    A run file is replayed as the run it was and compared with its original result; any other
    tag file is counted from beginning to end.
    """
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.cli.progress import BarDisplay, QuietDisplay  # noqa: PLC0415
    from labctl.cli.results import outcome_dict, print_result  # noqa: PLC0415
    from labctl.cli.run import drive  # noqa: PLC0415
    from labctl.runs.replaying import prepare_replay  # noqa: PLC0415

    recording = prepare_replay(path)
    with (
        tempfile.TemporaryDirectory() as scratch,
        recording.open(speed=speed) as lab,
        QuietDisplay() if json else BarDisplay() as display,
    ):
        parents = (recording.parent or path.name,)
        run = lab.start(
            recording.experiment, recording.parameters, folder=out or scratch, parents=parents
        )
        outcome = drive(lab, run, display)
    same = recording.original is not None and outcome.result is not None
    same = same and outcome.result.to_dict() == recording.original
    if json:
        print_json({**outcome_dict(outcome), "same_as_original": same, "tags": recording.tags})
    else:
        print_result(outcome.result, outcome.warnings)
        if recording.original is not None:
            say(f"the original run's result is {'the same' if same else 'DIFFERENT'}")
    return ExitCode.FINISHED if outcome.status == "finished" else ExitCode.ABORTED


def correlate(
    path: Annotated[Path, typer.Argument(help="A tag file: quTAG, PTU, a1, or a run.")],
    *,
    pairs: Annotated[str, typer.Option("--pairs", help="Channel pairs such as 1-2,1-5.")],
    range_ps: Annotated[
        int, typer.Option("--range-ps", help="Largest lag, to either side.")
    ] = 100_000,
    bin_ps: Annotated[int, typer.Option("--bin-ps", help="Width of a bin.")] = 100,
    delays: Annotated[
        str | None, typer.Option("--delays", help="Delays to subtract: 1=0,2=350 (ps).")
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw the histograms.", show_default=False)
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the histograms.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Histogram the time differences of channel pairs: lag = second minus first."""
    from labctl.cli.counting import correlate_file  # noqa: PLC0415  --help must stay fast
    from labctl.cli.output import note, print_json, say  # noqa: PLC0415
    from labctl.tags.formats import open_tags  # noqa: PLC0415

    if range_ps <= 0 or bin_ps <= 0:
        raise LimitError(f"--range-ps {range_ps} and --bin-ps {bin_ps} must both be positive")
    source = open_tags(path)
    found = correlate_file(source, parse_pairs(pairs), range_ps, bin_ps, parse_delays(delays))
    written = []
    if csv_file is not None:
        _write(csv_file, lambda file: _write_csv(file, found))
        written.append(csv_file)
    if png is not None:
        from labctl.figures import correlation_figure, render  # noqa: PLC0415

        title = f"{path.name}, bins of {bin_ps} ps"
        names = [f"{a}-{b}" for a, b in found.pairs]
        figure = correlation_figure(found.lags_ps, found.counts, names, title=title)
        _write(png, lambda file: file.write_bytes(render(figure)))
        written.append(png)
    if json:
        print_json(_correlation_dict(found))
    else:
        for line in _told(found):
            say(line)
    for file in written:
        note(f"wrote {file}")
    for warning in source.warnings:
        note(f"warning: {warning}")


def runs(  # noqa: PLR0913  each is an option of the command line
    folder: Annotated[
        Path | None, typer.Argument(help="Where to look; by default the data folder.")
    ] = None,
    *,
    experiment: Annotated[str | None, typer.Option("--experiment")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="finished, aborted, failed or interrupted.")
    ] = None,
    operator: Annotated[str | None, typer.Option("--operator", help="Who ran it.")] = None,
    date: Annotated[
        str | None, typer.Option("--date", help="UTC: 2026, 2026-11 or 2026-11-23.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Found anywhere in what a run says of itself.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Newest runs to list.")] = 20,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Find runs, newest first; damaged files are shown as such."""
    from labctl.cli.output import print_json, print_table, say  # noqa: PLC0415
    from labctl.lab import find_config, load_bench  # noqa: PLC0415
    from labctl.runs.finding import find_runs  # noqa: PLC0415
    from labctl.runs.recording import default_data_folder  # noqa: PLC0415

    where = folder or default_data_folder(load_bench(find_config(config)).config)
    found = find_runs(
        where,
        experiment=experiment,
        status=status,
        operator=operator,
        date=date,
        text=text,
        limit=limit,
    )
    if json:
        print_json([run.to_dict() for run in found])
        return
    if not found:
        say(f"no runs in {where}")
        return
    rows = [
        (run.start_utc[:19], run.experiment, run.uid, run.status, run.badge, _within(where, run))
        for run in found
    ]
    say(f"runs in {where}")
    print_table(("start (UTC)", "experiment", "uid", "status", "", "file"), rows)


def _within(folder: Path, run: FoundRun) -> str:
    name = str(run.path.relative_to(folder))
    return f"{name}: {run.reason}" if run.status == "damaged" else name


def _write(path: Path, write: Any) -> None:
    try:
        write(path)
    except OSError as error:
        raise RunFileError(f"{path} cannot be written: {error.strerror}") from error


def _write_csv(path: Path, found: Correlation) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["lag_ps", *(f"{a}-{b}" for a, b in found.pairs)])
        for column, lag in enumerate(found.lags_ps.tolist()):
            writer.writerow([lag, *found.counts[:, column].tolist()])


def _correlation_dict(found: Correlation) -> dict[str, Any]:
    return {
        "convention": found.convention,
        "bin_ps": found.bin_ps,
        "lags_ps": found.lags_ps.tolist(),
        "counts": {
            f"{a}-{b}": found.counts[row].tolist() for row, (a, b) in enumerate(found.pairs)
        },
    }


def _told(found: Correlation) -> list[str]:
    lines = []
    centre = len(found.lags_ps) // 2
    for row, (a, b) in enumerate(found.pairs):
        counts = found.counts[row]
        highest = int(counts.argmax())
        lines.append(
            f"{a}-{b}: {int(counts.sum())} pairs in {len(counts)} bins of {found.bin_ps} ps, "
            f"{int(counts[centre])} at zero lag, most {int(counts[highest])} at "
            f"{int(found.lags_ps[highest])} ps, mean {counts.mean():.2f} a bin"
        )
    return lines
