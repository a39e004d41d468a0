"""Reads and checks a bench's configuration file."""

from __future__ import annotations

import copy
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labctl.device import Device
from labctl.errors import ConfigError
from labctl.lab.checking import check_bench
from labctl.lab.config import BenchConfig
from labctl.lab.config_files import find_config
from labctl.lab.problems import Problems

__all__ = ["LoadedBench", "check_table", "load_bench"]


@dataclass(frozen=True, slots=True)
class LoadedBench:
    """A configuration that was found good.

    Attributes:
        path: the file.
        text: its content, verbatim; it goes into every run file.
        config: its values.
        drivers: driver class of each instrument.
    """

    path: Path
    text: str
    config: BenchConfig
    drivers: dict[str, type[Device]]

    @property
    def sha256(self) -> str:
        """Checksum of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load_bench(path: Path | str | None = None) -> LoadedBench:
    """Read and check a configuration; `None` finds the usual file.

    Raises:
        ConfigError: the file cannot be read, or everything that is wrong in it.
    """
    file = find_config(path)
    text = _read(file)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    return check_table(table, file, text)


def check_table(table: dict[str, Any], file: Path, text: str) -> LoadedBench:
    """Return the bench that a configuration's table describes; `file` names it in messages.

    Raises:
        ConfigError: everything that is wrong in it.
    """
    problems = Problems(str(file))
    config, dropped = _validate(table, problems)
    drivers = check_bench(config, problems, dropped)
    problems.raise_if_any()
    return LoadedBench(file.resolve(), text, config, drivers)


def _validate(table: dict[str, Any], problems: Problems) -> tuple[BenchConfig, frozenset[str]]:
    """Return what is sound of `table`, noting what is not.

    The unsound parts are taken out one by one, so that the cross checks can still look at
    the rest; the names of tables that had to go are returned too.
    """
    sound = copy.deepcopy(table)
    dropped: set[str] = set()
    try:
        return BenchConfig.model_validate(sound), frozenset()
    except ValidationError as error:
        problems.add_validation(error, BenchConfig)
    while True:
        try:
            return BenchConfig.model_validate(sound), frozenset(dropped)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                _take_out(sound, problem["type"], problem["loc"], dropped)


def _take_out(
    table: dict[str, Any], kind: str, location: tuple[int | str, ...], dropped: set[str]
) -> None:
    if location == ("version",):
        table["version"] = 1
        return
    if location == ("instruments",):
        table["instruments"] = {}
        return
    path = list(location)
    if kind == "missing":
        # Of a list that is too short, or of a table: what is incomplete has to go.
        path = path[:-1] if isinstance(path[-1], int) else path[:2]
    if len(path) == len(("table", "name")):
        dropped.add(str(path[-1]))
    parent: Any = table
    while len(path) > 1 and isinstance(parent, dict) and isinstance(parent.get(path[0]), dict):
        parent = parent[path.pop(0)]
    if isinstance(parent, dict):
        parent.pop(path[0], None)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no configuration file {file}",
            hint="Write one with `labctl init`, or name one with --config.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
