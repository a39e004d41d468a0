"""Which formats there are, what each can hold, and the export of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from labctl.errors import LimitError, RunFileError, nearest
from labctl.storage.export import ptu, qutag_binary
from labctl.storage.export.comma_separated import write_csv, write_points_csv
from labctl.storage.export.meter import Meter
from labctl.storage.export.new_file import new_file
from labctl.storage.export.numpy_archive import write_npz
from labctl.storage.export.parquet import check_pyarrow, write_parquet, write_points_parquet
from labctl.storage.export.photon_hdf5 import write_photon_hdf5
from labctl.storage.export.points import point_columns
from labctl.storage.export.survey import Survey, TagStream, survey_tags, together
from labctl.storage.reader import RunFile

__all__ = ["POINT_FORMATS", "TAG_FORMATS", "Export", "default_path", "plan_export"]

_Write: TypeAlias = Callable[[BinaryIO, Sequence[TagStream], Meter], None]
_WriteOne: TypeAlias = Callable[[BinaryIO, TagStream, Meter], None]
_WritePoints: TypeAlias = Callable[[BinaryIO, dict[str, list[Any]]], None]


@dataclass(frozen=True, slots=True)
class _TagFormat:
    """A format of tags.

    Attributes:
        extension: of its files, without the first dot.
        highest_channel: None where every channel and time fits.
        holds_several: whether one file takes the streams of several taggers.
        losses: where the file has losses, flags and covered intervals, None where nowhere.
    """

    write: _Write
    extension: str
    highest_channel: int | None = None
    holds_several: bool = False
    losses: str | None = None


def _alone(write: _WriteOne) -> _Write:
    return lambda file, streams, meter: write(file, streams[0], meter)


TAG_FORMATS: Final[Mapping[str, _TagFormat]] = {
    "npz": _TagFormat(_alone(write_npz), "npz"),
    "csv": _TagFormat(_alone(write_csv), "csv"),
    "qutag": _TagFormat(_alone(qutag_binary.write_qutag), "qutag", qutag_binary.HIGHEST_CHANNEL),
    "ptu": _TagFormat(_alone(ptu.write_ptu), "ptu", ptu.HIGHEST_CHANNEL),
    "parquet": _TagFormat(_alone(write_parquet), "parquet"),
    "photon-hdf5": _TagFormat(
        write_photon_hdf5, "photon.hdf5", holds_several=True, losses="/user/labctl/taggers"
    ),
}
POINT_FORMATS: Final[Mapping[str, _WritePoints]] = {
    "csv": write_points_csv,
    "parquet": write_points_parquet,
}


@dataclass(frozen=True, slots=True)
class Export:
    """What will be written.

    Attributes:
        rows: how many tags or points.
        warnings: what the format does not hold, and what the reader of the file should know.
        survey: facts of the tags, of all taggers together; None for points.
    """

    rows: int
    warnings: tuple[str, ...]
    survey: Survey | None
    _write: Callable[[BinaryIO, Meter], None]

    def write(
        self, path: Path, *, replaces: bool, tell: Callable[[float], None] = lambda _: None
    ) -> int:
        """Write the file, which appears when it is complete, and return its size in bytes.

        `tell` hears the fraction that is done.

        Raises:
            RunFileError: it cannot be written, or exists and `replaces` is False, or is a run.
        """
        with new_file(path, replaces=replaces) as file:
            self._write(file, Meter(self.rows, tell))
            return file.seek(0, 2)


def default_path(path: Path, to: str, *, of_points: bool, tagger: str | None) -> Path:
    """Return the run's own name with the format's extension, points and tagger told apart.

    Raises:
        LimitError: the format is unknown.
    """
    _check_format(to, of_points=of_points)
    middle = "_points" if of_points else f"_{tagger}" if tagger else ""
    extension = to if of_points else TAG_FORMATS[to].extension
    return path.with_name(f"{path.stem}{middle}.{extension}")


def plan_export(run: RunFile, to: str, *, of_points: bool, tagger: str | None = None) -> Export:
    """Look through the run and return what would be written in the format `to`.

    Raises:
        LimitError: the format or the tagger is unknown, or several taggers leave it open.
        RunFileError: the run is damaged, or the format cannot hold it.
    """
    _check_format(to, of_points=of_points)
    if to == "parquet":
        check_pyarrow()
    if of_points:
        columns = point_columns(run)
        rows = len(columns["number"])
        return Export(
            rows,
            tuple(_warnings_of_points(run)),
            None,
            lambda file, _meter: POINT_FORMATS[to](file, columns),
        )
    chosen = TAG_FORMATS[to]
    names = _tagger_names(run, tagger, several=chosen.holds_several)
    streams = [TagStream(run, name, survey_tags(run, name)) for name in names]
    warnings = list(_warnings_of_run(run))
    for stream in streams:
        _refuse_misfits(run.path, to, chosen, stream.survey)
        prefix = f"{stream.tagger}: " if len(streams) > 1 else ""
        warnings += [f"{prefix}{text}" for text in _warnings_of_tags(stream, to, chosen)]
    survey = together([stream.survey for stream in streams])
    return Export(
        survey.tags,
        tuple(warnings),
        survey,
        lambda file, meter: chosen.write(file, streams, meter),
    )


def _check_format(to: str, *, of_points: bool) -> None:
    known = list(POINT_FORMATS if of_points else TAG_FORMATS)
    if to not in known:
        what = "points" if of_points else "tags"
        raise LimitError(
            f'"{to}" is no format for {what}{nearest(to, known)}; known are: {", ".join(known)}'
        )


def _tagger_names(run: RunFile, tagger: str | None, *, several: bool) -> list[str]:
    names = list(run.taggers)
    if not names:
        raise RunFileError(f"{run.path} has no tags: its run used no tagger")
    if tagger is None:
        if len(names) > 1 and not several:
            raise LimitError(
                f"{run.path} has the tags of {', '.join(names)}; name one with --tagger"
            )
        return names
    if tagger not in names:
        raise LimitError(
            f'{run.path} has no tagger "{tagger}"{nearest(tagger, names)}; '
            f"its taggers are: {', '.join(names)}"
        )
    return [tagger]


def _refuse_misfits(path: Path, to: str, chosen: _TagFormat, survey: Survey) -> None:
    highest, first_ps = survey.highest_channel, survey.first_ps
    if chosen.highest_channel is None or highest is None or first_ps is None:
        return
    hint = "Export to npz, csv or parquet, which hold every tag."
    if highest > chosen.highest_channel:
        raise RunFileError(
            f"{path} has tags on channel {highest}; {to} files hold channels 0 to "
            f"{chosen.highest_channel}",
            hint=hint,
        )
    if first_ps < 0:
        raise RunFileError(
            f"{path} has a tag at {first_ps} ps; {to} files hold no times before 0", hint=hint
        )


def _warnings_of_run(run: RunFile) -> Iterator[str]:
    status = run.status
    if status in ("interrupted", "running"):
        yield f"the run has no end (status {status}); what it had committed is exported"


def _warnings_of_points(run: RunFile) -> Iterator[str]:
    yield from _warnings_of_run(run)
    if run.metadata.get("simulated"):
        yield "the run is simulated"


def _warnings_of_tags(stream: TagStream, to: str, chosen: _TagFormat) -> Iterator[str]:
    survey = stream.survey
    if stream.run.taggers[stream.tagger].simulated:
        yield "the tags are simulated"
    if survey.lost or survey.flagged:
        found = f"{survey.lost} lost tags and {survey.flagged} flagged intervals of the run are"
        if chosen.losses is None:
            yield f"{found} not marked in the {to} file; its live time is not known from it"
        else:
            yield f"{found} listed in {chosen.losses} of the file, where no other program looks"
    if to == "ptu" and survey.start_ps is not None and survey.start_ps > 0:
        yield (
            f"the recording begins at {survey.start_ps} ps, which the ptu file does not say: it "
            "counts from 0"
        )
    if survey.uncovered and chosen.losses is None:
        yield f"{survey.uncovered} stretches without recording are not marked in the {to} file"
    elif survey.uncovered:
        yield (
            f"{survey.uncovered} stretches without recording are told by {chosen.losses} of the "
            "file only"
        )
    if survey.steps_backward and to == "ptu":
        yield (
            f"the times step backward {survey.steps_backward} times; PTU holds no step over a "
            "multiple of 2^25 ps (33.6 µs): such tags were moved forward to it"
        )
    elif survey.steps_backward:
        yield f"the times step backward {survey.steps_backward} times, as they were recorded"
