"""instruments.toml as typed values; see `labctl init` for a commented file.

Only the shape is described here; what names must agree with each other and with the
installed drivers is checked in `checking.py`, so that every mistake is told at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "BenchConfig",
    "CoincidenceConfig",
    "DataConfig",
    "DetectorConfig",
    "InstrumentConfig",
    "LabInfo",
    "LightConfig",
    "StationConfig",
]

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabInfo(_Table):
    """`[lab]`: who and what, written into every run file."""

    name: str = Field("", description="Name of the bench.")
    operator: str = Field("", description="Who runs the bench.")
    project: str = Field("", description="What the runs are for.")
    sample: str = Field("", description="What is measured.")


class DataConfig(_Table):
    """`[data]`: where run files go and what is done about lost tags."""

    folder: Path | None = Field(
        None, description="Folder of the run files; by default `labctl` in your documents."
    )
    on_tag_loss: Literal["flag", "abort"] = Field(
        "flag", description="What a run does when the tagger reports lost tags."
    )


class CoincidenceConfig(_Table):
    """`[coincidences]`: the window that experiments use unless told otherwise."""

    window_full_ps: int = Field(6000, gt=0, description="Full width of the coincidence window.")


class LightConfig(_Table):
    """`[light]`: what arming a run switches on."""

    lasers: tuple[str, ...] = Field(
        (), description="Lasers that an armed run may switch on; by default the only one."
    )


class InstrumentConfig(_Table):
    """`[instruments.NAME]`: one instrument."""

    driver: str = Field(description="A driver of `labctl list drivers`.")
    address: str = Field(description="Where it is: serial://, tcp:// or a VISA resource.")
    set: dict[str, Any] = Field(
        default_factory=dict, description="Settings applied when the lab opens."
    )
    limits: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="Limits, narrower than the driver's."
    )
    simulated: bool = Field(False, description="Simulate this one on an otherwise real bench.")


class DetectorConfig(_Table):
    """`[detectors.NAME]`: a detector and the tagger input it is wired to."""

    tagger: str = Field(description="The time tagger instrument.")
    channel: int = Field(description="Input of the tagger.")
    delay_ps: int = Field(0, description="Delay of this channel; subtracted before counting.")


class StationConfig(_Table):
    """`[stations.NAME]`: detectors that stand together; experiments ask for stations."""

    detectors: tuple[str, ...] = Field(
        min_length=1,
        description="Detectors of the station; behind an analyzer: the plus output's first.",
    )
    rotator: str | None = Field(
        None, description="Mount of the half-wave plate in front of the analyzer."
    )
    rotator_zero_deg: float = Field(
        0.0, description="Angle of the mount at which the analyzer looks at horizontal."
    )


class BenchConfig(_Table):
    """The whole file."""

    version: Literal[1] = Field(description="Version of this file's format.")
    lab: LabInfo = LabInfo()
    data: DataConfig = DataConfig()
    coincidences: CoincidenceConfig = CoincidenceConfig()
    light: LightConfig = LightConfig()
    instruments: dict[str, InstrumentConfig] = Field(description="All instruments.")
    detectors: dict[str, DetectorConfig] = Field(default_factory=dict)
    stations: dict[str, StationConfig] = Field(default_factory=dict)
    simulation: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the simulated world."
    )
