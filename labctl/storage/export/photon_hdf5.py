"""Tags as Photon-HDF5 0.5, a group per tagger (photon-hdf5.readthedocs.io, "format definition").

One tagger is `photon_data`; several are `photon_data0`, `photon_data1` and so on, which the format
calls spots; each keeps the times of its own clock, in ps. Detector IDs are the tagger's channel
numbers. The type of measurement is "generic". The format asks for excitation sources; a run file
does not know which of its instruments excite, so none is listed.

What the format has no field for is below /user/labctl: the facts of the run's start and end, and
for each tagger the covered intervals and all intervals with losses or flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import BinaryIO, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from labctl.storage.export.intervals import IntervalLog
from labctl.storage.export.meter import Meter
from labctl.storage.export.photon_fields import (
    FORMAT_NAME,
    FORMAT_URL,
    FORMAT_VERSION,
    add_field,
    add_group,
    describe,
)
from labctl.storage.export.survey import TagStream, together
from labctl.storage.header import TaggerHeader
from labctl.storage.new_hdf5 import hdf5_in
from labctl.storage.plain import to_json_text
from labctl.storage.reader import RunFile

__all__ = ["write_photon_hdf5"]

_TIME: Final = "%Y-%m-%d %H:%M:%S"
_PS_PER_S: Final = 10**12


def write_photon_hdf5(file: BinaryIO, streams: Sequence[TagStream], meter: Meter) -> None:
    """Write all streams of one run."""
    with hdf5_in(file) as target:
        describe(target)
        for name, value in _format_facts().items():
            target.attrs[name] = np.bytes_(value)
        run = streams[0].run
        _write_description(target, streams)
        labctl = add_group(add_group(target, "user", "Free fields."), "labctl", "Of labctl.")
        taggers = add_group(labctl, "taggers", "A group per tagger, in the order of photon_data.")
        for number, stream in enumerate(streams):
            suffix = str(number) if len(streams) > 1 else ""
            group = add_group(target, f"photon_data{suffix}")
            _write_tags(group, add_group(taggers, stream.tagger, "A tagger."), stream, meter)
        _write_setup(target, streams)
        _write_origin(target, run)
        _write_facts(labctl, run)


def _format_facts() -> dict[str, str]:
    return {
        "format_name": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "format_url": FORMAT_URL,
    }


def _write_description(target: h5py.File, streams: Sequence[TagStream]) -> None:
    run = streams[0].run
    survey = together([stream.survey for stream in streams])
    simulated = any(run.taggers[stream.tagger].simulated for stream in streams)
    longest_ps = max(
        (stream.survey.stop_ps or 0) - (stream.survey.start_ps or 0) for stream in streams
    )
    add_field(target, "acquisition_duration", longest_ps / _PS_PER_S)
    losses = (
        f" {survey.lost} tags were lost and {survey.flagged} intervals are flagged, see "
        "/user/labctl/taggers."
        if survey.lost or survey.flagged
        else ""
    )
    add_field(
        target,
        "description",
        f"{'SIMULATED ' if simulated else ''}{run.metadata.get('experiment', '')}, "
        f"labctl run {run.metadata.get('uid', '')}.{losses}",
    )


def _write_tags(group: h5py.Group, tagger: h5py.Group, stream: TagStream, meter: Meter) -> None:
    facts = stream.run.taggers[stream.tagger]
    for name, value in asdict(facts).items():
        is_plain = isinstance(value, (str, int))
        add_field(tagger, name, value if is_plain else to_json_text(value), "See the run file.")
    times = group.create_dataset("timestamps", (stream.survey.tags,), "<i8")
    detectors = group.create_dataset("detectors", (stream.survey.tags,), stream.channel_type)
    for column in (times, detectors):
        describe(column)
    add_field(add_group(group, "timestamps_specs"), "timestamps_unit", 1 / _PS_PER_S)
    measurement = add_group(group, "measurement_specs")
    add_field(measurement, "measurement_type", "generic")
    # Which detector sees which polarization is a matter of the configuration, see /user.
    add_group(measurement, "detectors_specs")
    log = IntervalLog(tagger)
    first = 0
    for times_ps, channels in stream.batches(log.add):
        rows = slice(first, first + times_ps.size)
        times[rows] = times_ps
        detectors[rows] = channels
        first += times_ps.size
        meter.advance(times_ps.size)
    log.close()


@dataclass(frozen=True, slots=True)
class _Pixel:
    """A channel of a tagger, as the format calls it."""

    spot: int
    tagger: TaggerHeader
    channel: int
    counts: int

    @property
    def label(self) -> str:
        name = self.tagger.channel_names.get(self.channel)
        return name or f"{self.tagger.name} channel {self.channel}"


def _pixels(streams: Sequence[TagStream]) -> Iterator[_Pixel]:
    """Yield the channels that have a name or a tag."""
    for spot, stream in enumerate(streams):
        tagger, counts = stream.run.taggers[stream.tagger], stream.survey.counts
        for channel in sorted({*tagger.channel_names, *counts}):
            yield _Pixel(spot, tagger, channel, counts[channel])


def _write_setup(target: h5py.File, streams: Sequence[TagStream]) -> None:
    pixels = list(_pixels(streams))
    setup = add_group(target, "setup")
    numbers = {
        "num_pixels": len(pixels),
        "num_spots": len(streams),
        "num_spectral_ch": 1,
        "num_polarization_ch": 1,
        "num_split_ch": 1,
        "modulated_excitation": 0,
        "lifetime": 0,
    }
    for name, value in numbers.items():
        add_field(setup, name, value)
    for name in ("excitation_alternated", "excitation_cw"):
        add_field(setup, name, np.empty(0, np.uint8))
    detectors = add_group(setup, "detectors")
    for name in ("id", "id_hardware"):
        add_field(detectors, name, np.array([pixel.channel for pixel in pixels], np.uint16))
    add_field(detectors, "counts", np.array([pixel.counts for pixel in pixels], np.int64))
    add_field(detectors, "spot", np.array([pixel.spot for pixel in pixels], np.uint8))
    add_field(detectors, "module", _texts([pixel.tagger.name for pixel in pixels]))
    add_field(detectors, "label", _texts([pixel.label for pixel in pixels]))


def _texts(values: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([value.encode("utf-8") for value in values] or [], "S" if values else "S1")


def _write_origin(target: h5py.File, run: RunFile) -> None:
    facts = run.metadata
    identity = add_group(target, "identity")
    if facts.get("operator"):
        add_field(identity, "author", str(facts["operator"]))
    add_field(identity, "creation_time", f"{datetime.now(UTC):{_TIME}}")
    add_field(identity, "software", "labctl")
    add_field(identity, "software_version", version("quantum-labctl"))
    for name, value in _format_facts().items():
        add_field(identity, name, value)
    provenance = add_group(target, "provenance")
    add_field(provenance, "filename", run.path.name)
    add_field(provenance, "filename_full", str(run.path.absolute()))
    changed = datetime.fromtimestamp(run.path.stat().st_mtime, UTC)
    add_field(provenance, "modification_time", f"{changed:{_TIME}}")
    with suppress(KeyError, ValueError):
        begun = datetime.fromisoformat(str(facts["start_utc"])).astimezone(UTC)
        add_field(provenance, "creation_time", f"{begun:{_TIME}}")
    add_field(provenance, "software", "labctl")
    add_field(provenance, "software_version", str(facts.get("labctl_version", "")))
    if facts.get("sample"):
        add_field(add_group(target, "sample"), "sample_name", str(facts["sample"]))


def _write_facts(labctl: h5py.Group, run: RunFile) -> None:
    add_field(labctl, "status", run.status, "How the run ended.")
    add_field(labctl, "end_json", to_json_text(run.end), "Its end record.")
    header = add_group(labctl, "header", "What was known when the run began.")
    for name, value in run.metadata.items():
        if isinstance(value, (str, int, float)):
            add_field(header, name, value, "See the run file.")
        else:
            add_field(header, f"{name}_json", to_json_text(value), "See the run file.")
