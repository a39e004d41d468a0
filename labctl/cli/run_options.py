"""Options of the commands that run experiments, so that they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from labctl.errors import ConfigError

__all__ = [
    "ApplyOption",
    "ArmOption",
    "DetachOption",
    "OutOption",
    "ParameterOption",
    "ProgressOption",
    "ProgressStyle",
    "RunWanted",
    "TruthOption",
    "parse_parameters",
]


class ProgressStyle(StrEnum):
    """How progress is told."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", help="A parameter of the experiment, NAME=VALUE."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder of the run file.", show_default=False)
]
ArmOption = Annotated[
    bool | None,
    typer.Option("--arm/--no-arm", help="Let the run switch on the light it needs, or not."),
]
ApplyOption = Annotated[
    bool,
    typer.Option("--apply", help="Keep the measured delays as the bench's calibration."),
]
TruthOption = Annotated[
    Path | None,
    typer.Option("--truth", help="List every simulated tag in this file.", show_default=False),
]
ProgressOption = Annotated[ProgressStyle, typer.Option("--progress", help="How progress is told.")]
DetachOption = Annotated[
    bool,
    typer.Option("--detach", help="Return at once; the run goes on in the running service."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWanted:
    """A run as the command line asks for it.

    Attributes:
        file: the configuration.
        parameters: of the experiment, as texts or what JSON carries.
        arm: None where nobody has said.
    """

    file: Path
    experiment: str
    parameters: Mapping[str, Any]
    simulated: bool = False
    seed: int = 0
    speed: float = 1.0
    out: Path | None = None
    arm: bool | None = None
    apply: bool = False
    truth: Path | None = None
    detach: bool = False
    progress: ProgressStyle = ProgressStyle.BAR
    json: bool = False

    @property
    def has_own_world(self) -> bool:
        """Whether a world was asked for that no running service has: seed, speed or truth."""
        return self.seed != 0 or self.speed != 1.0 or self.truth is not None


def parse_parameters(texts: list[str]) -> dict[str, str]:
    """Return the values of `NAME=VALUE` texts by name.

    Raises:
        ConfigError: a text is not of this form.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f'parameter "{text}" is not NAME=VALUE')
        values[name.strip()] = value.strip()
    return values
