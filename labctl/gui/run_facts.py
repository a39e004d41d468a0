"""What a run file holds besides its tags, read once for a preview or a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from labctl.runs.finding import FoundRun, found_in
from labctl.runs.run_index import is_note
from labctl.storage import RunFile, StreamSummary, open_run
from labctl.units import format_quantity, format_uncertain, unit_of

__all__ = ["RunFacts", "Value", "event_rows", "loss_text", "read_facts", "result_values"]

#: Events that only say where a dwell was; a replay uses them.
_SILENT: Final = frozenset({"dwell"})
#: What a row of a result has; whatever else it has is an axis.
_COLUMNS: Final = ("of", "quantity", "value", "sigma")


@dataclass(frozen=True, slots=True)
class Value:
    """A number that a run found; `sigma` is None where nobody knows its uncertainty."""

    value: float | None
    sigma: float | None
    unit: str

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        if self.sigma is None:
            return format_quantity(self.value, self.unit)
        return format_uncertain(float(self.value), float(self.sigma), self.unit)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything of a run that a person looks at.

    Attributes:
        metadata: what was known at the start.
        end: how it ended; empty without an end.
        points: its points, as the plan gave them.
        figures: pictures as PNG, by name.
        events: what happened, without the places of the dwells.
        snapshots: settings of all instruments, by moment ("start", "end").
        streams: extent and losses of each tagger's tags.
        channels: name of the detector on each channel, by tagger.
    """

    found: FoundRun
    metadata: Mapping[str, Any]
    end: Mapping[str, Any]
    points: list[dict[str, Any]]
    figures: Mapping[str, bytes]
    events: list[dict[str, Any]]
    snapshots: Mapping[str, Mapping[str, str]]
    streams: Mapping[str, StreamSummary]
    channels: Mapping[str, Mapping[int, str]]

    @property
    def path(self) -> Path:
        """The run's first file."""
        return self.found.path

    @property
    def result(self) -> Mapping[str, Any]:
        """What the plan returned; empty without a result."""
        result = self.end.get("result")
        return result if isinstance(result, Mapping) else {}

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the experiment as people write them."""
        parameters = self.metadata.get("parameters") or {}
        return {
            name: "–" if value in (None, [], "") else format_quantity(value, unit_of(name))
            for name, value in parameters.items()
        }


def read_facts(path: Path) -> RunFacts:
    """Return what the run file holds besides its tags.

    Raises:
        RunFileError: it cannot be read.
    """
    with open_run(path) as run:
        metadata = {key: v for key, v in run.metadata.items() if key != "configuration"}
        return RunFacts(
            found_in(run),
            metadata,
            run.end,
            run.points(),
            run.figures(),
            [event for event in run.events() if event.get("level") not in _SILENT],
            _snapshots(run),
            run.stream_summaries(),
            {name: dict(header.channel_names) for name, header in run.taggers.items()},
        )


def result_values(facts: RunFacts) -> dict[tuple[str, str], Value]:
    """Return every number of the result by what it is of, with its place in a scan, and quantity.

    A mapping keeps the order of the plan.
    """
    found = {}
    for row in facts.result.get("table") or []:
        quantity = str(row["quantity"])
        place = [f"{name} = {row[name]:g}" for name in row if name not in _COLUMNS]
        of = ", ".join([str(row["of"]), *place])
        found[of, _without_unit(quantity)] = Value(
            row.get("value"), row.get("sigma"), unit_of(quantity)
        )
    return found


def event_rows(facts: RunFacts) -> list[list[str]]:
    """Return time since the start, what kind, who and what of every event."""
    instruments = facts.metadata.get("instruments") or {}
    start = datetime.fromisoformat(facts.found.start_utc)
    rows = []
    for event in facts.events:
        level = str(event.get("level", ""))
        kind = {"warning": "▲ warning", "alarm": "✖ alarm"}.get(level, level)
        if is_note(event, instruments):
            kind = "✎ note"
        after_s = event["utc_ns"] * 1e-9 - start.timestamp()
        payload = event.get("payload", "")
        rows.append([f"{after_s:.1f} s", kind, str(event.get("source", "")), _payload(payload)])
    return rows


def loss_text(facts: RunFacts) -> list[str]:
    """Return a sentence per tagger: how many tags on which detectors, what is missing."""
    lines = []
    for name, stream in facts.streams.items():
        detectors = ", ".join(
            f"{detector} on {channel}" for channel, detector in facts.channels[name].items()
        )
        words = [f"{name}: {stream.tags:,} tags in {stream.duration_s:.1f} s".replace(",", " ")]
        if detectors:
            words.append(detectors)
        if stream.lost or stream.lossy:
            words.append(f"▲ {stream.lost} tags LOST in {stream.lossy} intervals")
        if stream.gaps:
            words.append(f"▲ {stream.gaps} gap{'' if stream.gaps == 1 else 's'}")
        if stream.damaged:
            words.append(f"⚠ {stream.damaged} entries of the index are damaged")
        if not (stream.lost or stream.lossy or stream.gaps or stream.damaged):
            words.append("nothing lost, no gap")
        lines.append(" · ".join(words))
    return lines or ["no tags"]


def _payload(payload: Any) -> str:
    if isinstance(payload, Mapping):
        return ", ".join(f"{name} {value}" for name, value in payload.items())
    return str(payload)


def _without_unit(quantity: str) -> str:
    words = quantity.rpartition("_")[0] if unit_of(quantity) else quantity
    return words.replace("_", " ")


def _snapshots(run: RunFile) -> dict[str, dict[str, str]]:
    """Return every setting as text, by moment and name."""
    found = {}
    for snapshot in run.snapshots():
        settings = {}
        for instrument, values in (snapshot.get("instruments") or {}).items():
            for name, value in (values if isinstance(values, Mapping) else {}).items():
                text = "–" if value is None else format_quantity(value, unit_of(name))
                settings[f"{instrument}.{name}"] = text
        found[str(snapshot.get("moment", ""))] = settings
    return found
