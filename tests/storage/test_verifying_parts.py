from __future__ import annotations

from pathlib import Path

from labctl.storage import run_parts, verify_parts
from labctl.storage.names import part_path


def test_each_file_of_a_run_is_verified(parted: Path) -> None:
    told: list[float] = []

    found = verify_parts(part_path(parted, 3), told.append)

    assert [one.path for one in found] == list(run_parts(parted))
    assert {one.state for one in found} == {"intact"}
    # The end of the run is in its last file.
    assert [one.status for one in found] == ["", "", "", "finished"]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_part_that_is_missing_between_others_is_named(parted: Path) -> None:
    part_path(parted, 2).unlink()

    found = verify_parts(parted)

    assert [one.state for one in found] == ["intact", "damaged", "intact"]
    (damage,) = found[1].damages
    assert (damage.where, damage.what) == ("run", "part 2 of the run is missing")


def test_a_last_part_that_never_began_is_unfinished_and_no_damage(parted: Path) -> None:
    part_path(parted, 5).write_bytes(b"")

    found = verify_parts(parted)

    assert [one.state for one in found] == ["intact"] * 4 + ["unfinished"]
    assert found[-1].damages == ()
