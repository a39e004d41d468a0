"""Replays what was recorded through the live pipeline.

A run file is replayed as the run it was: same configuration, experiment, parameters and
delays, the same intervals of tag time in each dwell, with the recorded tags in the place of the
tagger and everything else simulated. Any other tag file is counted from beginning to end.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labctl.errors import RunFileError
from labctl.lab import LoadedBench, check_table
from labctl.runs.session import LabSession
from labctl.storage import RunFile, open_run
from labctl.tags import TagFeed
from labctl.tags.formats import open_tags

__all__ = ["Replay", "prepare_replay"]


@dataclass(frozen=True, slots=True)
class Replay:
    """A recording, ready to be replayed.

    Attributes:
        experiment: which experiment is run on it.
        parameters: with these.
        parent: uid of the recorded run; empty for a foreign file.
        original: the recorded run's result, to compare with; None for a foreign file.
        tags: how many tags the file holds.
    """

    bench: LoadedBench
    experiment: str
    parameters: Mapping[str, Any]
    parent: str
    original: Any
    dwells: tuple[tuple[int, int], ...]
    tagger: str
    seed: int
    tags: int

    def open(self, *, speed: float) -> LabSession:
        """Open the laboratory of the recording; `speed` 0 plays as fast as it can be counted."""
        lab = LabSession(self.bench, seed=self.seed, speed=speed)
        # A bench without simulated instruments has the wall's clock: the player does the pacing.
        lab.set(f"{self.tagger}.speed", 1.0 if lab.simulation is not None and speed else speed)
        if self.dwells:
            lab.bench.recorded_dwells = iter(self.dwells)
        lab.bench.recorded_feed = TagFeed(lab.bench.pumps[self.tagger])
        return lab


def prepare_replay(path: Path) -> Replay:
    """Read what a replay of `path` needs.

    Raises:
        RunFileError: the file cannot be read, or is a run that cannot be replayed.
    """
    source = open_tags(path)
    if source.format_name == "run":
        return _of_run(path)
    counts = np.zeros(source.n_channels, dtype=np.int64)
    for block in source.blocks():
        counts += np.bincount(block.channels, minlength=source.n_channels)
    used = [int(channel) for channel in np.flatnonzero(counts)]
    table = {
        "version": 1,
        "instruments": {"tagger": _player(path)},
        "detectors": {f"ch{c}": {"tagger": "tagger", "channel": c} for c in used},
    }
    bench = check_table(table, path, "")
    return Replay(bench, "counting", {"whole": True}, "", None, (), "tagger", 0, int(counts.sum()))


def _of_run(path: Path) -> Replay:
    with open_run(path) as run:
        if len(run.taggers) != 1:
            raise RunFileError(
                f"{path} has the tags of {len(run.taggers)} taggers; a replay needs exactly one"
            )
        (tagger,) = run.taggers
        metadata = run.metadata
        tags = sum(len(block) for block in run.tags(tagger))
        if not tags:
            raise RunFileError(f"{path} holds no tags to replay")
        table = _table(run, tagger, path)
        return Replay(
            check_table(table, path, run.configuration),
            str(metadata["experiment"]),
            dict(metadata["parameters"]),
            str(metadata["uid"]),
            _without_table(run.result),
            _dwells(run),
            tagger,
            int(metadata.get("seed") or 0),
            tags,
        )


def _without_table(result: Any) -> Any:
    """Return the result as the plan gave it, without the rows kept for showing it."""
    if not isinstance(result, dict):
        return result
    return {key: value for key, value in result.items() if key != "table"}


def _table(run: RunFile, tagger: str, path: Path) -> dict[str, Any]:
    """Return the run's configuration with the recording in the place of the tagger."""
    table = tomllib.loads(run.configuration)
    for name, instrument in table["instruments"].items():
        instrument["simulated"] = name != tagger
    table["instruments"][tagger] = _player(path)
    for name, delay_ps in dict(run.metadata.get("delays_ps") or {}).items():
        table["detectors"][name]["delay_ps"] = int(delay_ps)
    return table


def _player(path: Path) -> dict[str, Any]:
    return {"driver": "replay", "address": f"file://{path.resolve()}"}


def _dwells(run: RunFile) -> tuple[tuple[int, int], ...]:
    found = [event["payload"] for event in run.events() if event.get("level") == "dwell"]
    return tuple((int(dwell["start_ps"]), int(dwell["stop_ps"])) for dwell in found)
