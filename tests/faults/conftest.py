"""The simulated default bench, stepped, as scripts open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import pytest

import labctl
from labctl.lab import bench_path, load_bench
from labctl.runs import LabSession
from labctl.testing.contracts import impatient

#: Simulated replies come at once; a test that waits for one that does not come waits so long.
TIMEOUT_S = 0.05
OpenHastily: TypeAlias = Callable[[], LabSession]


@pytest.fixture
def lab() -> Iterator[LabSession]:
    """Return the default bench, open; what a test broke it must have mended at its end."""
    with labctl.open_lab(bench_path("default"), simulated=True, seed=1, speed=0) as opened:
        yield opened


@pytest.fixture
def hasty_lab() -> Iterator[LabSession]:
    """Return the default bench with drivers that do not wait long for a reply."""
    loaded = load_bench(bench_path("default"))
    drivers = {name: impatient(driver, TIMEOUT_S) for name, driver in loaded.drivers.items()}
    with LabSession(replace(loaded, drivers=drivers), simulated=True, seed=1, speed=0) as opened:
        yield opened
