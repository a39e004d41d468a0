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
Adjoining: TypeAlias = Callable[[int], list[TagBlock]]

SECOND_PS = 10**12


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


@pytest.fixture(scope="session")
def adjoining() -> Adjoining:
    """Return blocks of a second each: gaps beyond 32 bits, empty ones, tags at both ends."""

    def build(n_blocks: int) -> list[TagBlock]:
        rng = np.random.default_rng(8)
        blocks = []
        for n in range(n_blocks):
            start_ps, stop_ps = n * SECOND_PS, (n + 1) * SECOND_PS
            n_tags = int(rng.choice([0, 2, 3000]))
            inner = np.sort(rng.integers(start_ps, stop_ps, n_tags))
            times = np.concatenate([[start_ps], inner, [stop_ps - 1]]) if n_tags else inner
            channels = rng.integers(0, 8, times.size).astype(np.uint8)
            blocks.append(TagBlock(times, channels, start_ps, stop_ps, n))
        return blocks

    return build


@pytest.fixture
def parted(tmp_path: Path, record: Record, adjoining: Adjoining) -> Path:
    """Return the first file of a run of four parts: three blocks and a point in each but one."""
    path = tmp_path / "run.h5"
    with record(path, file_limit_bytes=1, ack_interval_s=1000.0) as recorder:
        for n, block in enumerate(adjoining(9)):
            recorder.record("tdc", block)
            if n % 3 == 2:
                recorder.point(n // 3 + 1, 3, {"n": n})
                recorder.event("info", "test", f"block {n}")
                recorder.log(f"line {n}")
                recorder.figure("result", b"\x89PNG" + bytes([n]))
                recorder.sync()
        recorder.end("finished", result={"answer": 42}, taken=3)
    return path
