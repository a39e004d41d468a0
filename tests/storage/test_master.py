from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import nexusformat.nexus
import numpy as np
import pytest
import silx.io.nxdata
import xarray

from labctl.errors import RunFileError
from labctl.storage import Recorder, RunHeader, archive_run, open_run, write_master
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

PNG = b"\x89PNG\r\n\x1a\nfigure"
RESULT = {
    "table": [
        {"of": "alice", "quantity": "singles_hz", "value": 1000.0, "sigma": 30.0},
        {"of": "bob", "quantity": "singles_hz", "value": 2000.0, "sigma": 45.0},
        {"of": "alice-bob", "quantity": "coincidences_hz", "value": 50.0, "sigma": 7.0},
    ]
}
INSTRUMENTS = {"pump": {"model": "Skyra", "simulated": True}, "tdc": {"simulated": False}}


def default_plot(file: h5py.File) -> Any:
    """Return what silx draws when the file is opened."""
    return silx.io.nxdata.get_default(file)  # type: ignore[attr-defined]  # of its manual


@pytest.fixture
def finished(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    """Return a run in three files: a scan of three angles and a result."""
    path = tmp_path / "run.h5"
    header = RunHeader(
        experiment="fringe",
        simulated=True,
        uid="abc123",
        operator="Ada",
        instruments=INSTRUMENTS,
        parameters={"dwell_s": 0.5, "stations": ["alice", "bob"]},
    )
    with record(path, header=header, file_limit_bytes=1, ack_interval_s=1e3) as recorder:
        recorder.snapshot("start", {"pump": {"power_mw": 1.5, "emission": False}})
        for number, angle_deg in enumerate((0.0, 22.5, 45.0), 1):
            values = {
                "angle_deg": angle_deg,
                "live_s": 0.5,
                "alice-bob_hz": 10.0 * number,
                "alice-bob_sigma_hz": 0.5 * number,
                "basis": "HV",
            }
            recorder.point(number, 3, values)
            recorder.record("tdc", block([number * 100, number * 100 + 5]))
            if number < 3:
                recorder.sync()
        recorder.snapshot("end", {"pump": {"power_mw": 1.6, "emission": True}})
        recorder.figure("result", PNG)
        recorder.end("finished", "all done", RESULT, taken=3)
    return path


@pytest.fixture
def master(finished: Path) -> Path:
    with open_run(finished) as run:
        return write_master(run)


def test_it_lies_beside_the_run_under_its_name(master: Path) -> None:
    assert sorted(file.name for file in master.parent.iterdir()) == [
        "run.h5",
        "run.nxs",
        "run.part2.h5",
        "run.part3.h5",
    ]


def test_silx_finds_the_plot_with_its_axis_errors_and_units(master: Path) -> None:
    with h5py.File(master, "r") as file:
        plot = default_plot(file)
        assert plot.signal_name == "alice-bob (Hz)"
        assert plot.signal[()].tolist() == [10.0, 20.0, 30.0]
        assert plot.errors[()].tolist() == [0.5, 1.0, 1.5]
        assert plot.axes_names == ["angle (deg)"]
        assert plot.axes[0][()].tolist() == [0.0, 22.5, 45.0]
        assert plot.title == "SIMULATED: fringe abc123"


def test_nexusformat_finds_the_same_plot(master: Path) -> None:
    plot = nexusformat.nexus.nxload(master).plottable_data
    assert plot.nxsignal.nxname == "alice-bob_hz"
    assert plot.nxsignal.attrs["units"] == "Hz"
    assert [axis.nxname for axis in plot.nxaxes] == ["angle_deg"]
    assert plot.nxerrors.nxvalue.tolist() == [0.5, 1.0, 1.5]


def test_xarray_opens_points_with_named_coordinates(master: Path) -> None:
    with xarray.open_dataset(master, engine="h5netcdf", group="entry/points") as points:
        assert points["alice-bob_hz"].dims == ("angle_deg",)
        assert float(points["alice-bob_hz"].sel(angle_deg=22.5)) == 20.0
        assert points["alice-bob_hz"].attrs["units"] == "Hz"
        assert points["angle_deg"].attrs["units"] == "deg"
        assert points["number"].values.tolist() == [1, 2, 3]
        assert points["basis"].values.tolist() == ["HV", "HV", "HV"]


def test_xarray_opens_the_result_by_what_it_is_of(master: Path) -> None:
    with xarray.open_dataset(master, engine="h5netcdf", group="entry/result") as result:
        assert result["singles_hz"].coords["of"].values.tolist() == ["alice", "bob", "alice-bob"]
        by_name = result.swap_dims(row="of")
        assert float(by_name["singles_hz"].sel(of="bob")) == 2000.0
        assert float(by_name["singles_hz_errors"].sel(of="bob")) == 45.0
        assert np.isnan(by_name["singles_hz"].sel(of="alice-bob"))


def test_h5py_follows_the_links_to_the_tags_of_each_part(master: Path) -> None:
    with h5py.File(master, "r") as file:
        tags = file["entry/tags"]
        links = [tags.get(name, getlink=True).filename for name in tags]
        assert links == ["run.h5", "run.part2.h5", "run.part3.h5"]
        assert [int(tags[name]["tdc/index"][0]["t0_ps"]) for name in tags] == [100, 200, 300]


def test_the_links_hold_after_archiving_and_in_another_folder(master: Path, tmp_path: Path) -> None:
    archive_run(master.with_suffix(".h5"))
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.move(tmp_path, moved)
    with h5py.File(moved / "run.nxs", "r") as file:
        assert file["entry/tags/part2/tdc/channel"][:].tolist() == [1, 1]
    with open_run(moved / "run.nxs") as run:
        assert run.tag_counts() == {"tdc": 6}


def test_what_happened_is_in_the_entry(master: Path) -> None:
    with h5py.File(master, "r") as file:
        entry = file["entry"]
        texts = {
            name: entry[name].asstr()[()]
            for name in ("entry_identifier", "status", "reason", "program_name")
        }
        assert texts == {
            "entry_identifier": "abc123",
            "status": "finished",
            "reason": "all done",
            "program_name": "labctl",
        }
        assert entry["taken"][()] == 3
        assert entry["user/name"].asstr()[()] == "Ada"
        assert entry["start_time"].asstr()[()] < entry["end_time"].asstr()[()]
        assert entry["parameters/dwell_s"][()] == 0.5
        assert entry["parameters/dwell_s"].attrs["units"] == "s"
        assert entry["figures/result/data"][()].tobytes() == PNG


def test_instruments_have_their_settings_at_both_ends(master: Path) -> None:
    with h5py.File(master, "r") as file:
        pump = file["entry/instrument/pump"]
        assert file["entry/instrument"].attrs["NX_class"] == "NXinstrument"
        assert pump["model"].asstr()[()] == "Skyra"
        assert bool(pump["simulated"][()])
        assert not file["entry/instrument/tdc/simulated"][()]
        power = pump["settings_start/power_mw"]
        assert (power[()], power.attrs["units"]) == (1.5, "mW")
        assert pump["settings_end/power_mw"][()] == 1.6
        assert bool(pump["settings_end/emission"][()])


@pytest.mark.parametrize("is_simulated", [True, False])
def test_simulated_is_said_wherever_one_looks(
    tmp_path: Path, record: Record, *, is_simulated: bool
) -> None:
    with record(
        tmp_path / "run.h5", header=RunHeader(experiment="x", simulated=is_simulated)
    ) as recorder:
        recorder.point(1, 1, {"power_mw": 1.0, "rate_hz": 2.0})
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run, h5py.File(write_master(run), "r") as file:
        assert bool(file.attrs["simulated"]) == is_simulated
        assert bool(file["entry/simulated"][()]) == is_simulated
        for title in (file["entry/title"], file["entry/points/title"]):
            assert title.asstr()[()].startswith("SIMULATED") == is_simulated


def test_several_scans_are_drawn_apart(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5") as recorder:
        for number in range(1, 7):
            basis, step = ("HV", "DA")[number > 3], (number - 1) % 3
            values = {"basis": basis, "angle_deg": 60.0 * step, "alice_h-bob_v": number}
            recorder.point(number, 6, values)
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        path = write_master(run)
    with h5py.File(path, "r") as file:
        assert file["entry"].attrs["default"] == "points_HV"
        plot = default_plot(file)
        assert plot.axes[0][()].tolist() == [0.0, 60.0, 120.0]
        assert plot.signal[()].tolist() == [1, 2, 3]
        # The output's name, not volts.
        assert "units" not in file["entry/points_DA/alice_h-bob_v"].attrs
        assert file["entry/points_DA/alice_h-bob_v"][()].tolist() == [4, 5, 6]
        assert file["entry/points/number"].shape == (6,)


def test_without_points_the_rate_is_drawn_through_the_link(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block(np.arange(0, 10**12, 10**8), start_ps=0, stop_ps=10**12))
        recorder.end("aborted")
    with open_run(tmp_path / "run.h5") as run, h5py.File(write_master(run), "r") as file:
        plot = default_plot(file)
        assert plot.signal[()].tolist() == [10_000.0]


def test_a_run_that_is_growing_or_was_left_behind_gets_one_too(
    tmp_path: Path, record: Record
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.point(1, 2, {"power_mw": 1.0})
        recorder.sync()
        with open_run(tmp_path / "run.h5") as run, h5py.File(write_master(run), "r") as file:
            assert file["entry/status"].asstr()[()] == "running"
            assert "end_time" not in file["entry"]


def test_writing_it_anew_replaces_it(finished: Path, master: Path) -> None:
    before = master.stat().st_ino
    with open_run(finished) as run:
        assert write_master(run) == master
    assert master.stat().st_ino != before


def test_a_failure_leaves_the_former_one(finished: Path, master: Path) -> None:
    before = master.read_bytes()
    master.with_name("run.nxs.partial").mkdir()
    with open_run(finished) as run, pytest.raises(RunFileError, match=r"run\.nxs could not be"):
        write_master(run)
    assert master.read_bytes() == before


def test_a_file_of_another_program_is_not_replaced(finished: Path) -> None:
    stranger = finished.with_suffix(".nxs")
    with h5py.File(stranger, "w") as file:
        file["data"] = np.arange(3)
    before = stranger.read_bytes()
    with open_run(finished) as run, pytest.raises(RunFileError, match="not a master file"):
        write_master(run)
    assert stranger.read_bytes() == before


def test_names_and_texts_that_hdf5_cannot_hold_are_changed(tmp_path: Path, record: Record) -> None:
    values: dict[str, Any] = {"a/b": 1.0, ".": 2.0, "word": "null \0 byte", "list": [1, "x"]}
    with record(tmp_path / "run.h5") as recorder:
        recorder.point(1, 2, values)
        recorder.point(2, 2, {**values, "a/b": None})
        recorder.snapshot("start", {"odd/name": {"limits": [0.0, 1.0], "none": None}})
        recorder.end("finished", "reason \ud800")
    with open_run(tmp_path / "run.h5") as run, h5py.File(write_master(run), "r") as file:
        points = file["entry/points"]
        assert points["a_per_b"][0] == 1.0
        assert np.isnan(points["a_per_b"][1])
        assert points["_."][()].tolist() == [2.0, 2.0]
        assert points["word"].asstr()[0] == "null \\0 byte"
        assert points["list"].asstr()[0] == '[1,"x"]'
        settings = file["entry/instrument/odd_per_name/settings_start"]
        assert settings["limits"][()].tolist() == [0.0, 1.0]


def test_a_master_is_never_asked_where_the_data_are(master: Path, tmp_path: Path) -> None:
    with h5py.File(master, "r+") as file:
        del file["entry/tags/part1"]
        file["entry/tags/part1"] = h5py.ExternalLink("/etc/passwd", "/entry/tags")
    with open_run(master) as run:
        assert run.parts == tuple(
            tmp_path / name for name in ("run.h5", "run.part2.h5", "run.part3.h5")
        )
