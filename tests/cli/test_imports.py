"""What importing and asking for help costs: nothing heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("PySide6", "numba", "matplotlib", "h5py", "pyvisa", "scipy", "pandas", "zmq")
REPORT = "import json, sys; print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_labctl_loads_nothing_heavy() -> None:
    loaded = modules_after("import labctl")

    assert "labctl" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy", "pydantic", "rich", "typer"})


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_asking_for_help_loads_neither_numpy_nor_the_laboratory(arguments: list[str]) -> None:
    loaded = modules_after(
        "import sys\n"
        f"sys.argv = ['labctl', *{arguments}]\n"
        "from labctl.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
    )

    assert "typer" in loaded
    assert loaded.isdisjoint({*HEAVY, "numpy"})


def test_the_version_of_the_package_is_that_of_the_distribution() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "labctl.cli.main", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("labctl ")


def test_asking_what_is_open_does_not_load_what_opening_needs() -> None:
    loaded = modules_after(
        "import sys\n"
        "sys.argv = ['labctl', 'status', '--json']\n"
        "from labctl.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
    )

    assert loaded.isdisjoint({"PySide6", "numba", "matplotlib", "h5py", "pyvisa", "scipy"})
