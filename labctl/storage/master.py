"""The master file of a run: a small NeXus file beside it that viewers open and draw at once.

It repeats what the run file says and points at the tags of its parts; all of it is in the run's
own files as well, so that it can be written anew at any time. Its links stay in the run's folder.

```
/                    NXroot  @default "entry"  @format "labctl-master"
  entry/             NXentry  @default "points", "points_<word>", "result" or "tags"
    title start_time end_time entry_identifier program_name
    simulated status reason planned taken repeated
    points/          NXdata: a dataset per column, over the setting that was scanned or the number
    points_<word>/   the same of each scan, where the points are several scans told apart by a word
    result/          NXdata: a dataset per quantity, over the row; `of` names what it is of
    parameters/      NXparameters
    instrument/      NXinstrument with an NXcollection per instrument: identity, simulated,
                     settings_start, settings_end
    figures/         NXcollection of NXnote: PNG bytes
    metadata/        NXcollection: the header of the run file; result_json
    tags/            NXcollection: part1, part2 ... link to /entry/tags of each file of the run
```
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.default_plot import default_plot, scans
from labctl.storage.durability import sync_data, sync_folder
from labctl.storage.names import master_path
from labctl.storage.nexus import draw, new_group, nexus_name, write_facts, write_table, write_text
from labctl.storage.plain import to_json_text
from labctl.storage.reader import RunFile
from labctl.storage.table import Table

__all__ = ["write_master"]

_FORMAT: Final = "labctl-master"
_SIMULATED: Final = "SIMULATED"


def write_master(run: RunFile) -> Path:
    """Write or replace the master file beside the run, in one step; return its path.

    Raises:
        RunFileError: it cannot be written, another program's file has its name, or the run is
            damaged. A master file that was there is then as it was.
    """
    path = master_path(run.path)
    _check_is_ours(path)
    partial = path.with_name(path.name + ".partial")
    try:
        with h5py.File(partial, "w") as file:
            _write_root(file, run, path)
        with partial.open("r+b") as stream:
            sync_data(stream.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except (OSError, RuntimeError, ValueError) as error:
        # HDF5 reports a full disk as RuntimeError as well as OSError.
        raise RunFileError(f"{path} could not be written: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def _check_is_ours(path: Path) -> None:
    if not path.exists():
        return
    with suppress(OSError, RuntimeError), h5py.File(path, "r") as file:
        if file.attrs.get("format") == _FORMAT:
            return
    raise RunFileError(f"{path} exists and is not a master file of labctl; move it away")


def _write_root(file: h5py.File, run: RunFile, path: Path) -> None:
    is_simulated = bool(run.metadata.get("simulated"))
    file.attrs.update(
        {
            "NX_class": "NXroot",
            "default": "entry",
            "format": _FORMAT,
            "file_name": path.name,
            "creator": "labctl",
            "simulated": np.bool_(is_simulated),
        }
    )
    entry = new_group(file, "entry", "NXentry")
    title = f"{run.metadata.get('experiment', 'run')} {run.metadata.get('uid', '')}".strip()
    if is_simulated:
        title = f"{_SIMULATED}: {title}"
    _write_facts(entry, run, title)
    entry.attrs["default"] = "tags"
    # Points last, because a plot of them is preferred.
    for name, table, counter in (
        ("result", run.result_table(), "row"),
        ("points", run.points_table(), "number"),
    ):
        if _write_plot(entry, name, table, (counter, title)):
            entry.attrs["default"] = name
    for word, scan in reversed(scans(run.points_table()).items()):
        name = nexus_name(f"points_{word}")
        if _write_plot(entry, name, scan, ("number", f"{title}, {word}")):
            entry.attrs["default"] = name
    _write_instruments(entry, run)
    _write_figures(entry, run)
    _write_metadata(entry, run)
    _write_links(entry, run)


def _write_facts(entry: h5py.Group, run: RunFile, title: str) -> None:
    end = run.end
    write_text(entry, "title", title)
    write_text(entry, "entry_identifier", str(run.metadata.get("uid", "")))
    write_text(entry, "start_time", str(run.metadata.get("start_utc", "")))
    if end.get("stop_utc"):
        write_text(entry, "end_time", str(end["stop_utc"]))
    program = write_text(entry, "program_name", "labctl")
    program.attrs["version"] = str(run.metadata.get("labctl_version", ""))
    facts = {name: end[name] for name in ("reason", "planned", "taken", "repeated") if name in end}
    write_facts(
        entry,
        {"simulated": bool(run.metadata.get("simulated")), "status": run.status, **facts},
    )
    if run.metadata.get("operator"):
        write_text(new_group(entry, "user", "NXuser"), "name", str(run.metadata["operator"]))
    if run.metadata.get("sample"):
        write_text(new_group(entry, "sample", "NXsample"), "name", str(run.metadata["sample"]))


def _write_plot(entry: h5py.Group, name: str, table: Table, naming: tuple[str, str]) -> bool:
    """Write a table that has rows; return whether it is worth looking at first."""
    counter, title = naming
    if not len(table):
        return False
    if counter not in table.columns:
        table = Table({counter: np.arange(1, len(table) + 1), **table.columns})
    plot = default_plot(table, counter)
    group = write_table(entry, name, table, counter if plot is None else plot.axis)
    if plot is None:
        return False
    draw(group, plot, title)
    return len(table) > 1 or entry.attrs["default"] == "tags"


def _write_instruments(entry: h5py.Group, run: RunFile) -> None:
    instruments = new_group(entry, "instrument", "NXinstrument")
    facts: Mapping[str, Any] = run.metadata.get("instruments") or {}
    snapshots = run.snapshots()
    settings: dict[str, Mapping[str, Any]] = {
        moment: next((s["instruments"] for s in snapshots if s.get("moment") == moment), {})
        for moment in ("start", "end")
    }
    names = dict.fromkeys((*facts, *(name for found in settings.values() for name in found)))
    for name in names:
        group = new_group(instruments, name, "NXcollection")
        _write_mapping(group, facts.get(name, {}))
        for moment, found in settings.items():
            if name in found:
                collection = new_group(group, f"settings_{moment}", "NXcollection")
                _write_mapping(collection, found[name])


def _write_mapping(group: h5py.Group, values: Any) -> None:
    write_facts(group, values if isinstance(values, Mapping) else {"value": values})


def _write_figures(entry: h5py.Group, run: RunFile) -> None:
    figures = new_group(entry, "figures", "NXcollection")
    for name, png in run.figures().items():
        note = new_group(figures, name, "NXnote")
        write_facts(note, {"type": "image/png", "file_name": f"{name}.png"})
        note.create_dataset("data", data=np.frombuffer(png, np.uint8))


def _write_metadata(entry: h5py.Group, run: RunFile) -> None:
    parameters = run.metadata.get("parameters")
    _write_mapping(new_group(entry, "parameters", "NXparameters"), parameters or {})
    metadata = new_group(entry, "metadata", "NXcollection")
    of_the_part = {"part", "former_part"}
    write_facts(metadata, {k: v for k, v in run.metadata.items() if k not in of_the_part})
    write_text(metadata, "result_json", to_json_text(run.result))


def _write_links(entry: h5py.Group, run: RunFile) -> None:
    tags = new_group(entry, "tags", "NXcollection")
    tags.attrs["default"] = "part1"
    for number, part in enumerate(run.parts, 1):
        # A bare name: HDF5 looks for it beside the file that holds the link.
        tags[f"part{number}"] = h5py.ExternalLink(part.name, "/entry/tags")
