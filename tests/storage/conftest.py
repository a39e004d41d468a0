from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from labctl.storage import Recorder, RunHeader, TaggerHeader
from labctl.tags.block import TagBlock

MakeBlock: TypeAlias = Callable[..., TagBlock]
Record: TypeAlias = Callable[..., AbstractContextManager[Recorder]]


@pytest.fixture(scope="session")
def block() -> MakeBlock:
    """Return a builder: times, channels (all 1 unless given) and interval (tight unless given)."""

    def build(
        times_ps: Any, channels: Any = None, start_ps: int | None = None, stop_ps: int | None = None
    ) -> TagBlock:
        times = np.array(times_ps, np.int64)
        numbers = np.ones(times.size, np.uint8) if channels is None else np.array(channels)
        start = int(times[0]) if start_ps is None else start_ps
        stop = int(times[-1]) + 1 if stop_ps is None else stop_ps
        return TagBlock(times, numbers, start, stop)

    return build


@pytest.fixture(scope="session")
def record() -> Record:
    """Return a recorder of one tagger `tdc` with eight channels; keywords go to Recorder."""

    @contextmanager
    def open_recorder(path: Path, *, n_channels: int = 8, **options: Any) -> Iterator[Recorder]:
        header = options.pop("header", None) or RunHeader(experiment="test", simulated=True)
        tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=n_channels, simulated=True)
        with Recorder(path, header, [tagger], **options) as recorder:
            yield recorder

    return open_recorder
