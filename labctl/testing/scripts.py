"""Runs a lab's script file, unedited, against the simulated bench of a test."""

from __future__ import annotations

import contextlib
import io
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ScriptResult", "ScriptRunner"]


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What a script did.

    Attributes:
        exit_code: 0 where it ran to its end.
        stdout: what it printed.
        stderr: what it complained about.
        run_files: the run files it made, oldest first.
        names: its global names and their values; empty for a script in its own process.
    """

    exit_code: int
    stdout: str
    stderr: str
    run_files: tuple[Path, ...]
    names: Mapping[str, Any] = field(default_factory=dict)


class ScriptRunner:
    """Runs script files with the test's temporary folder as working folder.

    A file is looked for beside the test, then at pytest's root. Where the script calls
    `labctl.open_lab()` it gets the simulated bench; real instruments cannot be opened.
    """

    def __init__(self, folders: tuple[Path, ...], work: Path, run_folder: Path) -> None:
        self._folders = folders
        self._work = work
        self._run_folder = run_folder

    def __call__(self, script: Path | str, *arguments: object, exit_code: int = 0) -> ScriptResult:
        """Run a script in this process: fast, and its errors come with their traceback.

        Its `__name__` is `__main__`, as from the shell. Modules beside the script are imported
        anew for it.

        Raises:
            pytest.fail.Exception: it ended with another exit code than expected.
            FileNotFoundError: there is no such script.
            Exception: whatever the script raises.
        """
        path = self._find(script)
        before = set(self._runs())
        code, names = 0, {}
        stdout, stderr = io.StringIO(), io.StringIO()
        with _as_main(path, [str(argument) for argument in arguments], self._work):
            try:
                with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
                    names = runpy.run_path(str(path), run_name="__main__")
            except SystemExit as end:
                code = _code_of(end, stderr)
            finally:
                sys.stdout.write(stdout.getvalue())
                sys.stderr.write(stderr.getvalue())
        result = ScriptResult(
            code, stdout.getvalue(), stderr.getvalue(), self._new_runs(before), names
        )
        return _checked(result, path, exit_code)

    def in_subprocess(
        self, script: Path | str, *arguments: object, exit_code: int = 0, timeout_s: float = 120.0
    ) -> ScriptResult:
        """Run a script in a process of its own, with this Python.

        Raises:
            pytest.fail.Exception: it ended with another exit code than expected.
            FileNotFoundError: there is no such script.
            subprocess.TimeoutExpired: it did not end in time, and was killed.
        """
        path = self._find(script)
        before = set(self._runs())
        done = subprocess.run(  # noqa: S603  the lab's own script
            [sys.executable, str(path), *(str(argument) for argument in arguments)],
            cwd=self._work,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        result = ScriptResult(done.returncode, done.stdout, done.stderr, self._new_runs(before))
        return _checked(result, path, exit_code)

    def _find(self, script: Path | str) -> Path:
        for folder in self._folders:
            if (folder / script).is_file():
                return (folder / script).resolve()
        looked = ", ".join(str(folder) for folder in dict.fromkeys(self._folders))
        raise FileNotFoundError(f"there is no script {script} in {looked}")

    def _runs(self) -> list[Path]:
        return sorted(self._run_folder.rglob("*.h5"))

    def _new_runs(self, before: set[Path]) -> tuple[Path, ...]:
        # Their names begin with the time, so that the order of names is that of the runs.
        return tuple(path for path in self._runs() if path not in before)


def _checked(result: ScriptResult, path: Path, exit_code: int) -> ScriptResult:
    if result.exit_code != exit_code:
        pytest.fail(
            f"{path.name} ended with exit code {result.exit_code} instead of {exit_code}\n"
            f"{result.stdout}{result.stderr}",
            pytrace=False,
        )
    return result


def _code_of(end: SystemExit, stderr: io.StringIO) -> int:
    """Return the exit code as the interpreter would: a text is printed and is a failure."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    stderr.write(f"{end.code}\n")
    return 1


@contextlib.contextmanager
def _as_main(path: Path, arguments: list[str], work: Path) -> Iterator[None]:
    """Let this process look like one that was started as `python path arguments` in `work`."""
    modules_before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(path), *arguments])
        patch.syspath_prepend(path.parent)
        patch.chdir(work)
        try:
            yield
        finally:
            _forget_modules_beside(path, set(sys.modules) - modules_before)


def _forget_modules_beside(path: Path, names: set[str]) -> None:
    """Let the next script, in another folder, import modules of the same names."""
    for name in names:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).parent == path.parent:
            del sys.modules[name]
