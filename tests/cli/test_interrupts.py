"""Ctrl-C, termination and `labctl safe` from another terminal, in real processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.lab import find_open_labs
from labctl.storage import open_run

Spawn = Callable[..., Any]
HANGS = """
import time
from labctl.runs import Experiment, Parameters, Progress, settle

def plan(bench, _):
    try:
        while True:
            yield from settle(bench, 0.05)
            yield Progress(0.5)
    finally:
        time.sleep(60)

EXPERIMENT = Experiment("hangs", "", Parameters, plan, needs_light=True, points=lambda _: 1)
"""
RUN = ("--simulated", "--progress", "json", "--out", "runs")


@pytest.fixture
def long_run(spawn: Spawn, bench: Path) -> Any:
    """Return a run that would take a minute, after its first counts."""
    run = spawn("run", "counting", "-p", "dwell_s=60", *RUN, "--config", bench)
    run.status(lambda status: status["fraction"] > 0)
    return run


def emission_at_the_end(path: Path) -> Any:
    with open_run(path) as file:
        return file.snapshots()[-1]["instruments"]["pump"]["emission"]


def ended_as(path: Path) -> tuple[str, str]:
    with open_run(path) as file:
        return file.status, str(file.end["reason"])


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGINT, "interrupted from the keyboard"), (signal.SIGTERM, "terminated")],
)
def test_an_interrupt_ends_the_run_with_3_an_aborted_file_and_no_light(
    number: signal.Signals, reason: str, long_run: Any
) -> None:
    long_run.process.send_signal(number)

    told = long_run.end()

    assert told.code == 3
    (path,) = Path("runs").glob("*/*.h5")
    assert ended_as(path) == ("aborted", reason)
    assert emission_at_the_end(path) is False
    assert '"event": "end", "status": "aborted"' in told.out
    assert "Traceback" not in told.err
    assert find_open_labs() == []


def test_a_second_interrupt_does_not_wait_but_still_makes_everything_safe(
    spawn: Spawn, bench: Path, here: Path
) -> None:
    (here / "hangs.py").write_text(HANGS)
    run = spawn("run", "hangs.py", *RUN, "--config", bench)
    run.status(lambda status: status["fraction"] > 0)
    (client,) = find_open_labs(bench)
    assert client.ask("status")["status"]["emission"] == {"pump": True}

    run.process.send_signal(signal.SIGINT)
    with pytest.raises(Exception, match="timed out"):
        run.process.wait(0.5)
    started_s = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    told = run.end()

    assert told.code == 3
    assert time.monotonic() - started_s < 5.0
    assert "all safe: pump, tagger" in told.err
    assert find_open_labs() == []
    (path,) = Path("runs").glob("*/*.h5")
    with open_run(path) as file:
        assert file.status == "interrupted", "nobody waited for its end"


def test_safe_from_another_terminal_switches_off_at_once_and_aborts_the_run(
    long_run: Any, spawn: Spawn, bench: Path, wait_until: Callable[[Callable[[], object]], None]
) -> None:
    (client,) = find_open_labs(bench)
    assert client.ask("status")["status"]["emission"] == {"pump": True}

    started_s = time.monotonic()
    safe = spawn("safe", "--json")
    # The status reads the emission back from the laser.
    wait_until(lambda: client.ask("status")["status"]["emission"] == {"pump": False})
    off_s = time.monotonic() - started_s
    told = safe.end()

    assert told.code == 0
    assert told.json[0]["confirmed"] == ["pump", "tagger"]
    ended = long_run.end()
    assert ended.code == 3
    (path,) = Path("runs").glob("*/*.h5")
    assert ended_as(path) == ("aborted", "all safe was ordered")
    assert emission_at_the_end(path) is False
    print(f"labctl safe, from its start to emission off read back: {off_s:.3f} s")  # noqa: T201
    assert off_s < 2.0


def test_a_request_for_safe_is_confirmed_within_half_a_second(long_run: Any, bench: Path) -> None:
    (client,) = find_open_labs(bench)

    started_s = time.monotonic()
    reply = client.ask("safe")
    request_s = time.monotonic() - started_s

    # The reply is sent after every instrument has read its state back.
    assert reply["failures"] == {}
    assert "pump" in reply["confirmed"]
    print(f"safe, from the request to emission off read back: {request_s:.3f} s")  # noqa: T201
    assert request_s < 2.0
    assert long_run.end().code == 3


def test_an_interrupt_ends_a_watch_with_3(spawn: Spawn, bench: Path) -> None:
    watch = spawn("watch", "--simulated", "--config", bench, "--json")
    assert "emission" in watch.line()

    watch.process.send_signal(signal.SIGINT)
    told = watch.end()

    assert told.code == 3
    assert told.err.endswith("aborted\n")
    assert "Traceback" not in told.err
    assert find_open_labs() == []


def test_an_interrupt_while_the_laboratory_opens_ends_with_3_and_leaves_nothing(
    spawn: Spawn, bench: Path, here: Path
) -> None:
    (here / "slow.py").write_text("import time\nprint('{}', flush=True)\ntime.sleep(60)\n")
    run = spawn("run", "slow.py", *RUN, "--config", bench)
    assert run.line() == "{}\n"

    run.process.send_signal(signal.SIGINT)
    told = run.end()

    assert told.code == 3
    assert "Traceback" not in told.err
    assert find_open_labs() == []
    assert not Path("runs").exists()


def test_a_reader_that_has_seen_enough_is_no_error(spawn: Spawn, bench: Path) -> None:
    watch = spawn("watch", "--simulated", "--config", bench, "--json", "--interval", "0.1")
    assert "emission" in watch.line()

    watch.process.stdout.close()
    code = watch.process.wait(20)

    assert code == 0
    assert find_open_labs() == []


def test_status_tells_of_a_run_in_another_process(
    long_run: Any, labctl: Callable[..., Any]
) -> None:
    (status,) = labctl("status", "--json").json
    assert status["pid"] == long_run.process.pid
    assert status["run"]["state"] == "running"
    assert status["run"]["experiment"] == "counting"

    shown = labctl("status").out
    assert "counting running" in shown.replace("\n", " ")
    assert "pump ON" in shown
