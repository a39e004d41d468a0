"""What README.md tells people to do works: its code blocks are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from labctl.lab import bench_path, check_table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
#: Setting up an environment is what continuous integration does before it comes here.
SET_UP = re.compile(r"^(python3 -m venv|\.venv/bin/pip install|\.venv/bin/pytest)\b")

#: A block that begins with its file's name is a file of the reader's.
NAMED = re.compile(r"# (\w+\.py)\n")


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def shell_lines() -> list[str]:
    """Return every command to try, without set-up and comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = []
    for line in lines:
        parts = [part for part in line.split(" && ") if not SET_UP.match(part)]
        if parts:
            commands.append(" && ".join(parts).replace(".venv/bin/labctl", "labctl"))
    return commands


def environment() -> dict[str, str]:
    """Return the environment with this interpreter's labctl first on the path."""
    here = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}


def test_the_two_commands_set_everything_up() -> None:
    start, test = blocks("sh")[:2]
    assert start.strip().endswith("labctl run counting --simulated")
    assert test.strip().endswith("pytest -n 2")
    for command in (start, test):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert len(command.strip().splitlines()) == 1


@pytest.mark.timeout(300)
def test_every_shell_command_works_in_the_order_given(tmp_path: Path) -> None:
    script = "set -eu\n" + "\n".join(shell_lines())
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "finished" in done.stdout


def test_every_python_block_runs_in_the_order_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        if NAMED.match(block):
            continue
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102  our own text
    assert isinstance(names["clicks"], int)
    assert names["clicks"] > 0


def test_every_toml_block_is_valid_configuration() -> None:
    whole = tomllib.loads(bench_path("default").read_text(encoding="utf-8"))
    for block in blocks("toml"):
        for name, tables in tomllib.loads(block).items():
            whole[name] = {**whole.get(name, {}), **tables}
    check_table(whole, Path("README.md"), "")


def test_the_example_of_a_tested_script_passes(tmp_path: Path) -> None:
    for block in blocks("python"):
        if named := NAMED.match(block):
            (tmp_path / named[1]).write_text(block)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
