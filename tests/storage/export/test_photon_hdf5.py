"""Photon-HDF5, read and judged by phconvert, the format's reference program."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import h5py
import numpy as np
import pytest
import tables

from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run
from labctl.storage.export import Export, plan_export
from labctl.tags.block import TagBlock

Record: TypeAlias = Callable[..., AbstractContextManager[Recorder]]
MakeBlock: TypeAlias = Callable[..., TagBlock]

VERSION_1 = Path(__file__).parents[1] / "compatibility" / "version_1"


@cache
def reference() -> ModuleType:
    """Return phconvert.hdf5 without the package around it, which compiles for ten seconds."""
    spec = importlib.util.find_spec("phconvert")
    assert spec is not None
    sys.modules["phconvert"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("phconvert.hdf5")


@contextmanager
def judged(path: Path) -> Iterator[Any]:
    """Give the root of a file that phconvert finds valid in all strictness.

    Its warnings are of fields that a run does not know, such as wavelengths.
    """
    with tables.open_file(str(path)) as file:
        reference().assert_valid_photon_hdf5(file, warnings=False, strict_description=True)
        yield file.root


def export(run_path: Path, target: Path, **options: Any) -> Export:
    with open_run(run_path) as run:
        plan = plan_export(run, "photon-hdf5", of_points=False, **options)
        assert plan.write(target, replaces=False) == target.stat().st_size
    return plan


@pytest.fixture
def two_taggers(tmp_path: Path) -> Path:
    """Return a finished run of `alice` (u1) and `bob` (u2); values.json has its tags."""
    path = tmp_path / "run.h5"
    path.write_bytes(gzip.decompress((VERSION_1 / "finished.h5.gz").read_bytes()))
    return path


@pytest.fixture
def values() -> Any:
    return json.loads((VERSION_1 / "values.json").read_text(encoding="utf-8"))


def column(blocks: list[dict[str, Any]], name: str) -> list[int]:
    return [value for block in blocks for value in block[name]]


def test_each_of_several_taggers_is_a_spot_with_its_own_times(
    two_taggers: Path, tmp_path: Path, values: Any
) -> None:
    plan = export(two_taggers, tmp_path / "out.hdf5")

    assert plan.rows == 2 * 184
    with judged(tmp_path / "out.hdf5") as root:
        assert root.setup.num_spots.read() == 2
        for group, name in ((root.photon_data0, "alice"), (root.photon_data1, "bob")):
            blocks = values[name]["blocks"]
            assert group.timestamps.read().tolist() == column(blocks, "times_ps")
            assert group.detectors.read().tolist() == column(blocks, "channels")
            assert group.timestamps_specs.timestamps_unit.read() == 1e-12
            assert group.measurement_specs.measurement_type.read() == b"generic"


def test_detectors_have_their_names_counts_and_taggers(
    two_taggers: Path, tmp_path: Path, values: Any
) -> None:
    export(two_taggers, tmp_path / "out.hdf5")

    with judged(tmp_path / "out.hdf5") as root:
        detectors = root.setup.detectors
        facts = (detectors._f_get_child(name).read() for name in ("id", "counts", "spot"))
        pixels = [(int(one), int(n), int(spot)) for one, n, spot in zip(*facts, strict=True)]
        labels = [label.decode() for label in detectors.label.read()]
        channels = column(values["alice"]["blocks"], "channels")
        of_alice = {channel: count for channel, count, spot in pixels if spot == 0}
        assert of_alice == {channel: channels.count(channel) for channel in range(1, 9)}
        assert labels[:3] == ["H", "V°", "alice channel 3"]
        assert root.setup.num_pixels.read() == len(pixels)
        assert set(detectors.module.read().tolist()) == {b"alice", b"bob"}


def test_losses_flags_and_covered_intervals_are_below_user(
    two_taggers: Path, tmp_path: Path, values: Any
) -> None:
    plan = export(two_taggers, tmp_path / "out.hdf5")

    told = "\n".join(plan.warnings)
    for name in ("alice", "bob"):
        assert f"{name}: 9 lost tags and 3 flagged intervals of the run are listed in /user" in told
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert b"18 tags were lost and 6 intervals are flagged" in file["description"][()]
        tagger = file["user/labctl/taggers/alice"]
        marked = [block for block in values["alice"]["blocks"] if block["flags"]]
        for name in ("start_ps", "stop_ps", "lost", "flags"):
            assert tagger["losses"][name][:].tolist() == [block[name] for block in marked]
        # Three seconds, and two more after an hour.
        hour_ps = 3_600 * 10**12
        assert tagger["covered/start_ps"][:].tolist() == [0, hour_ps + 3 * 10**12]
        assert tagger["covered/stop_ps"][:].tolist() == [3 * 10**12, hour_ps + 5 * 10**12]


def test_the_run_is_told_where_the_format_has_a_place_and_below_user(
    two_taggers: Path, tmp_path: Path
) -> None:
    export(two_taggers, tmp_path / "out.hdf5")

    with judged(tmp_path / "out.hdf5") as root:
        assert root.description.read().startswith(b"SIMULATED visibility, labctl run 1a2b3c.")
        # From 0 to one hour and five seconds.
        assert root.acquisition_duration.read() == 3605.0
        assert root.identity.author.read().decode() == "Zoë"
        assert root.identity.format_version.read() == b"0.5"
        assert root.provenance.filename.read() == b"run.h5"
        assert root.provenance.creation_time.read() == b"2026-11-23 07:15:02"
        assert root.sample.sample_name.read() == b"PPLN 3"
    with h5py.File(tmp_path / "out.hdf5") as file:
        labctl = file["user/labctl"]
        assert json.loads(labctl["end_json"][()])["result"]["visibility"] == 0.975
        assert labctl["header/configuration"][()].startswith(b"version = 1\n[instruments.pump]")
        assert json.loads(labctl["header/parameters_json"][()])["dwell_s"] == 1.0
        assert file.attrs["format_name"] == b"Photon-HDF5"


def test_one_tagger_that_is_named_is_a_file_of_one_spot(two_taggers: Path, tmp_path: Path) -> None:
    plan = export(two_taggers, tmp_path / "out.hdf5", tagger="bob")

    assert plan.rows == 184
    with judged(tmp_path / "out.hdf5") as root:
        assert root.photon_data.detectors.read().dtype == np.uint16
        assert root.setup.num_spots.read() == 1


def test_losses_of_more_intervals_than_are_held_in_memory_are_all_there(
    tmp_path: Path, record: Record
) -> None:
    n_blocks = 5_000
    with record(tmp_path / "run.h5") as recorder:
        for at in range(n_blocks):
            times = np.array([10 * at], np.int64)
            recorder.record(
                "tdc", TagBlock(times, np.ones(1, np.uint8), 10 * at, 10 * at + 10, at, 1)
            )
        recorder.end("finished")

    export(tmp_path / "run.h5", tmp_path / "out.hdf5")

    with h5py.File(tmp_path / "out.hdf5") as file:
        losses = file["user/labctl/taggers/tdc/losses"]
        assert losses["start_ps"][:].tolist() == [10 * at for at in range(n_blocks)]
        assert losses["lost"][:].sum() == n_blocks
        assert file["user/labctl/taggers/tdc/covered/stop_ps"][:].tolist() == [10 * n_blocks]


def test_an_export_may_be_replaced_but_no_other_hdf5_file(
    two_taggers: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.hdf5"
    export(two_taggers, target)
    with open_run(two_taggers) as run:
        plan = plan_export(run, "photon-hdf5", of_points=False, tagger="alice")
        plan.write(target, replaces=True)
        with pytest.raises(RunFileError, match=r"run\.h5 is an HDF5 file and is not replaced"):
            plan.write(two_taggers, replaces=True)
    with judged(target) as root:
        assert root.setup.num_spots.read() == 1
