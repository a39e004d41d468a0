"""A lab's project, tested by a pytest of its own as its author would."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

_IS_INSTALLED = any(point.name == "labctl" for point in entry_points(group="pytest11"))
#: An installation from before the entry point has to be told.
PLUGIN = () if _IS_INSTALLED else ("-p", "labctl.testing.plugin")


@dataclass(frozen=True, slots=True)
class Session:
    """How a pytest session ended: of each test, what it failed with, or an empty text."""

    exit_code: int
    output: str
    failures: Mapping[str, str]


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a user to whom labctl has said nothing yet."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LABCTL_", "PYTEST_"))}
    folders = {f"XDG_{kind}": str(home / kind) for kind in ("STATE_HOME", "DATA_HOME")}
    return {**kept, **folders, **variables}


def outcome_of(folder: Path, *options: str, **variables: str) -> Session:
    """Run the tests of a project in a process of its own."""
    report = folder / "report.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider"),
            *(f"--junitxml={report}", f"--basetemp={folder / 'tmp'}", *options),
        ],
        cwd=folder,
        env=clean_environment(folder / "home", **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    return Session(done.returncode, done.stdout + done.stderr, _failures(report))


def _failures(report: Path) -> dict[str, str]:
    if not report.exists():
        return {}
    failures: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  our own file
        told = [part for part in case if part.tag in {"failure", "error"}]
        text = "\n".join(f"{part.get('message')}\n{part.text}" for part in told)
        name = str(case.get("name"))
        failures[name] = f"{failures.get(name, '')}{text}"
    return failures


def write_project(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a lab's files, by their names."""
    for name, text in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
