from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from labctl.errors import RunFileError
from labctl.storage.export.new_file import new_file


class BrokenOffError(Exception):
    """Stands for anything that ends an export early."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_under_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    with new_file(path, replaces=False) as file:
        file.write(b"whole")
        assert not path.exists()
    assert names(tmp_path) == ["tags.csv"]
    assert path.read_bytes() == b"whole"


def test_an_export_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_bytes(b"old")

    def break_off() -> None:
        with new_file(path, replaces=True) as file:
            file.write(b"half")
            raise BrokenOffError

    with pytest.raises(BrokenOffError):
        break_off()
    assert names(tmp_path) == ["tags.csv"]
    assert path.read_bytes() == b"old"


def test_a_file_is_replaced_only_when_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_bytes(b"old")
    with (
        pytest.raises(RunFileError, match=r"exists already\. Add --force"),
        new_file(path, replaces=False),
    ):
        pass
    assert path.read_bytes() == b"old"
    with new_file(path, replaces=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_came_while_ours_was_written_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    with (
        pytest.raises(RunFileError, match="exists already"),
        new_file(path, replaces=False),
    ):
        path.write_bytes(b"theirs")
    assert names(tmp_path) == ["tags.csv"]
    assert path.read_bytes() == b"theirs"


def test_a_run_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    with h5py.File(path, "w"):
        pass
    with (
        pytest.raises(RunFileError, match="HDF5 file and is not replaced"),
        new_file(path, replaces=True),
    ):
        pass


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(RunFileError, match="there is no folder"),
        new_file(tmp_path / "none" / "tags.csv", replaces=False),
    ):
        pass
    with pytest.raises(RunFileError, match="is a folder"), new_file(tmp_path, replaces=True):
        pass
