"""The smallest bench that a contract needs: one instrument, two arms, four detectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labctl.device import Limits, Setting, load_driver

__all__ = ["DARK_RATE_HZ", "DETECTORS", "NAME", "bench_text"]

#: What the instrument is called on the bench of a contract.
NAME = "device"
DETECTORS = ("alice_h", "alice_v", "bob_h", "bob_v")
#: Clicks without light, so that a stream has tags whether or not anything emits.
DARK_RATE_HZ = 20_000.0


def bench_text(
    driver: str, address: str, narrower: Mapping[str, Limits], options: Mapping[str, Any]
) -> str:
    """Return an instruments.toml with this one instrument in front of the smallest world.

    `options` are numbers, texts, switches and lists of these.
    """
    loaded = load_driver(driver)
    limits = {
        name: narrower.get(name) or _narrowed(setting.limits)
        for name, setting in loaded.parameters.items()
        if isinstance(setting, Setting) and setting.limits is not None
    }
    lines = [
        "version = 1",
        f"[instruments.{NAME}]",
        f"driver = {json.dumps(driver)}",
        f"address = {json.dumps(address)}",
        f"[instruments.{NAME}.limits]",
        *(f"{name} = [{low}, {high}]" for name, (low, high) in limits.items()),
        f"[simulation.instruments.{NAME}]",
        # JSON's numbers, texts, switches and lists are TOML's.
        *(f"{name} = {json.dumps(value)}" for name, value in options.items()),
        f'[simulation.source]\npump = "{NAME}"',
        '[simulation.arms.alice]\nphoton = "signal"',
        'outputs = { plus = "alice_h", minus = "alice_v" }',
        '[simulation.arms.bob]\nphoton = "idler"',
        'outputs = { plus = "bob_h", minus = "bob_v" }',
        *(f"[simulation.detectors.{name}]\ndark_rate_hz = {DARK_RATE_HZ}" for name in DETECTORS),
    ]
    if "time_tagger" in loaded.kinds:
        channels = loaded.channels  # type: ignore[attr-defined]  # a tagger's
        for detector, channel in zip(DETECTORS, channels, strict=False):
            lines.append(f'[detectors.{detector}]\ntagger = "{NAME}"\nchannel = {channel}')
    return "\n".join(lines)


def _narrowed(limits: Limits) -> Limits:
    """Return a part of the driver's range that a small model of its series can do too."""
    low, high = limits
    if isinstance(low, int) and isinstance(high, int):
        return low + 1, low + max(2, (high - low) // 5)
    return low + 0.02 * (high - low), low + 0.2 * (high - low)
