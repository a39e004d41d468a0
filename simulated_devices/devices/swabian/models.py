"""The three models of the series, by the vendor's documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["MODELS", "Model"]


@dataclass(frozen=True, slots=True)
class Model:
    """What a model can do.

    Attributes:
        name: what `getModel` says.
        channels: number of inputs.
        trigger_range_v: trigger levels ("Hardware", electrical characteristics).
        dead_range_ps: dead times (docstring of setDeadtime).
        dead_step_ps: a dead time is rounded to a multiple of it (same).
        delay_range_ps: delays on board (docstring of getDelayHardwareRange), None without.
        clock_ps: period of the clock, whose rounded value is the shortest dead time.
        test_period_ps: period of the test signal with the default divider (docstring of
            setTestSignalDivider).
        tags_per_s: what the cable carries ("Transfer rate limits").
        buffer_tags: what waits on board for the cable (docstring of setHardwareBufferSize).
        firmware: what `getFirmwareVersion` says, in the form of its docstring.
    """

    name: str
    channels: int
    trigger_range_v: tuple[float, float]
    dead_range_ps: tuple[int, int]
    dead_step_ps: int
    delay_range_ps: tuple[int, int] | None
    clock_ps: int
    test_period_ps: int
    tags_per_s: float
    buffer_tags: int
    firmware: str


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "20": Model(
            name="Time Tagger 20",
            channels=8,
            trigger_range_v=(0.0, 2.5),
            dead_range_ps=(6_000, 393_000_000),
            dead_step_ps=6_000,
            delay_range_ps=None,
            clock_ps=6_000,
            # 62.5 MHz / 74.
            test_period_ps=1_184_000,
            tags_per_s=9e6,
            buffer_tags=8_000_000,
            firmware="TT-20, FW 3, OK 1.30",
        ),
        "Ultra": Model(
            name="Time Tagger Ultra",
            channels=18,
            trigger_range_v=(-2.5, 2.5),
            dead_range_ps=(2_000, 2_147_000_000),
            dead_step_ps=1,
            delay_range_ps=(-2_000_000, 2_000_000),
            clock_ps=2_000,
            # 403.2 MHz / 504.
            test_period_ps=1_250_000,
            tags_per_s=80e6,
            buffer_tags=64_000_000,
            firmware="TT-Ultra, FW 3, OK 1.30",
        ),
        "X": Model(
            name="Time Tagger X",
            channels=18,
            trigger_range_v=(-1.0, 1.0),
            dead_range_ps=(1_333, 716_000_000),
            dead_step_ps=1,
            delay_range_ps=(-2_500_000, 2_500_000),
            clock_ps=1_333,
            test_period_ps=1_250_000,
            tags_per_s=80e6,
            buffer_tags=64_000_000,
            firmware="TT-X, FW 3, OK 1.30",
        ),
    }
)
