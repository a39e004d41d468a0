"""Projects of a lab, tested by a pytest of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.testing.sessions import Session, outcome_of, write_project

RunPytest: TypeAlias = Callable[..., Session]

#: It belongs to somebody else: its tests run where it is installed (test_outside_package.py).
collect_ignore_glob = ["outside_package/*"]


@pytest.fixture
def run_pytest(tmp_path: Path) -> RunPytest:
    """Return a runner of pytest on a project given by its files: name -> text."""

    def run(files: Mapping[str, str], *options: str, **variables: str) -> Session:
        return outcome_of(write_project(tmp_path / "project", files), *options, **variables)

    return run
