"""The whole service in a process of its own: what labs see of it, and what befalls it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import InterlockError, LimitError, LinkError, RunError
from labctl.lab import bench_path
from labctl.service import LabClient, connect
from labctl.storage import open_run
from labctl.testing.service_process import ServiceProcess, home_variables

WITHIN_S = 15.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that this process shares with the services of the test."""
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def service(home: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess.start(home) as started:
        yield started


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[LabClient]:
    with connect(service.config, simulated=True, name="anna") as found:
        yield found


def until(condition: Callable[[], Any], what: str) -> Any:
    """Return what the condition returns once it is true."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return found


def acknowledged_points(path: Path) -> int:
    with open_run(path) as run:
        return len(run.points())


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labctl.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_a_second_service_is_refused_with_the_pid_and_host_of_the_first(
    service: ServiceProcess,
) -> None:
    told = command("serve", "--simulated")
    assert told.returncode == 4
    assert f"process {service.process.pid} on {os.uname().nodename}" in told.stderr
    assert "labctl stop" in told.stderr


def test_a_killed_service_leaves_an_interrupted_run_and_its_successor_says_so(home: Path) -> None:
    service = ServiceProcess.start(home)
    with connect(service.config, simulated=True) as client:
        client.start("counting", {"dwell_s": 0.2, "points": 100})
        path = until(lambda: client.run_status.path, "the run file")
        # A point counts once it is on the disk.
        until(lambda: acknowledged_points(path) > 0, "the first acknowledged point")
        client.queue.add("counting", arm=True)
        service.kill()
    with open_run(path) as run:
        assert run.status == "interrupted"
        assert len(run.points()) >= 1
        assert sum(len(block) for block in run.tags()) > 0
    with (
        ServiceProcess.start(home) as successor,
        connect(successor.config, simulated=True) as client,
    ):
        alarms = {alarm["key"]: alarm["text"] for alarm in client.snapshot()["alarms"]}
        assert "was interrupted" in alarms["interrupted run"]
        assert path.name in alarms["interrupted run"]
        assert "1 to run; 1 armed before" in alarms["kept queue"]
        assert client.queue.list()["is_held"]
        assert client.get("pump.emission") is False
        assert client.run_status.state.value == "idle"


def test_a_service_that_is_asked_to_end_in_mid_run_aborts_it_and_leaves_it_dark(
    home: Path,
) -> None:
    service = ServiceProcess.start(home)
    with connect(service.config, simulated=True) as client:
        client.start("counting", {"dwell_s": 0.2, "points": 100})
        until(lambda: client.run_status.points_done >= 1, "the first point")
        path = client.run_status.path
        service.end()
    assert path is not None
    with open_run(path) as run:
        assert run.status == "aborted"
        assert run.end["reason"] == "the service was stopped"
        assert run.snapshots()[-1]["instruments"]["pump"]["emission"] is False


def test_stop_is_refused_while_a_run_is_under_way_or_something_emits(
    service: ServiceProcess, client: LabClient
) -> None:
    run = client.start("counting", {"dwell_s": 0.2, "points": 100})
    until(lambda: client.run_status.points_done >= 1, "the first point")
    with pytest.raises(InterlockError, match="is under way"):
        client.stop()
    run.abort("enough")
    until(lambda: run.wait(1.0), "the end of the run")
    client.set("pump.emission", value=True, arm=True)
    with pytest.raises(InterlockError, match="pump emits"):
        client.stop()
    told = command("stop", "--force")
    assert told.returncode == 0, told.stderr
    assert service.process.wait(10) == 0


def test_a_configuration_edited_during_a_run_changes_nothing_of_it(
    home: Path, tmp_path: Path
) -> None:
    config = tmp_path / "instruments.toml"
    original = bench_path("default").read_text()
    config.write_text(original)
    with (
        ServiceProcess.start(home, "--config", str(config)) as service,
        connect(config, simulated=True) as client,
    ):
        run = client.start("counting", {"dwell_s": 0.2, "points": 4})
        until(lambda: client.run_status.points_done >= 1, "the first point")
        config.write_text(original.replace("window_full_ps = 6000", 'window_full_ps = "wide"'))
        outcome = until(lambda: run.wait(1.0), "the end of the run")
        assert outcome.status == "finished"
        with open_run(outcome.path) as recorded:
            assert recorded.configuration == original
        service.end()
    refused = command("serve", "--simulated", "--config", str(config))
    assert refused.returncode == 2
    assert "[coincidences] window_full_ps" in refused.stderr
    assert str(config) in refused.stderr


def test_a_client_that_is_frozen_costs_the_run_nothing(
    home: Path, service: ServiceProcess, client: LabClient
) -> None:
    code = (
        "import sys, time\nfrom labctl.service import connect\n"
        "from labctl.service.topics import TOPICS\n"
        "client = connect(simulated=True, name='window')\n"
        "updates = client.subscribe(*TOPICS)\nupdates.get(5)\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        "time.sleep(0.3)\nprint(updates.missed, flush=True)\n"
    )
    del home, service
    window = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert window.stdout is not None
    assert window.stdout.readline() == "ready\n"
    window.send_signal(signal.SIGSTOP)
    outcome = client.run("counting", dwell_s=0.5, points=4)
    window.send_signal(signal.SIGCONT)
    window.communicate("go on\n", timeout=10)
    assert outcome.status == "finished"
    assert outcome.path is not None
    with open_run(outcome.path) as recorded:
        blocks = list(recorded.tags())
    assert all(block.is_lossless for block in blocks)
    steps = [b.start_ps - a.stop_ps for a, b in itertools.pairwise(blocks)]
    assert set(steps) == {0}


def test_every_state_refuses_what_makes_no_sense_in_it(client: LabClient) -> None:
    client.pause()
    client.resume()
    client.abort("nothing to abort")
    assert client.run_status.state.value == "idle"
    run = client.start("counting", {"dwell_s": 0.2, "points": 50})
    with pytest.raises(RunError, match="is under way"):
        client.start("counting")
    client.pause()
    until(lambda: client.run_status.state.value == "paused", "the pause")
    client.pause()
    with pytest.raises(RunError, match="is under way"):
        client.start("counting")
    client.abort("while it was paused")
    client.abort("twice")
    outcome = until(lambda: run.wait(1.0), "the end of the run")
    assert outcome.status == "aborted"
    assert outcome.reason == "while it was paused"
    with open_run(outcome.path) as recorded:
        assert recorded.status == "aborted"
    assert client.get("pump.emission") is False


def test_the_queue_runs_what_waits_and_tells_when_it_will_end(client: LabClient) -> None:
    first = client.queue.add("counting", {"dwell_s": 0.3, "points": 2}, label="one")
    second = client.queue.add("counting", {"dwell_s": 0.3, "points": 2}, label="two")
    told = client.queue.list()
    assert [entry["id"] for entry in told["entries"]] == [first, second]
    assert told["end_utc"] is None or told["end_utc"] > time.time()
    ended = until(
        lambda: len(done := client.queue.list()["ended"]) == 2 and done, "the end of the queue"
    )
    assert [entry["state"] for entry in ended] == ["finished", "finished"]


def test_all_safe_holds_the_queue_so_that_nothing_lights_up_behind_it(client: LabClient) -> None:
    for label in ("one", "two"):
        client.queue.add("counting", {"dwell_s": 0.3, "points": 50}, label=label)
    until(lambda: client.run_status.points_done >= 1, "the first point")
    assert client.make_safe().is_safe
    until(lambda: client.run_status.state.value == "aborted", "the end of the run")
    told = client.queue.list()
    assert told["is_held"]
    assert [entry["label"] for entry in told["entries"] if entry["state"] == "waiting"] == ["two"]
    assert client.get("pump.emission") is False


def test_live_display_takes_other_pairs_and_windows_and_refuses_wrong_ones(
    client: LabClient,
) -> None:
    live = client.live(pairs=[("alice_h", "bob_v")], window_full_ps=10_000)
    assert live["tagger"]["pairs"] == ["alice_h-bob_v"]
    assert live["tagger"]["window_full_ps"] == 10_000
    with pytest.raises(LimitError, match='"carol" is no detector'):
        client.live(pairs=[("alice_h", "carol")])
    with pytest.raises(LimitError, match="bins"):
        client.live(range_ps=10**9, bin_ps=1)
    updates = client.subscribe("histogram")
    shown = until(
        lambda: (
            (u := updates.get(1.0))
            and u.topic == "histogram"
            and u.data["taggers"]["tagger"].get("pairs") == ["alice_h-bob_v"]
        ),
        "the histogram of the new pair",
    )
    assert shown


def test_a_tagger_setting_can_be_changed_between_runs_while_counts_are_live(
    client: LabClient,
) -> None:
    assert client.set("tagger.threshold_v", -0.4) == pytest.approx(-0.4, abs=0.01)
    updates = client.subscribe("rates")
    until(
        lambda: (
            (u := updates.get(1.0))
            and u.topic == "rates"
            and u.data["taggers"]["tagger"]["live_s"] > 0.2
            and not u.data["taggers"]["tagger"]["error"]
        ),
        "rates after the change",
    )


def test_an_unplugged_tagger_is_shown_as_gone_and_comes_back_by_itself(client: LabClient) -> None:
    updates = client.subscribe("rates")

    def error() -> str | None:
        update = updates.get(1.0)
        if update is None or update.topic != "rates":
            return None
        return str(update.data["taggers"]["tagger"]["error"]) or "fine"

    client.fault("tagger", "unplug")
    until(lambda: error() not in {None, "fine"}, "the error")
    client.fault("tagger", "plug")
    until(lambda: error() == "fine", "the stream")


def test_nobody_to_serve_says_how_to_begin(home: Path) -> None:
    del home
    with pytest.raises(LinkError, match="no acquisition service is running"):
        connect(simulated=True)
    told = command("stop")
    assert told.returncode == 4
    assert "no service is running" in told.stderr
