from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import open_run, recover_run, verify_run
from labctl.storage.left_behind import open_mended
from labctl.storage.mending import mended_blocks
from labctl.storage.superblock import lookup3
from tests.storage.power_loss import Call, Disk, last_published, logged_calls
from tests.storage.recording_process import Recording
from tests.storage.recordings import (
    Server,
    assert_published_is_there,
    assert_records_are_there,
    assert_tags_are_there,
    counted_recordings,
)

#: A write arrives whole or not at all; in pages; in sectors.
SECTOR_BYTES = (0, 4096, 512)


@dataclass(frozen=True)
class Logged:
    """A recording that came to its end, and all its calls to the disk."""

    recording: Recording
    path: Path
    calls: list[Call]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with counted_recordings(tmp_path_factory.mktemp("interposer")) as server:
        yield server


def logged(server: Server, folder: Path, recording: Recording) -> Logged:
    """Record to the end."""
    runs = folder / f"seed {recording.seed}"
    runs.mkdir()
    log = folder / f"log of seed {recording.seed}"
    asked = replace(recording, path=str(runs / "run.h5"), log=str(log))
    outcome = server.run(asked)
    assert (outcome.return_code, outcome.error) == (0, "")
    return Logged(asked, runs / "run.h5", logged_calls(log))


def lose_power(done: Logged, folder: Path, chance: random.Random, sector_bytes: int) -> str:
    """Compare what the disk may hold after a loss of power at a random call; tell what it was."""
    calls = done.calls[: chance.randint(1, len(done.calls))]
    told = last_published(calls)
    found = Disk(calls).after_power_loss(chance, sector_bytes)
    for name, content in found.items():
        (folder / name).write_bytes(content)
    path = folder / "run.h5"
    if told is None:
        # Nobody was told that the run had begun; whatever is there must not be taken for one.
        if path.exists() and verify_run(path).is_sound:
            assert_published_is_there(path, done.recording, NOTHING)
        return "before"
    assert path.exists(), "the folder must have been synchronized before anyone was told"
    assert_tags_are_there(path, done.recording, told)
    damages = verify_run(path).damages
    assert all(
        damage.where.startswith(("append", "record", "tail", "file")) for damage in damages
    ), damages
    if verify_run(path).state != "intact":
        copy = recover_run(path).path
        assert verify_run(copy).state == "intact"
        assert_tags_are_there(copy, done.recording, told)
        path = copy
    assert_records_are_there(path, told)
    return "flagged" if damages else "sound"


NOTHING = {"n_tags": {"near": 0, "far": 0}, "safe_until_ps": {}, "n_points": 0, "n_ends": 0}


def test_the_calls_that_were_noted_make_the_very_files(tmp_path: Path, server: Server) -> None:
    """No change of a file escapes the log: it is all that the other tests stand on."""
    done = logged(server, tmp_path, Recording("", 1, 20, 3600.0))
    assert Disk(done.calls).contents() == {"run.h5": done.path.read_bytes()}


def test_a_loss_of_power_during_a_recovery_leaves_the_original_or_the_copy(
    tmp_path: Path, server: Server
) -> None:
    done = logged(server, tmp_path, Recording("", 1, 12, 3600.0))
    # As the recorder leaves it that loses its power at its last call.
    original = Disk(done.calls[:-1]).after_power_loss(random.Random(0))["run.h5"]
    told = last_published(done.calls)
    assert told is not None
    done.path.write_bytes(original)
    server.run(replace(done.recording, task="recover"))
    calls = logged_calls(Path(done.recording.log))
    assert Disk(calls, {"run.h5": original}).contents() == {
        path.name: path.read_bytes() for path in done.path.parent.iterdir()
    }
    for loss in range(12):
        found = Disk(calls[: len(calls) - loss // 2], {"run.h5": original}).after_power_loss(
            random.Random(loss), 512
        )
        assert found["run.h5"] in (original, done.path.read_bytes())
        path = tmp_path / "run.h5"
        path.write_bytes(found["run.h5"])
        assert_published_is_there(path, done.recording, told)


@pytest.mark.parametrize("sector_bytes", SECTOR_BYTES)
def test_a_loss_of_power_loses_nothing_acknowledged(
    tmp_path: Path, server: Server, sector_bytes: int
) -> None:
    done = logged(server, tmp_path, Recording("", 7, 12, 3600.0))
    for loss in range(6):
        folder = tmp_path / f"loss {loss}"
        folder.mkdir()
        lose_power(done, folder, random.Random(loss), sector_bytes)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ack_interval_s", [0.001, 3600.0])
def test_200_losses_of_power_lose_nothing_acknowledged(
    tmp_path: Path, server: Server, ack_interval_s: float
) -> None:
    """With short intervals the disk is waited for while the next rows are written."""
    outcomes: list[str] = []
    for seed in range(4):
        done = logged(server, tmp_path, Recording("", seed, 40, ack_interval_s))
        for loss in range(51):
            folder = tmp_path / f"{seed} {loss}"
            folder.mkdir()
            chance = random.Random(1000 * seed + loss)
            outcomes.append(lose_power(done, folder, chance, SECTOR_BYTES[loss % 3]))
    counts = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    print(f"{len(outcomes)} losses of power: {counts}")  # noqa: T201 - shown with -s
    assert len(outcomes) - counts["before"] >= 100


def test_without_a_synchronization_power_loss_does_lose(tmp_path: Path, server: Server) -> None:
    """The model has teeth: had the disk never been waited for, published tags would be gone."""
    done = logged(server, tmp_path, Recording("", 7, 12, 3600.0))
    unsafe = [call for call in done.calls if call.kind not in "SD" or not call.inode]
    told = last_published(unsafe)
    assert told is not None
    n_lost = 0
    for loss in range(10):
        found = Disk(unsafe).after_power_loss(random.Random(loss))
        path = tmp_path / f"{loss}.h5"
        path.write_bytes(found.get("run.h5", b""))
        try:
            assert_published_is_there(path, done.recording, told)
        except (RunFileError, AssertionError):
            n_lost += 1
    assert n_lost == 10


def test_checksums_of_all_blocks_of_a_large_array_are_recognized(tmp_path: Path) -> None:
    """HDF5 wrote them, so none may need mending: index, data and super blocks, all sizes."""
    path = tmp_path / "large.h5"
    with h5py.File(path, "w", libver="latest", rdcc_nbytes=0) as file:
        rows = file.create_dataset(
            "entry/tags/tdc/delta", (0,), "u1", maxshape=(None,), chunks=(1,)
        )
        rows.resize((5000,))
        rows[:] = 1
        for at in (60, 61, 100, 999, 3000):
            rows[at] = 2
    with h5py.File(path, "r") as file:
        assert mended_blocks(path, file, was_closed=False) == {}
        assert path.read_bytes().count(b"EADB") > 30


@pytest.mark.parametrize("signature", [b"EAHD", b"EAIB", b"EADB", b"EASB"])
def test_a_block_with_a_wrong_checksum_is_read_all_the_same(
    tmp_path: Path, signature: bytes
) -> None:
    path = tmp_path / "torn.h5"
    with h5py.File(path, "w", libver="latest", rdcc_nbytes=0) as file:
        rows = file.create_dataset(
            "entry/tags/tdc/delta", (0,), "<u4", maxshape=(None,), chunks=(1,)
        )
        rows.resize((700,))
        rows[:] = np.arange(700)
    content = bytearray(path.read_bytes())
    at = content.index(signature)
    # The address of the array's header is in every block; its own size follows from the format.
    with h5py.File(path, "r") as file:
        intact = lookup_sizes(bytes(content), at)
        assert file["entry/tags/tdc/delta"][699] == 699
    content[at + intact - 1] ^= 0xFF
    path.write_bytes(content)
    with h5py.File(path, "r") as file, pytest.raises((OSError, KeyError, RuntimeError)):
        file["entry/tags/tdc/delta"][:]
    mended, _ = open_mended(path, was_closed=False)
    with mended as file:
        np.testing.assert_array_equal(file["entry/tags/tdc/delta"][:], np.arange(700))


def lookup_sizes(content: bytes, at: int) -> int:
    """Return the size of the block that begins here: where its checksum is right."""
    return next(
        size
        for size in range(20, 9000)
        if lookup3(content[at : at + size - 4]).to_bytes(4, "little")
        == content[at + size - 4 : at + size]
    )


def test_the_run_is_readable_as_soon_as_its_recorder_says_so(
    tmp_path: Path, server: Server
) -> None:
    done = logged(server, tmp_path, Recording("", 3, 2, 3600.0))
    first = next(at for at, call in enumerate(done.calls) if call.kind == "P")
    for loss in range(5):
        found = Disk(done.calls[: first + 1]).after_power_loss(random.Random(loss), 512)
        path = tmp_path / f"{loss}.h5"
        path.write_bytes(found["run.h5"])
        with open_run(path) as run:
            assert run.status == "interrupted"
            assert run.metadata["experiment"] == "killed"
