"""The pytest plugin: options, markers and fixtures; what they do is imported on first use.

pytest imports this module in every run of every project in whose environment labctl is
installed, so it imports nothing but pytest, and sets no state but the markers' names.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labctl.runs import LabSession
    from labctl.testing.scripts import ScriptRunner

__all__: list[str] = []

_CONTRACTS = "labctl.testing.contracts"
_BENCH_MARKER = (
    "labctl_bench(configuration, *, seed=None, speed=0): the bench of simulated_lab and "
    "run_script: a file beside the test, or the name of a packaged bench"
)
_LEAK_MARKER = (
    "labctl_may_leave(*kinds): leaks that are deliberate here: emission, streams, replies, "
    "errors, files, threads, laboratories"
)
_FAILED = pytest.StashKey[bool]()

if _CONTRACTS not in sys.modules:
    # Their assertions explain themselves like those of a test.
    pytest.register_assert_rewrite(_CONTRACTS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini(
        "labctl_simulated_only",
        "Let no test of the session open a real instrument (LABCTL_SIMULATED_ONLY=1); without "
        "it only those that use the fixtures of labctl cannot.",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and forbid real instruments where the ini option says so."""
    for marker in (_BENCH_MARKER, _LEAK_MARKER):
        config.addinivalue_line("markers", marker)
    if config.getini("labctl_simulated_only"):
        patch = pytest.MonkeyPatch()
        patch.setenv("LABCTL_SIMULATED_ONLY", "1")
        config.add_cleanup(patch.undo)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test has failed: what it leaves behind then is no news."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
def simulated_bench(request: pytest.FixtureRequest) -> Path | str:
    """Return the configuration to simulate: a file, or the text of one; meant to be overridden.

    By default the one of the marker `labctl_bench`, else the packaged default bench.
    """
    from labctl.testing.benches import marked_bench  # noqa: PLC0415  only where it is used

    return marked_bench(request.node)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return the folder of the test's run files; they are in subfolders by date."""
    return tmp_path / "runs"


@pytest.fixture
def simulated_environment(
    request: pytest.FixtureRequest,
    simulated_bench: Path | str,
    run_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, str]]:
    """Let `labctl.open_lab()` without arguments open the simulated bench; return the variables.

    They are set for this process and for those that the test starts. Laboratories left open
    and threads left running fail the test.
    """
    from labctl.testing.benches import Choice  # noqa: PLC0415  only where it is used
    from labctl.testing.environment import simulated_variables  # noqa: PLC0415
    from labctl.testing.leaks import ProcessWatch, allowed_leaks, report  # noqa: PLC0415

    allowed_leaks(request.node)
    variables = simulated_variables(
        Choice.of(request.node), simulated_bench, run_folder, tmp_path_factory.mktemp("labctl")
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        watch = ProcessWatch()
        yield variables
        if not _has_failed(request.node):
            report(request.node, watch.leaks())


@pytest.fixture
def simulated_lab(
    request: pytest.FixtureRequest,
    simulated_environment: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LabSession]:
    """Return an open laboratory in which nothing is real; what is left behind fails the test."""
    del simulated_environment
    from labctl.testing.leaks import report  # noqa: PLC0415  only where it is used
    from labctl.testing.session import WatchedSession  # noqa: PLC0415

    lab = WatchedSession()
    leaks = []
    try:
        yield lab
        if not _has_failed(request.node):
            leaks = lab.leaks(tmp_path_factory.getbasetemp())
    finally:
        lab.close()
    report(request.node, leaks)


@pytest.fixture
def run_script(
    request: pytest.FixtureRequest,
    simulated_environment: Mapping[str, str],
    run_folder: Path,
    tmp_path: Path,
) -> ScriptRunner:
    """Return a runner of script files: `run_script("scan.py", "--points", 3)`."""
    del simulated_environment
    from labctl.testing.benches import folders_of  # noqa: PLC0415  only where it is used
    from labctl.testing.scripts import ScriptRunner  # noqa: PLC0415

    return ScriptRunner(folders_of(request.node), tmp_path, run_folder)


def _has_failed(item: pytest.Item) -> bool:
    return item.stash.get(_FAILED, False)
