from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.errors import LinkError
from labctl.lab import Lab, find_open_labs
from labctl.lab.runtime import claim_address, claim_lab, open_labs, runtime_folder

ADDRESS = "serial:///dev/ttyUSB0"
HOLD = f"""
import sys
from labctl.lab.runtime import claim_address
claim = claim_address({ADDRESS!r})
print("held", flush=True)
sys.stdin.read()
"""
HOLD_A_LAB = """
import sys
from labctl.lab import Lab
with Lab(simulated=True, speed=0):
    print("open", flush=True)
    sys.stdin.read()
"""
Start = Callable[[str], "subprocess.Popen[str]"]


def has_said(process: subprocess.Popen[str], word: str) -> bool:
    assert process.stdout is not None
    return process.stdout.readline().strip() == word


def test_an_address_held_by_another_process_is_refused_with_the_pid_of_its_owner(
    start_python: Start,
) -> None:
    owner = start_python(HOLD)
    assert has_said(owner, "held")

    with pytest.raises(LinkError, match=rf"already in use by process {owner.pid} on ") as refused:
        claim_address(ADDRESS)

    assert refused.value.address == ADDRESS


def test_a_real_instrument_is_opened_by_one_laboratory_only(
    start_python: Start, edited: Callable[..., Path]
) -> None:
    owner = start_python(HOLD)
    assert has_said(owner, "held")

    # The configuration spells the wire as a VISA resource.
    with pytest.raises(LinkError, match=rf"in use by process {owner.pid} ") as refused:
        Lab(edited())

    assert refused.value.device == "pump"


def test_an_address_is_held_once_within_a_process_too() -> None:
    claim = claim_address(ADDRESS)

    with pytest.raises(LinkError, match=f"in use by process {os.getpid()} "):
        claim_address(ADDRESS)
    claim.release()
    claim.release()

    claim_address(ADDRESS).release()


def test_the_claim_of_a_killed_owner_is_free(start_python: Start) -> None:
    owner = start_python(HOLD)
    assert has_said(owner, "held")
    owner.kill()
    owner.wait()

    claim_address(ADDRESS).release()


def test_the_laboratory_of_a_killed_owner_is_no_open_laboratory(start_python: Start) -> None:
    owner = start_python(HOLD_A_LAB)
    assert has_said(owner, "open")
    assert [lab.owner.pid for lab in find_open_labs()] == [owner.pid]
    owner.kill()
    owner.wait()
    assert list(runtime_folder().glob("lab-*.json")), "the corpse lies there"

    assert find_open_labs() == []
    assert not list(runtime_folder().glob("lab-*")), "and was cleared away"


def test_claims_can_be_read_by_the_user_only() -> None:
    with Lab(simulated=True, speed=0):
        files = list(runtime_folder().iterdir())
        assert {path.suffix for path in files} >= {".json", ".lock"}
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path

    assert stat.S_IMODE(runtime_folder().stat().st_mode) == 0o700


def test_open_laboratories_are_listed_oldest_first() -> None:
    with Lab(simulated=True, speed=0) as older, Lab(simulated=True, speed=0):
        notes = open_labs()

    assert len(notes) == 2
    assert notes[0]["owner"]["since_utc"] < notes[1]["owner"]["since_utc"]
    assert notes[0]["config"] == str(older.loaded.path)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        "{",
        '{"owner": 3}',
        '{"owner": {}}',
        '{"owner": {"since_utc": "soon", "pid": 1, "host": "a", "command": "b"}}',
    ],
)
def test_a_note_that_makes_no_sense_is_no_open_laboratory(note: str) -> None:
    claim = claim_lab("odd", {"owner": {"since_utc": 1.0}})
    path = next(runtime_folder().glob("lab-*-odd.json"))
    path.write_text(note)

    assert find_open_labs() == []
    claim.release()


def test_the_laboratory_of_another_version_is_left_alone() -> None:
    owner = {"pid": 1, "host": "a", "command": "b", "since_utc": 1.0, "terminal": "pts/3"}
    claim = claim_lab("later", {"owner": owner, "version": 2})

    assert [note["version"] for note in open_labs()] == [2]
    assert find_open_labs() == []
    claim.release()
