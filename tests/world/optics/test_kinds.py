from __future__ import annotations

import math
import tomllib
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from labctl.errors import LimitError
from simulated_devices.world.optics import ELEMENTS, Element, OpticsParameters, build_element
from simulated_devices.world.table import Table

SLICE_PS = 10_000_000_000
FREQUENCIES = np.linspace(189.0, 198.0, 901)

BENCH = """
[voa]
kind = "attenuator"
to = "link"
attenuation_db = 12.5

[bs]
kind = "beam_splitter"
to = ["left", "right"]
reflectivity = 0.48

[stage]
kind = "delay_line"
to = "bs.b"
position_mm = 12.0

[link]
kind = "fibre"
to = "mpc"
length_km = 22.5
classical_power_mw = 0.5
classical_direction = "counter"

[downlink]
kind = "free_space"
to = "telescope"
profile = [
  { time_s = 0.0, loss_db = 60.0, distance_km = 1200.0 },
  { time_s = 300.0, loss_db = 45.0, distance_km = 500.0 },
]

[cells]
kind = "liquid_crystal"
to = "alice"
axes_deg = [0.0, 45.0]
voltages_v = [2.0, 3.0]

[mpc]
kind = "paddles"
to = "alice"
angles_deg = [10.0, 20.0, 30.0]

[twist]
kind = "rotator"
to = "alice"
angle_deg = 3.0

[epc]
kind = "squeezers"
to = "alice"
voltages_v = [1.0, -1.0, 0.5, 0.0]

[oxc]
kind = "switch"
to = ["alice", "bob", ""]
position = 2

[plate]
kind = "wave_plate"
to = "alice"
retardance_waves = 0.25

[wdm]
kind = "wdm"
channels = [
  { to = "alice", itu = 32 },
  { to = "bob", center_thz = 193.6, width_ghz = 100.0, shape = "gaussian" },
]
"""

TABLES: dict[str, dict[str, Any]] = tomllib.loads(BENCH)
PARAMETERS = TypeAdapter(dict[str, OpticsParameters])
MODELS: tuple[type[Table], ...] = get_args(get_args(OpticsParameters)[0])


def build(name: str, **changes: Any) -> Element[Any]:
    parameters = PARAMETERS.validate_python({name: TABLES[name] | changes})
    return build_element(name, parameters[name], seed=5)


def test_every_kind_is_in_this_bench_and_has_a_class() -> None:
    kinds = {table["kind"] for table in TABLES.values()}
    assert kinds == set(ELEMENTS)
    assert kinds == {model.model_fields["kind"].default for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_is_described_and_kind_comes_first(model: type[Table]) -> None:
    assert next(iter(model.model_fields)) == "kind"
    for key, field in model.model_fields.items():
        assert field.description or key == "kind"


@pytest.mark.parametrize("name", TABLES)
def test_every_element_is_unitary_and_makes_no_light(name: str) -> None:
    element = build(name)
    for number in range(3):
        element.advance(number * SLICE_PS, (number + 1) * SLICE_PS)
        passage = element.passage
        assert passage.jones @ passage.jones.conj().T == pytest.approx(np.eye(2), abs=1e-12)
        assert 0.0 < passage.transmission <= 1.0
        assert passage.delay_ps >= 0.0
    shares = element.routing(FREQUENCIES)
    assert shares.shape == (len(element.outputs), FREQUENCIES.size)
    assert shares.min() >= 0.0
    assert shares.sum(axis=0).max() <= 1.0 + 1e-12


@pytest.mark.parametrize("name", TABLES)
def test_the_same_seed_builds_the_same_element(name: str) -> None:
    first, second = build(name), build(name)
    for element in (first, second):
        for number in range(5):
            element.advance(number * SLICE_PS, (number + 1) * SLICE_PS)
    assert type(first) is ELEMENTS[TABLES[name]["kind"]]
    assert first.name == name
    assert np.array_equal(first.passage.jones, second.passage.jones)
    assert first.passage.delay_ps == second.passage.delay_ps


@pytest.mark.parametrize("name", TABLES)
def test_where_the_light_goes_is_wiring(name: str) -> None:
    element = build(name)
    key = "channels" if name == "wdm" else "to"
    with pytest.raises(LimitError, match=f"{name}.{key} cannot be changed while the world runs"):
        element.change(**{key: TABLES[name][key]})
    with pytest.raises(LimitError, match=f"{name}.kind cannot be changed"):
        element.change(kind="fibre")


@pytest.mark.parametrize("name", ["voa", "plate", "mpc", "epc", "cells", "stage", "twist"])
def test_turning_an_actuator_leaves_the_colors_alone(name: str) -> None:
    element = build(name)
    state = element.routing_state
    element.change(loss_db=2.5)
    assert element.routing_state is state


@pytest.mark.parametrize("name", ["link", "downlink", "bs", "oxc", "wdm"])
def test_what_changes_colors_or_noise_shows_it(name: str) -> None:
    changes: dict[str, dict[str, float]] = {
        "link": {"classical_power_mw": 2.0},
        "downlink": {"background_hz_per_thz": 10.0},
        "bs": {"reflectivity": 0.1},
        "oxc": {"position": 1},
        "wdm": {"isolation_db": 30.0},
    }
    element = build(name)
    state = element.routing_state
    element.change(**changes[name])
    assert element.routing_state is not state


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError) as error:
        PARAMETERS.validate_python({"link": {"kind": "fiber", "to": "x", "length_km": 1.0}})
    assert "link" in str(error.value)
    assert "'fiber'" in str(error.value)
    assert "'fibre'" in str(error.value)


def test_a_table_without_a_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="kind"):
        PARAMETERS.validate_python({"link": {"to": "x"}})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("link", {"lenght_km": 1.0}, "lenght_km"),
        ("link", {"attenuation_db_km": -0.2}, "greater than or equal to 0"),
        ("link", {"classical_direction": "back"}, "'co' or 'counter'"),
        ("voa", {"loss_db": math.nan}, "loss_db"),
        ("oxc", {"position": 4}, "position = 4 is outside 0 to 3"),
        ("oxc", {"crosstalk_db": math.nan}, "crosstalk_db"),
        ("mpc", {"angles_deg": [0, 0, 171]}, "less than or equal to 170"),
        ("epc", {"voltages_v": [0, 0, 0]}, "voltages_v"),
        ("cells", {"voltages_v": [0.0]}, "voltages_v has 1 values and axes_deg 2"),
        ("bs", {"to": ["left"]}, "to"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(
    name: str, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as error:
        build(name, **change)
    assert said in str(error.value)
    assert f"{name}.{TABLES[name]['kind']}" in str(error.value)
