"""What the environment says about opening a laboratory, where the caller says nothing.

A lab's script calls `open_lab()` and works on the real bench. The same script, unedited, works
on a simulated bench where these variables are set; `labctl.testing` sets them for tests.

- `LABCTL_SIMULATED`: 1 replaces every instrument by a simulated one.
- `LABCTL_CONFIG`: the configuration file.
- `LABCTL_SEED`, `LABCTL_SPEED`: of the simulated world.
- `LABCTL_DATA_FOLDER`: where run files go; before `[data] folder` of the configuration.

An argument of the call always wins over the environment, and an empty variable says nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from labctl.errors import ConfigError
from labctl.transport import SIMULATED_ONLY

__all__ = [
    "CONFIG",
    "DATA_FOLDER",
    "SEED",
    "SIMULATED",
    "SPEED",
    "config_from_environment",
    "data_folder_from_environment",
    "seed_from_environment",
    "simulated_from_environment",
    "speed_from_environment",
]

SIMULATED = "LABCTL_SIMULATED"
CONFIG = "LABCTL_CONFIG"
SEED = "LABCTL_SEED"
SPEED = "LABCTL_SPEED"
DATA_FOLDER = "LABCTL_DATA_FOLDER"

T = TypeVar("T")
_log = logging.getLogger(__name__)


def simulated_from_environment() -> bool:
    """Return whether LABCTL_SIMULATED asks for a simulated laboratory.

    Where it does outside of a test, a line in the log says so: nobody should believe in
    photons because of a variable that was left in a shell.

    Raises:
        ConfigError: the variable is neither 0 nor 1.
    """
    text = os.environ.get(SIMULATED) or "0"
    if text not in {"0", "1"}:
        raise ConfigError(f'{SIMULATED} = "{text}" is neither 0 nor 1')
    if text == "1" and os.environ.get(SIMULATED_ONLY) != "1":
        _log.warning("every instrument is simulated because %s=1", SIMULATED)
    return text == "1"


def config_from_environment() -> Path | None:
    """Return the configuration that LABCTL_CONFIG names."""
    return _path(CONFIG)


def data_folder_from_environment() -> Path | None:
    """Return the folder of run files that LABCTL_DATA_FOLDER names."""
    return _path(DATA_FOLDER)


def seed_from_environment() -> int:
    """Return LABCTL_SEED, or 0.

    Raises:
        ConfigError: the variable is no whole number.
    """
    return _converted(SEED, int, 0, "a whole number")


def speed_from_environment() -> float:
    """Return LABCTL_SPEED, or 1.

    Raises:
        ConfigError: the variable is no number.
    """
    return _converted(SPEED, float, 1.0, "a number")


def _path(variable: str) -> Path | None:
    text = os.environ.get(variable)
    return Path(text) if text else None


def _converted(variable: str, convert: Callable[[str], T], default: T, what: str) -> T:
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        return convert(text)
    except ValueError:
        raise ConfigError(f'{variable} = "{text}" is not {what}') from None
