"""The parts of the gate that are not tests of behaviour: lint, format, types, layers, sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("labctl", "drivers", "simulated_devices")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60


def run_tool(*command: str) -> None:
    """Run a tool of the development group and fail with what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sources(*folders: str) -> Iterator[Path]:
    """Yield every Python file below the folders."""
    for folder in folders:
        yield from (REPOSITORY / folder).rglob("*.py")


def test_ruff_finds_nothing_to_object_to() -> None:
    run_tool("ruff", "check", ".")


def test_every_file_is_formatted() -> None:
    run_tool("ruff", "format", "--check", ".")


@pytest.mark.timeout(600)
def test_mypy_finds_every_type_consistent() -> None:
    run_tool("mypy")


def test_imports_point_down_the_layers() -> None:
    # import-linter offers its command line as a function, not as a module to run.
    run_python = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", run_python],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_longer_than_300_lines() -> None:
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in sources(*PACKAGES, "tests")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    }
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {}
    for path in sources(*PACKAGES, "tests"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{path.relative_to(REPOSITORY)}:{node.name}"] = lines
    assert long == {}
