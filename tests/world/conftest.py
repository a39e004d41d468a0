from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from simulated_devices.world import World, WorldParameters
from simulated_devices.world.slices import Times

BuildParameters = Callable[..., WorldParameters]
StartWorld = Callable[..., World]
Collect = Callable[[World, int], dict[str, Times]]


def _build_parameters(
    *,
    source: Mapping[str, Any] | None = None,
    pump: Mapping[str, Any] | None = None,
    arm: Mapping[str, Any] | None = None,
    detector: Mapping[str, Any] | None = None,
    bob_detector: Mapping[str, Any] | None = None,
) -> WorldParameters:
    """Two stations with two detectors each, and a pump that is steady at once."""
    station = dict(arm or {})
    alice_detector = dict(detector or {})
    bob_detector = alice_detector if bob_detector is None else dict(bob_detector)
    return WorldParameters.model_validate(
        {
            "source": dict(source or {}),
            "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0} | dict(pump or {}),
            "arms": {
                "alice": station
                | {"photon": "signal", "outputs": {"plus": "alice_h", "minus": "alice_v"}},
                "bob": station
                | {"photon": "idler", "outputs": {"plus": "bob_h", "minus": "bob_v"}},
            },
            "detectors": {
                "alice_h": alice_detector,
                "alice_v": alice_detector,
                "bob_h": bob_detector,
                "bob_v": bob_detector,
            },
        }
    )


@pytest.fixture
def build_parameters() -> BuildParameters:
    return _build_parameters


@pytest.fixture
def start_world() -> StartWorld:
    def start(seed: int = 0, pump_mw: float = 5.0, **tables: Any) -> World:
        world = World(_build_parameters(**tables), seed)
        world.pump.target_mw = pump_mw
        world.pump.emitting = True
        # One slice lets the light travel through fibres and cables.
        world.step()
        return world

    return start


@pytest.fixture
def collect() -> Collect:
    def collect_clicks(world: World, slices: int) -> dict[str, Times]:
        steps = [world.step() for _ in range(slices)]
        return {
            name: np.concatenate([step.clicks[name] for step in steps]) for name in world.detectors
        }

    return collect_clicks
