"""Configurations to open and to break, and processes that hold what we want."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from labctl.errors import ConfigError
from labctl.lab import bench_path, load_bench

Edit: TypeAlias = tuple[str, str]
Edited: TypeAlias = Callable[..., Path]
MistakesIn: TypeAlias = Callable[..., str]
StartPython: TypeAlias = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    """Return a writer of the default bench with pieces of its text replaced, each once."""

    def write(*edits: Edit) -> Path:
        text = bench_path("default").read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "instruments.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def mistakes_in(edited: Edited) -> MistakesIn:
    """Return what the operator reads about the default bench with these edits."""

    def load(*edits: Edit) -> str:
        with pytest.raises(ConfigError) as refused:
            load_bench(edited(*edits))
        return str(refused.value)

    return load


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Return a starter of a Python process; it is killed at the end of the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
