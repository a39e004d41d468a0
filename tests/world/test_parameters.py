from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError

from simulated_devices.world import (
    AnalyzerOutputs,
    ArmParameters,
    DetectorParameters,
    PumpParameters,
    SourceParameters,
    WorldParameters,
)

Table = dict[str, Any]
TABLES: list[type[BaseModel]] = [
    AnalyzerOutputs,
    ArmParameters,
    DetectorParameters,
    PumpParameters,
    SourceParameters,
    WorldParameters,
]


def minimal_table() -> Table:
    return {
        "arms": {
            "alice": {"photon": "signal", "outputs": {"plus": "a1", "minus": "a2"}},
            "bob": {"photon": "idler", "outputs": {"plus": "b1"}},
        },
        "detectors": {"a1": {}, "a2": {}, "b1": {}, "spare": {}},
    }


def test_a_bench_needs_only_arms_and_detectors() -> None:
    parameters = WorldParameters.model_validate(minimal_table())
    assert parameters.arms["bob"].outputs.minus is None
    assert parameters.source.pump == "pump"


def test_the_default_arm_has_a_total_efficiency_of_a_quarter() -> None:
    parameters = WorldParameters.model_validate(minimal_table())
    transmission = 10 ** (-parameters.arms["alice"].loss_db / 10)
    assert transmission * parameters.detectors["a1"].efficiency == pytest.approx(0.25, abs=5e-4)


def test_an_ideal_analyzer_may_be_written_as_inf() -> None:
    table = minimal_table()
    table["arms"]["alice"]["extinction_ratio"] = math.inf
    assert WorldParameters.model_validate(table).arms["alice"].extinction_ratio == math.inf


def two_signals(table: Table) -> None:
    table["arms"]["bob"]["photon"] = "signal"


def one_arm(table: Table) -> None:
    del table["arms"]["bob"]


def no_arms(table: Table) -> None:
    table["arms"].clear()


def misspelled_detector(table: Table) -> None:
    table["arms"]["bob"]["outputs"]["plus"] = "spares"


def shared_detector(table: Table) -> None:
    table["arms"]["bob"]["outputs"]["plus"] = "a2"


def unknown_key(table: Table) -> None:
    table["arms"]["bob"]["los_db"] = 3


def negative_loss(table: Table) -> None:
    table["arms"]["bob"]["loss_db"] = -3


def no_number(table: Table) -> None:
    table["detectors"]["a1"]["dead_time_ns"] = math.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (two_signals, r"arms \(alice: signal, bob: signal\): a pair has exactly two photons"),
        (one_arm, r"arms \(alice: signal\): a pair has exactly two photons"),
        (no_arms, r"arms \(none\): a pair has exactly two photons"),
        (misspelled_detector, r'arms\.bob\.outputs\.plus = "spares".*did you mean "spare"'),
        (shared_detector, r'outputs\.plus = "a2" is already behind arms\.alice\.outputs\.minus'),
        (unknown_key, r"arms\.bob\.los_db"),
        (negative_loss, r"arms\.bob\.loss_db"),
        (no_number, r"detectors\.a1\.dead_time_ns"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(
    spoil: Callable[[Table], None], message: str
) -> None:
    table = copy.deepcopy(minimal_table())
    spoil(table)
    with pytest.raises(ValidationError, match=message):
        WorldParameters.model_validate(table)


@pytest.mark.parametrize("model", TABLES)
def test_every_parameter_is_described_and_every_number_limited(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        assert field.description, name
        if get_origin(field.annotation) is None and field.annotation in {int, float}:
            kinds = {type(limit) for limit in field.metadata}
            assert kinds & {Ge, Gt}, f"{name} has no lower limit"
            assert kinds & {Le, Lt} or name == "extinction_ratio", f"{name} has no upper limit"
