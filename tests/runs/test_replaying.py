from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labctl
from labctl.errors import RunFileError
from labctl.runs.replaying import prepare_replay
from labctl.tags.formats import open_tags


def recorded(folder: Path, experiment: str, **parameters: Any) -> Path:
    with labctl.open_lab(simulated=True, seed=11, speed=0) as lab:
        run = lab.run(experiment, folder=folder, **parameters)
    assert run.path is not None
    return run.path


@pytest.mark.parametrize(
    ("experiment", "parameters"),
    [
        ("counting", {"dwell_s": 0.2, "points": 3}),
        ("chsh", {"dwell_s": 0.1}),
        pytest.param("visibility", {"dwell_s": 0.1, "angles": 4}, marks=pytest.mark.slow),
        ("delays", {"dwell_s": 0.3}),
    ],
)
def test_a_replayed_run_gives_exactly_the_original_result(
    tmp_path: Path, experiment: str, parameters: dict[str, object]
) -> None:
    replay = prepare_replay(recorded(tmp_path, experiment, **parameters))
    with replay.open(speed=0) as lab:
        run = lab.start(
            replay.experiment, replay.parameters, folder=tmp_path, parents=(replay.parent,)
        )
        while (outcome := run.wait(0.1)) is None:
            pass
    assert outcome.status == "finished"
    assert outcome.result.to_dict() == replay.original


def test_a_replay_at_ten_times_the_speed_counts_the_same(tmp_path: Path) -> None:
    replay = prepare_replay(recorded(tmp_path, "counting", dwell_s=0.5))
    with replay.open(speed=10) as lab:
        run = lab.start("counting", replay.parameters, folder=tmp_path, parents=(replay.parent,))
        while (outcome := run.wait(0.1)) is None:
            pass
    assert outcome.result.to_dict() == replay.original


def qutag_file(path: Path, times_ps: np.ndarray, channels: np.ndarray) -> Path:
    records = np.zeros(times_ps.size, dtype=[("time", "<i8"), ("channel", "<i2")])
    records["time"], records["channel"] = times_ps, channels
    path.write_bytes(bytes(40) + records.tobytes())
    return path


def test_any_tag_file_plays_through_the_live_pipeline(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    times_ps = np.sort(rng.integers(10**9, 10**12, 30_000))
    channels = rng.integers(1, 4, times_ps.size)
    replay = prepare_replay(qutag_file(tmp_path / "stream.qutag", times_ps, channels))
    assert replay.experiment == "counting"
    with replay.open(speed=0) as lab:
        run = lab.start("counting", replay.parameters, folder=tmp_path, parents=("file",))
        while (outcome := run.wait(0.1)) is None:
            pass
    singles = outcome.result.singles_hz
    live_s = outcome.result.live_s
    for channel in (1, 2, 3):
        counted = round(singles[f"ch{channel}"].value * live_s)
        assert counted == int(np.count_nonzero(channels == channel))


def test_a_recording_on_the_bench_is_recorded_tag_by_tag(tmp_path: Path) -> None:
    original = recorded(tmp_path, "counting", dwell_s=0.2)
    config = tmp_path / "replay.toml"
    config.write_text(
        f"""version = 1
[instruments.player]
driver = "replay"
address = "file://{original}"
set = {{ speed = 0 }}
[detectors.one]
tagger = "player"
channel = 1
[detectors.three]
tagger = "player"
channel = 3
"""
    )
    with labctl.open_lab(config) as lab:
        run = lab.run("counting", folder=tmp_path, whole=True, arm=False)
    assert run.path is not None
    copied = [block for block in open_tags(run.path).blocks() if len(block)]
    source = [block for block in open_tags(original).blocks() if len(block)]
    np.testing.assert_array_equal(
        np.concatenate([block.times_ps for block in copied]),
        np.concatenate([block.times_ps for block in source]),
    )


def test_a_run_without_tags_cannot_be_replayed(tmp_path: Path) -> None:
    original = recorded(tmp_path, "counting", dwell_s=0.1)
    replay = prepare_replay(original)
    with replay.open(speed=0) as lab:
        run = lab.start("counting", replay.parameters, folder=tmp_path, parents=(replay.parent,))
        while (outcome := run.wait(0.1)) is None:
            pass
    assert outcome.path is not None
    with pytest.raises(RunFileError, match="holds no tags"):
        prepare_replay(outcome.path)
