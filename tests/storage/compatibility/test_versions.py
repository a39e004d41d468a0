"""Files of every format version ever written stay readable; what is refused says why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import TagSums, archive_run, open_run, recover_run, verify_run
from labctl.storage.schema import FORMAT_VERSION
from labctl.tags.formats import open_tags

HERE: Final = Path(__file__).parent
#: How each fixture ended; make_fixtures.py says how it was made.
STATUS: Final = {
    "finished": "finished",
    "aborted": "aborted",
    "interrupted": "interrupted",
    "archived": "finished",
    "archived_in_small_chunks": "finished",
}
FIXTURES: Final = sorted(HERE.glob("version_*/*.h5.gz"))


@pytest.fixture(params=FIXTURES, ids=lambda path: f"{path.parent.name}-{path.name[:-6]}")
def fixture(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def path(fixture: Path, tmp_path: Path) -> Path:
    path = tmp_path / fixture.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(fixture.read_bytes()))
    return path


@pytest.fixture
def values(fixture: Path) -> Any:
    return json.loads((fixture.parent / "values.json").read_text(encoding="utf-8"))


def test_there_are_fixtures_of_every_version() -> None:
    versions = {int(path.parent.name.removeprefix("version_")) for path in FIXTURES}

    assert versions == set(range(1, FORMAT_VERSION + 1))
    assert {path.name.removesuffix(".h5.gz") for path in FIXTURES} == set(STATUS)
    assert max(path.stat().st_size for path in FIXTURES) < 100_000


def test_all_tags_losses_and_flags_are_read(path: Path, values: Any) -> None:
    with open_run(path) as run:
        assert list(run.taggers) == list(values)
        for name, expected in values.items():
            blocks = list(run.tags(name))
            for column in ("times_ps", "channels"):
                np.testing.assert_array_equal(
                    np.concatenate([getattr(block, column) for block in blocks]),
                    np.concatenate([block[column] for block in expected["blocks"]]),
                )
            # Blocks that adjoin and have neither losses nor flags may come as one.
            marked = [
                (block.start_ps, block.stop_ps, block.lost, int(block.flags))
                for block in blocks
                if block.flags
            ]
            assert marked == [
                (block["start_ps"], block["stop_ps"], block["lost"], block["flags"])
                for block in expected["blocks"]
                if block["flags"]
            ]
            assert blocks[0].channels.dtype == ("u1" if name == "alice" else "u2")


def test_taggers_are_described(path: Path, values: Any) -> None:
    with open_run(path) as run:
        for name, tagger in run.taggers.items():
            expected = values[name]
            for fact in ("resolution_ps", "n_channels", "simulated"):
                assert getattr(tagger, fact) == expected[fact]
            names = {str(channel): text for channel, text in tagger.channel_names.items()}
            assert names == expected["channel_names"]


def test_records_and_header_are_read(path: Path) -> None:
    name = path.name.removesuffix(".h5")
    with open_run(path) as run:
        assert run.status == STATUS[name]
        points = [
            {key: value for key, value in point.items() if key != "utc_ns"}
            for point in run.points()
        ]
        assert points == [
            {"number": 1, "total": 2, "angle_deg": 0.0, "counts": {"1-2": 310}, "visibility": None},
            {"number": 2, "total": 2, "angle_deg": 45.0, "counts": {"1-2": 8}, "visibility": 0.975},
        ]
        (event,) = run.events()
        assert (event["level"], event["source"], event["payload"]) == (
            "WARNING",
            "alice",
            {"lost": 7},
        )
        (change,) = run.parameters()
        assert (change["instrument"], change["value"], change["unit"]) == ("pump", 4.5, "mW")
        assert run.log() == ["07:15:03 the pump is at 4.5 mW, 20 °C"]
        assert run.figures() == {"visibility": b"\x89PNG\r\n\x1a\nstands for a picture"}
        (snapshot,) = run.snapshots()
        assert snapshot["instruments"] == {"pump": {"power_mw": 3.0}}
        facts = run.metadata
        assert (facts["uid"], facts["operator"], facts["seed"]) == ("1a2b3c", "Zoë", 7)
        assert facts["parameters"] == {"dwell_s": 1.0, "angles_deg": [0.0, 45.0]}
        assert facts["start_utc"] == "2026-11-23T07:15:02.000000+00:00"
        assert run.configuration.startswith("version = 1\n[instruments.pump]")
        if run.status == "finished":
            assert run.result == {"visibility": 0.975, "counts": [310, 8], "basis": "D/A"}
        if run.status == "aborted":
            assert run.end["reason"] == "the operator pressed stop"


def test_they_verify(path: Path) -> None:
    found = verify_run(path)

    is_closed = not path.name.startswith("interrupted")
    assert (found.state, found.damages) == ("intact" if is_closed else "unfinished", ())
    # 184 tags; losses of 7 and 2; from 0 to 5 s with an hour's gap, 3600 s, in between.
    for tagger in ("alice", "bob"):
        sums = found.taggers[tagger]
        assert (sums.tags, sums.lost, sums.overlaps) == (184, 9, 0)
        assert (sums.start_ps, sums.stop_ps) == (0, 3605 * 10**12)
    assert found.taggers["alice"] != TagSums()


def test_they_are_recovered_or_archived_by_the_program_of_today(path: Path, values: Any) -> None:
    if path.name.startswith("interrupted"):
        path = recover_run(path).path
    if not path.name.startswith("archived"):
        archive_run(path)

    with open_run(path) as run:
        for name, expected in values.items():
            times = np.concatenate([block.times_ps for block in run.tags(name)])
            np.testing.assert_array_equal(
                times, np.concatenate([block["times_ps"] for block in expected["blocks"]])
            )


def test_they_are_tag_files_too(path: Path, values: Any) -> None:
    blocks = list(open_tags(path).blocks())

    times = np.concatenate([block.times_ps for block in blocks])
    np.testing.assert_array_equal(
        times, np.concatenate([block["times_ps"] for block in values["alice"]["blocks"]])
    )


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    path.write_bytes(gzip.decompress((HERE / "version_1/finished.h5.gz").read_bytes()))
    return path


def test_what_a_later_program_adds_within_a_version_is_ignored(finished: Path) -> None:
    with h5py.File(finished, "r+") as file:
        file.attrs["weather"] = "sunny"
        file["entry/tags/alice"].attrs["gate_ns"] = 3
        file["entry/tags/alice/temperature_k"] = np.arange(3.0)
        file["entry/header/phase_of_moon"] = np.bytes_(b"full")
        file.create_group("entry/spectra")["data"] = np.arange(5)

    with open_run(finished) as run:
        assert sum(len(block) for block in run.tags("alice")) == 184
        assert run.metadata["phase_of_moon"] == "full"
    assert verify_run(finished).state == "intact"


def test_a_later_version_is_refused_with_what_to_do(finished: Path) -> None:
    with h5py.File(finished, "r+") as file:
        file.attrs["format_version"] = FORMAT_VERSION + 1

    message = rf"run.h5 has format version {FORMAT_VERSION + 1}; .* Update labctl to read it"
    with pytest.raises(RunFileError, match=message):
        open_run(finished)
    assert "format version" in verify_run(finished).damages[0].what


def test_a_feature_without_which_the_file_would_be_misread_is_refused_by_name(
    finished: Path,
) -> None:
    with h5py.File(finished, "r+") as file:
        file.attrs["required_features"] = "encrypted tags"

    with pytest.raises(RunFileError, match=r"needs encrypted tags, .* Update labctl to read it"):
        open_run(finished)
