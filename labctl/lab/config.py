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
    "InterlockConfig",
    "LabInfo",
    "LightConfig",
    "MonitorConfig",
    "RateLimits",
    "RunsConfig",
    "ServiceConfig",
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
    file_limit_gb: float = Field(
        32.0, ge=0.001, description="A run file of this size is closed; the run goes on in a next."
    )
    on_tag_loss: Literal["flag", "abort"] = Field(
        "flag", description="What a run does when the tagger reports lost tags."
    )


class RunsConfig(_Table):
    """`[runs]`: what a run does when an instrument is lost."""

    on_fault: Literal["retry", "pause", "abort"] = Field(
        "retry",
        description="When an instrument does not answer: reconnect and take the point again, "
        "wait for the operator, or end the run.",
    )
    fault_attempts: int = Field(
        3, ge=1, le=100, description='Attempts to get a point with on_fault = "retry".'
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


class RateLimits(_Table):
    """`[monitor.rates.NAME]`: what a detector may count before the operator is told."""

    min_hz: float | None = Field(None, ge=0, description="Fewer clicks are an alarm.")
    max_hz: float | None = Field(None, gt=0, description="More clicks are an alarm: saturation.")
    dark_max_hz: float | None = Field(
        None, gt=0, description="More clicks are an alarm while every laser is dark."
    )


class MonitorConfig(_Table):
    """`[monitor]`: how the read-backs of all instruments are watched."""

    interval_s: float = Field(
        1.0, ge=0.05, le=60, description="Time between looks; a value is stale after three."
    )
    power_tolerance: float = Field(
        0.05, gt=0, le=1, description="Part of a laser's set-point that its output may be off by."
    )
    rearm_latched: bool = Field(
        True, description="Whether latched detectors are armed again, a bounded number of times."
    )
    rates: dict[str, RateLimits] = Field(
        default_factory=dict, description="Limits of count rates, by detector."
    )


class InterlockConfig(_Table):
    """`[interlocks.NAME]`: a rule across instruments."""

    when: str = Field(description="Condition over instrument.setting and detector.rate_hz.")
    for_s: float = Field(
        0.0, ge=0, le=3600, description="How long the condition must last before anything is done."
    )
    then: tuple[str, ...] = Field(
        min_length=1,
        description='"NAME off" (laser), "NAME close" (shutter), "NAME max" (attenuator), '
        '"NAME down" (detector), "pause run", "abort run", "all safe".',
    )


class ServiceConfig(_Table):
    """`[service]`: what the acquisition service does by itself."""

    when_operator_gone: str = Field(
        "keep",
        pattern=r"^(keep|off after \d+(\.\d+)? s)$",
        description=(
            "What becomes of lasers when whoever holds control is gone: "
            '"keep", or "off after 60 s".'
        ),
    )

    @property
    def lasers_off_after_s(self) -> float | None:
        """Seconds until lasers are switched off; None to leave them as they are."""
        words = self.when_operator_gone.split()
        return float(words[2]) if len(words) > 1 else None


class BenchConfig(_Table):
    """The whole file."""

    version: Literal[1] = Field(description="Version of this file's format.")
    lab: LabInfo = LabInfo()
    data: DataConfig = DataConfig()
    runs: RunsConfig = RunsConfig()
    coincidences: CoincidenceConfig = CoincidenceConfig()
    light: LightConfig = LightConfig()
    service: ServiceConfig = ServiceConfig()
    instruments: dict[str, InstrumentConfig] = Field(description="All instruments.")
    detectors: dict[str, DetectorConfig] = Field(default_factory=dict)
    stations: dict[str, StationConfig] = Field(default_factory=dict)
    monitor: MonitorConfig = MonitorConfig()
    interlocks: dict[str, InterlockConfig] = Field(default_factory=dict)
    simulation: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the simulated world."
    )
