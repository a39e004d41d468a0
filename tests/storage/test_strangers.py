from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunFile, open_run
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


@pytest.fixture
def path(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([1, 2, 3]))
        recorder.end("finished")
    return path


def read_all(path: Path) -> RunFile:
    with open_run(path) as run:
        list(run.tags())
        run.points()
    return run


def test_a_missing_file_and_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="No such file"):
        open_run(tmp_path / "no.h5")
    (tmp_path / "a.ptu").write_bytes(b"PQTTTR\0\0")
    with pytest.raises(RunFileError, match="does not begin as HDF5 does"):
        open_run(tmp_path / "a.ptu")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_foreign_hdf5_is_refused(tmp_path: Path, libver: str) -> None:
    with h5py.File(tmp_path / "x.h5", "w", libver=libver) as file:
        file["photon_data/timestamps"] = np.arange(5)
    with pytest.raises(RunFileError, match="not a run file of labctl"):
        open_run(tmp_path / "x.h5")


def test_a_later_format_version_is_refused_with_advice(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = np.int64(2)
    with pytest.raises(RunFileError, match=r"format version 2; .* reads 1 to 1\. Update labctl"):
        open_run(path)


def _external_link(file: h5py.File) -> None:
    del file["entry/tags/tdc/delta"]
    file["entry/tags/tdc/delta"] = h5py.ExternalLink("/etc/passwd", "/x")


def _soft_link(file: h5py.File) -> None:
    file["entry/tags/tdd"] = h5py.SoftLink("/entry/tags/tdc")


def _external_storage(file: h5py.File) -> None:
    del file["entry/points/data"]
    file["entry/points"].create_dataset(
        "data", (4,), "u1", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
    )


def _virtual(file: h5py.File) -> None:
    del file["entry/tags/tdc/channel"]
    layout = h5py.VirtualLayout((3,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    file["entry/tags/tdc"].create_virtual_dataset("channel", layout)


def _objects(file: h5py.File) -> None:
    del file["entry/header/operator"]
    file["entry/header/operator"] = "variable length"


def _absurd_index(file: h5py.File) -> None:
    file["entry/tags/tdc/index"].resize((10**12,))


def _absurd_scalar(file: h5py.File) -> None:
    file["entry/header"].create_dataset("big", (), "S1000000000")


def _wrong_type(file: h5py.File) -> None:
    del file["entry/tags/tdc/delta"]
    file["entry/tags/tdc/delta"] = np.zeros(3)


def _missing_group(file: h5py.File) -> None:
    del file["entry/events"]


def _bad_attribute(file: h5py.File) -> None:
    file["entry/tags/tdc"].attrs["n_channels"] = "many"


def _bad_json(file: h5py.File) -> None:
    del file["entry/header/parameters_json"]
    file["entry/header/parameters_json"] = np.bytes_(b"{")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_external_link, "is a link .ExternalLink"),
        (_soft_link, "is a link .SoftLink"),
        (_external_storage, "keeps its data in other files"),
        (_virtual, "keeps its data in other files"),
        (_objects, "objects of variable length"),
        (_absurd_index, "claims 84000000000000 bytes"),
        (_absurd_scalar, "not a text or number"),
        (_wrong_type, "not a column of uint32"),
        (_missing_group, "has no events"),
        (_bad_attribute, "n_channels"),
        (_bad_json, "damaged"),
    ],
)
def test_what_no_recorder_writes_is_refused(
    path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(RunFileError, match=message):
        read_all(path)


def test_unknown_additions_are_ignored(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["entry/annotations"] = np.arange(3)
        file["entry/tags/tdc/notes"] = np.arange(3)
        file["entry/header/humidity"] = 0.4
    assert read_all(path).metadata["humidity"] == pytest.approx(0.4)
