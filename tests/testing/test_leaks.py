"""What a script leaves behind fails its test, and the message says which instrument it is."""

from __future__ import annotations

from pathlib import Path

from tests.testing.sessions import outcome_of, write_project

TESTS = """\
import threading
from pathlib import Path
import pytest
import labctl


def test_emission(simulated_lab):
    simulated_lab.set("pump.emission", True, arm=True)


def test_streams(simulated_lab):
    simulated_lab.bench.pumps["tagger"].start()


@pytest.mark.parametrize("command", [b"gsn?", b"p 0.003"])
def test_replies(simulated_lab, command):
    simulated_lab.devices["pump"].link.write(command)


def test_errors(simulated_lab):
    class Refusing:
        unread_errors = ('-113,"Undefined header"',)

    simulated_lab.simulation.instruments["pump_meter"] = Refusing()


def test_files(simulated_lab):
    simulated_lab.run("counting", dwell_s=0.05, folder=Path("here").absolute())


class Waiting(threading.Thread):
    end = threading.Event()

    def run(self):
        self.end.wait(20)


def test_threads(simulated_lab):
    Waiting(name="my scan").start()


def test_the_thread_of_the_test_before_is_no_news(simulated_lab):
    assert "my scan" in [thread.name for thread in threading.enumerate()]
    Waiting.end.set()


def test_laboratories(simulated_environment):
    test_laboratories.kept = labctl.open_lab()


def test_the_laboratory_of_the_test_before_is_no_news(simulated_lab):
    test_laboratories.kept.close()


def test_several(simulated_lab):
    simulated_lab.set("pump.emission", True, arm=True)
    simulated_lab.devices["pump"].link.write(b"gsn?")


@pytest.mark.labctl_may_leave("emission", "replies")
def test_allowed(simulated_lab):
    test_several(simulated_lab)


@pytest.mark.labctl_may_leave("emission")
def test_partly_allowed(simulated_lab):
    test_several(simulated_lab)


@pytest.mark.labctl_may_leave("light")
def test_no_such_kind(simulated_lab):
    simulated_lab.set("pump.emission", True, arm=True)


def test_that_fails_anyway(simulated_lab):
    simulated_lab.set("pump.emission", True, arm=True)
    assert False, "the scan went wrong"


def test_a_pulled_cable(simulated_lab):
    simulated_lab.simulation.instruments["alice_hwp"].port.unplug()


def test_closed_early(simulated_lab):
    simulated_lab.set("pump.emission", True, arm=True)
    simulated_lab.close()


def test_a_whole_day(simulated_lab):
    simulated_lab.devices["alice_hwp"].start_move(45.0)
    simulated_lab.run("counting", dwell_s=0.05)
    simulated_lab.devices["alice_hwp"].start_move(10.0)
    simulated_lab.clock.wait(20.0)
    simulated_lab.make_safe()
"""

#: Two that clear up after others, and what is allowed, or no leak.
PASSING = 6
MESSAGES = {
    "test_emission": (
        "emission: pump still emits. Switch it off where the script ends, errors included: lab.set",
        'mark the test: @pytest.mark.labctl_may_leave("emission")',
    ),
    "test_streams": ("streams: tagger still streams time tags.",),
    "test_replies[gsn?]": (r"replies: pump has answered b'26417\r\n' and nobody has read it",),
    "test_replies[p 0.003]": (r"replies: pump has answered b'OK\r\n' and nobody has read it",),
    "test_errors": (
        "errors: pump_meter has refused something and nobody has asked it: its error queue holds",
        '-113,"Undefined header"',
    ),
    "test_files": ("files: the run file ", "is outside of the test's folder."),
    "test_threads": ("threads: threads run on: my scan. Join what the script starts",),
    "test_laboratories": ("laboratories: a laboratory is still open in process ",),
    "test_several": ("replies: pump", "emission: pump", 'labctl_may_leave("replies", "emission")'),
    "test_partly_allowed": ("replies: pump",),
    "test_no_such_kind": ("names light; it takes one or more of: emission, streams, replies",),
    "test_that_fails_anyway": ("the scan went wrong",),
}


def test_a_leak_fails_the_test_with_the_instrument_and_what_to_do(tmp_path: Path) -> None:
    # One test, because the laboratory's tests are run once for all.
    folder = write_project(tmp_path / "careless", {"test_careless.py": TESTS})
    session = outcome_of(folder, "-W", "error")
    for test, messages in MESSAGES.items():
        for told in messages:
            assert told in session.failures[test], session.output
    assert {test for test, text in session.failures.items() if text} == set(MESSAGES)
    assert len(session.failures) == len(MESSAGES) + PASSING
    assert "left something behind" not in session.failures["test_that_fails_anyway"]
    assert "emission: pump" not in session.failures["test_partly_allowed"]
