"""What a run file says from its first moment: who, what, with which program and instruments."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeAlias

import h5py
import numpy as np

from labctl.storage.names import new_uid
from labctl.storage.plain import to_json_text

__all__ = ["HeaderValue", "RunHeader", "TaggerHeader", "header_entries"]

HeaderValue: TypeAlias = str | int | float | bool

_TAGGER_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Channel numbers are stored as u2, of which 65535 is the escape.
_MAX_CHANNELS: Final = 65_534


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """The facts of a run that are known before its first tag.

    Attributes:
        experiment: name of the experiment, as in the entry-point group labctl.experiments.
        simulated: True when any instrument of the run was simulated; shown everywhere.
        uid: six hexadecimal digits, also part of the file's name.
        parameters: the experiment's parameters, complete with defaults.
        configuration: text of instruments.toml, verbatim; its SHA-256 is stored beside it.
        instruments: instance name -> identity, firmware, driver version, address, simulated.
        calibration: detector or instance -> values with their dates.
        delays_ps: channel or party -> delay.
        counting_convention: how coincidences are counted, with windows, in words.
        planned: points the plan announced; 0 when it did not.
        seed: of the simulated world; speed: of its clock against wall time.
        parents: uids of runs that this one continues or evaluates.
        part: which file of the run this is, from 1; former_part: the name of the one before.
    """

    experiment: str
    simulated: bool
    uid: str = field(default_factory=new_uid)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    operator: str = ""
    project: str = ""
    sample: str = ""
    configuration: str = ""
    instruments: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    delays_ps: Mapping[str, Any] = field(default_factory=dict)
    counting_convention: str = ""
    planned: int = 0
    seed: int | None = None
    speed: float | None = None
    parents: tuple[str, ...] = ()
    part: int = 1
    former_part: str = ""
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    start_monotonic_ns: int = field(default_factory=time.monotonic_ns)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"start {self.start.isoformat()} has no time zone; give it one")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggerHeader:
    """One tag stream of the run.

    Attributes:
        name: the instance's name in instruments.toml.
        resolution_ps: the tagger's bin; a histogram's bin should be a multiple of it.
        n_channels: the tagger's inputs; over 254 of them make channels two bytes wide.
        channel_names: channel number -> detector or party on it.
        simulated: whether the tags come from a simulation.
    """

    name: str
    resolution_ps: int
    n_channels: int
    simulated: bool
    channel_names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _TAGGER_NAME.fullmatch(self.name):
            raise ValueError(
                f"tagger name {self.name!r} is not made of 1 to 64 letters, digits, _ and -"
            )
        if not 1 <= self.n_channels <= _MAX_CHANNELS:
            raise ValueError(f"n_channels = {self.n_channels} is outside 1 to {_MAX_CHANNELS}")


def header_entries(header: RunHeader) -> dict[str, HeaderValue]:
    """Return the scalars of /entry/header, the machine's and program's facts included.

    A name that ends in `_json` holds JSON. `seed` and `speed` are absent when unset.
    """
    entries: dict[str, HeaderValue] = {
        "uid": header.uid,
        "experiment": header.experiment,
        "simulated": header.simulated,
        "operator": header.operator,
        "project": header.project,
        "sample": header.sample,
        "start_utc": header.start.astimezone(UTC).isoformat(timespec="microseconds"),
        "start_monotonic_ns": header.start_monotonic_ns,
        "planned": header.planned,
        "counting_convention": header.counting_convention,
        "configuration": header.configuration,
        "configuration_sha256": hashlib.sha256(header.configuration.encode()).hexdigest(),
        "parameters_json": to_json_text(header.parameters),
        "instruments_json": to_json_text(header.instruments),
        "calibration_json": to_json_text(header.calibration),
        "delays_ps_json": to_json_text(header.delays_ps),
        "parents_json": to_json_text(header.parents),
        "part": header.part,
        "former_part": header.former_part,
    }
    if header.seed is not None:
        entries["seed"] = header.seed
    if header.speed is not None:
        entries["speed"] = header.speed
    return entries | _environment()


def _environment() -> dict[str, HeaderValue]:
    return {
        "labctl_version": _labctl_version(),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
        "h5py_version": h5py.__version__,
        "hdf5_version": h5py.version.hdf5_version,
        "platform": platform.platform(),
        "host": platform.node(),
        "pid": os.getpid(),
        "command_line": shlex.join(sys.argv),
    }


def _labctl_version() -> str:
    try:
        return version("quantum-labctl")
    except PackageNotFoundError:
        return "unknown (not installed)"
