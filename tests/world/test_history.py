from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world import SLICE_PS, History, World, WorldParameters
from simulated_devices.world.history import Truth

StartWorld = Callable[..., World]


def live(world: World, slices: int) -> tuple[History, list[Truth]]:
    told: list[Truth] = []
    history = History(world.nodes, told.append)
    for _ in range(slices):
        history.note(world.time_ps)
        world.step()
    return history, told


def test_every_parameter_is_known_from_the_beginning(start_world: StartWorld) -> None:
    world = start_world()
    history, told = live(world, 1)
    assert {entry.node for entry in told} == set(world.nodes)
    assert history.at("alice_h", "dark_rate_hz", world.time_ps) == 100.0
    assert history.at("pump", "target_mw", world.time_ps) == 5.0


def test_a_change_is_noted_when_it_acts_and_not_before(start_world: StartWorld) -> None:
    world = start_world()
    history = History(world.nodes)
    history.note(world.time_ps)
    world.step()
    changed_ps = world.time_ps
    world.detectors["bob_v"].change(dark_rate_hz=1e4)
    history.note(changed_ps)
    world.step()
    assert history.at("bob_v", "dark_rate_hz", changed_ps - 1) == 100.0
    assert history.at("bob_v", "dark_rate_hz", changed_ps) == 1e4


def test_what_drifts_is_noted_ten_times_a_second(start_world: StartWorld) -> None:
    _, told = live(start_world(), 101)
    pump = [entry for entry in told if entry.node == "pump"]
    assert len(pump) == pytest.approx(11, abs=1)
    assert {"output_mw", "present_wavelength_nm"} <= set(pump[-1].values)


def test_what_never_changes_is_noted_once(start_world: StartWorld) -> None:
    _, told = live(start_world(), 50)
    assert len([entry for entry in told if entry.node == "source"]) == 1


def test_asking_for_what_nobody_noted_says_what_is_known(start_world: StartWorld) -> None:
    history, _ = live(start_world(), 1)
    with pytest.raises(LimitError, match=r"did you mean.*alice_h"):
        history.at("alice_hh", "dark_rate_hz", SLICE_PS)
    with pytest.raises(LimitError, match=r"known then: .*efficiency"):
        history.at("alice_h", "color", SLICE_PS)


def test_the_drift_of_a_fibre_is_noted() -> None:
    parameters = WorldParameters.model_validate(
        {
            "source": {"signal": "fibre", "idler": "b"},
            "optics": {"fibre": {"kind": "fibre", "to": "a", "length_km": 1.0}},
            "detectors": {"a": {}, "b": {}},
        }
    )
    world = World(parameters, 0)
    history = History(world.nodes)
    for _ in range(20):
        history.note(world.time_ps)
        world.step()
    before = np.array(history.at("fibre", "stokes_rotation", 0))
    assert before @ before.T == pytest.approx(np.eye(3), abs=1e-5)
    after = np.array(history.at("fibre", "stokes_rotation", world.time_ps))
    assert not np.array_equal(before, after)
    # 1 km at 4.896721 us/km
    assert history.at("fibre", "delay_ps", 0) == pytest.approx(4_896_721, abs=1)
