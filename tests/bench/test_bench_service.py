"""The service as a process. Goals: ready within 2 s, safe within 0.3 s, 10 Mtag/s on one core."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from labctl.lab import bench_path
from labctl.service import LabClient, connect
from labctl.storage import open_run
from labctl.testing.service_process import ServiceProcess, home_variables

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

TRIALS: Final = 5
POINTS: Final = 20
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
#: Four detectors that see 2.5e6 photons/s each on a Time Tagger.
BRIGHT: Final = (
    ('driver = "s15_tdc1"', 'driver = "swabian_timetagger"'),
    ('address = "serial:///dev/ttyACM0"', 'address = "library://swabian/bench"'),
    ("set = { threshold_v = -0.5 }", ""),
    ("pairs_hz_per_mw = 80_000.0", "pairs_hz_per_mw = 4_400_000.0"),
    ("dead_time_ns = 50.0", "dead_time_ns = 20.0"),
)


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def settle_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in home_variables(home).items():
        monkeypatch.setenv(name, value)


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def until_turning(client: LabClient) -> None:
    while not client.run_status.text.startswith("turning"):
        time.sleep(0.005)


def test_bench_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = []
    for number in range(TRIALS):
        begin_s = time.perf_counter()
        with ServiceProcess.start(tmp_path / str(number)):
            seconds.append(time.perf_counter() - begin_s)
    say(
        capsys,
        f"process start to ready: median {statistics.median(seconds):.2f} s, "
        f"worst {max(seconds):.2f} s (goal 2)",
    )


def test_bench_safe_while_a_mount_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle_in(tmp_path, monkeypatch)
    seconds = []
    with ServiceProcess.start(tmp_path) as service, connect(service.config) as client:
        for _ in range(TRIALS):
            run = client.start("chsh", {"dwell_s": 0.2, "settings": 16})
            until_turning(client)
            begin_s = time.perf_counter()
            report = client.make_safe()
            seconds.append(time.perf_counter() - begin_s)
            assert "pump" in report.confirmed
            while run.wait(1.0) is None:
                pass
    say(
        capsys,
        f"safe to emission off, read back, in mid-move: median "
        f"{1e3 * statistics.median(seconds):.0f} ms, worst {1e3 * max(seconds):.0f} ms (goal 300)",
    )


def test_bench_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle_in(tmp_path, monkeypatch)
    with ServiceProcess.start(tmp_path) as service:
        time.sleep(2.0)
        before_s, begin_s = cpu_s(service.process.pid), time.perf_counter()
        time.sleep(10.0)
        used = (cpu_s(service.process.pid) - before_s) / (time.perf_counter() - begin_s)
    say(capsys, f"dark default bench, nobody watching: {100 * used:.1f} % of a core")


def test_bench_ten_million_tags_a_second_on_one_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle_in(tmp_path, monkeypatch)
    text = bench_path("default").read_text()
    for old, new in BRIGHT:
        text = text.replace(old, new)
    config = tmp_path / "bright.toml"
    config.write_text(text)
    # The process and all its threads, the simulated world among them, share one core.
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        service = ServiceProcess.start(tmp_path, "--config", str(config))
    finally:
        os.sched_setaffinity(0, allowed)
    with service, connect(config) as client:
        client.subscribe("rates")
        run = client.start("counting", {"dwell_s": 1.0, "points": POINTS})
        before_s, begin_s = cpu_s(service.process.pid), time.perf_counter()
        while (outcome := run.wait(1.0)) is None:
            pass
        wall_s = time.perf_counter() - begin_s
        used = (cpu_s(service.process.pid) - before_s) / wall_s
        skipped = client.results()["rates"].data["taggers"]["tagger"]["skipped"]
    assert outcome.path is not None
    with open_run(outcome.path) as recorded:
        n_tags = sum(recorded.tag_counts().values())
        lost = sum(block.lost for block in recorded.tags())
        span_s = recorded.points()[-1]["live_s"] * POINTS
    say(
        capsys,
        f"{n_tags / wall_s / 1e6:.1f} Mtag/s through world, driver, live display, experiment and "
        f"recorder on one core, {100 * used:.0f} % of it used, {span_s:.0f} s of tags in "
        f"{wall_s:.1f} s; {lost} tags lost, display skipped {skipped} times",
    )
