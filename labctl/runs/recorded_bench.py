"""The bench of a run as its file describes it: what counting needs, and no instrument."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from labctl.clock import WallClock
from labctl.errors import RunFileError
from labctl.lab import Bench, BenchConfig
from labctl.storage import RunFile, TaggerHeader

__all__ = ["RecordedTagger", "bench_facts", "recorded_bench", "recorded_tagger"]


@dataclass(frozen=True, slots=True)
class RecordedTagger:
    """The part of a time tagger that counting asks for; there is no stream to start."""

    name: str
    resolution_ps: int
    channels: tuple[int, ...]


def recorded_tagger(header: TaggerHeader) -> RecordedTagger:
    """Return the tagger that a file's stream came from."""
    return RecordedTagger(header.name, header.resolution_ps, tuple(range(header.n_channels)))


def recorded_bench(run: RunFile) -> Bench:
    """Return the run's own bench: detectors with the run's delays, stations, window.

    It has neither instruments nor streams, so that nothing can be done with it but counting.

    Raises:
        RunFileError: the file's configuration cannot be read.
    """
    try:
        table = tomllib.loads(run.configuration)
        for name, delay_ps in dict(run.metadata.get("delays_ps") or {}).items():
            table["detectors"][name]["delay_ps"] = int(delay_ps)
        config = BenchConfig.model_validate(table)
    except (tomllib.TOMLDecodeError, ValidationError, KeyError, TypeError) as error:
        raise RunFileError(
            f"{run.path} holds a configuration that cannot be read, so nobody knows which "
            f"detector is on which channel: {str(error).splitlines()[0]}",
            hint="labctl count and labctl correlate work on its channels.",
        ) from error
    return Bench(config, {}, {}, WallClock())


def bench_facts(bench: Bench) -> dict[str, Any]:
    """Return stations and detectors as a service tells them."""
    return {
        "stations": {
            name: [detector.name for detector in station.detectors]
            for name, station in bench.stations.items()
        },
        "detectors": {
            name: {"tagger": d.tagger, "channel": d.channel, "delay_ps": d.delay_ps}
            for name, d in bench.detectors.items()
        },
    }
