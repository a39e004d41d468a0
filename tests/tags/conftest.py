from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labctl.tags import TagBlock


@pytest.fixture(scope="session")
def block() -> Callable[..., TagBlock]:
    """Return a builder: times on channel 1, and the interval (tight unless given)."""

    def build(times_ps: Any, start_ps: int | None = None, stop_ps: int | None = None) -> TagBlock:
        times = np.array(times_ps, np.int64)
        start = int(times[0]) if start_ps is None else start_ps
        stop = int(times[-1]) + 1 if stop_ps is None else stop_ps
        return TagBlock(times, np.ones(times.size, np.uint8), start, stop)

    return build
