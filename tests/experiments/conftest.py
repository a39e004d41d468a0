"""Benches for experiments: the default one, with single facts of the world changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import labctl
from labctl.lab import bench_path
from labctl.runs import LabSession

OpenBench: TypeAlias = Callable[..., Any]


def changed(text: str, changes: Mapping[str, str]) -> str:
    """Return `text` with each fragment replaced, which must be in it."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def open_bench(tmp_path: Path) -> OpenBench:
    """Return a context manager that opens the default bench with changes to its text."""

    @contextmanager
    def opened(changes: Mapping[str, str] | None = None, *, seed: int = 0) -> Iterator[LabSession]:
        config = tmp_path / "instruments.toml"
        original = bench_path("default").read_text(encoding="utf-8")
        config.write_text(changed(original, changes or {}), encoding="utf-8")
        with labctl.open_lab(config, simulated=True, seed=seed, speed=0) as lab:
            yield lab

    return opened
