from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.storage.new_hdf5 import new_hdf5

#: With h5py.File in place of new_hdf5, HDF5 keeps the file open and the process crashes at its end.
FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from labctl.storage.new_hdf5 import new_hdf5
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with new_hdf5(Path(sys.argv[1])) as file:
        for number in range(40):
            group = file.create_group(f"group{number}")
            group.create_dataset("rows", data=np.arange(5000), chunks=(1000,))
            group.attrs["text"] = "x" * 1000
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("limit_bytes", [100, 4_000, 300_000])
def test_a_full_disk_is_one_error_and_no_crash(tmp_path: Path, limit_bytes: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "new.h5"), str(limit_bytes)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "File too large\n", "")


def test_what_was_written_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new.h5"
    with new_hdf5(path, "latest") as file:
        file.create_dataset("rows", data=np.arange(100_000), chunks=(1000,), compression=1)
        # Read back before it is closed, as archiving does.
        assert file["rows"][99_000:].tolist() == list(range(99_000, 100_000))

    with h5py.File(path) as file:
        assert file["rows"][:].tolist() == list(range(100_000))


def test_an_error_of_the_block_comes_through(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no such thing"), new_hdf5(tmp_path / "new.h5"):
        raise KeyError("no such thing")
    with h5py.File(tmp_path / "new.h5") as file:
        assert list(file) == []
