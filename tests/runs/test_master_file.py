from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import silx.io.nxdata

from labctl.bus import Level, Message
from labctl.runs import LabSession
from labctl.runs.recording import new_recording
from labctl.storage import open_run
from labctl.tags import TagBlock

OpenBench = Callable[..., LabSession]


def test_a_run_leaves_a_master_file_that_viewers_draw(lab: LabSession, tmp_path: Path) -> None:
    run = lab.run("counting", folder=tmp_path, dwell_s=0.05, points=2)
    assert run.path is not None
    with h5py.File(run.path.with_suffix(".nxs"), "r") as file:
        plot: Any = silx.io.nxdata.get_default(file)  # type: ignore[attr-defined]  # its manual
        assert plot.signal.shape == (2,)
        assert plot.errors is not None
        assert file["entry/status"].asstr()[()] == "finished"
        assert file["entry/title"].asstr()[()].startswith("SIMULATED: counting")
        settings = file["entry/instrument/pump/settings_start"]
        assert settings["power_mw"].attrs["units"] == "mW"


def test_a_run_is_finished_without_its_master_file_and_says_so(
    lab: LabSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_replace = Path.replace

    def no_room_for_a_master(path: Path, target: Path) -> Path:
        if str(target).endswith(".nxs"):
            raise OSError(28, "No space left on device")
        return real_replace(path, target)

    monkeypatch.setattr(Path, "replace", no_room_for_a_master)
    with lab.bus.subscribe() as events:
        run = lab.run("counting", folder=tmp_path, dwell_s=0.05, points=1)
        told = [
            event.text
            for event in events.drain()
            if isinstance(event, Message) and event.level is Level.WARNING
        ]
    assert run.status == "finished"
    assert any("No space left on device" in text for text in told)
    assert run.path is not None
    assert not run.path.with_suffix(".nxs").exists()
    with open_run(run.path) as file:
        assert file.status == "finished"


def test_the_file_limit_of_the_configuration_holds(open_bench: OpenBench, tmp_path: Path) -> None:
    lab = open_bench(("file_limit_gb = 32.0", "file_limit_gb = 0.001"))
    recorder, _ = new_recording(lab, "counting", {}, tmp_path, 1)
    with recorder:
        # A million bytes are 200 000 tags of five bytes each.
        for start_ps in (0, 300_000):
            times_ps = np.arange(start_ps, start_ps + 300_000)
            channels = np.ones(times_ps.size, np.uint8)
            block = TagBlock(times_ps, channels, start_ps, start_ps + 300_000)
            recorder.record(next(iter(lab.bench.pumps)), block)
            recorder.sync()
        recorder.end("finished")
    with open_run(recorder.path) as file:
        assert len(file.parts) == 3
        assert sum(len(block) for block in file.tags()) == 600_000
