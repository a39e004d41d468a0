"""Knobs turned through their instruments' protocols change the tagger's bytes as physics demands.

Bounds are 5 sigma of the counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import labctl
from labctl.runs import LabSession

DWELL_S = 0.3


@pytest.fixture
def lab() -> Iterator[LabSession]:
    with labctl.open_lab(simulated=True, seed=11, speed=0) as session:
        session.set("pump.emission", True, arm=True)
        yield session


def turn(lab: LabSession, **knobs: Any) -> None:
    """Set `instrument__setting` to a value, and let it settle."""
    for path, value in knobs.items():
        lab.set(path.replace("__", "."), value)
    lab.clock.wait(0.5)
    for rotator in ("alice_hwp", "bob_hwp"):
        while lab.get(f"{rotator}.is_moving"):
            lab.clock.wait(0.1)


def counts(lab: LabSession, tmp_path: Path) -> dict[str, float]:
    """Return how many clicks and coincidences a run of the dwell counts."""
    result = lab.run("counting", dwell_s=DWELL_S, folder=tmp_path).result
    found = {name: rate.value * DWELL_S for name, rate in result.singles_hz.items()}
    return found | {pair.name: pair.coincidences_hz.value * DWELL_S for pair in result.pairs}


def assert_ratio(after: float, before: float, expected: float) -> None:
    sigma = expected * math.sqrt(1.0 / max(after, 1.0) + 1.0 / before)
    assert after / before == pytest.approx(expected, abs=5 * sigma)


def test_the_power_of_the_pump_scales_every_rate(lab: LabSession, tmp_path: Path) -> None:
    turn(lab, pump__power_mw=2.0)
    low = counts(lab, tmp_path)
    turn(lab, pump__power_mw=4.0)
    high = counts(lab, tmp_path)
    for name in ("alice_h", "bob_v", "alice_h-bob_h"):
        # 100 darks/s are 0.5 % of the smaller rate, accidentals 0.05 % of the coincidences.
        assert_ratio(high[name], low[name], 2.0)


def test_without_pump_light_there_are_only_darks(lab: LabSession, tmp_path: Path) -> None:
    turn(lab, pump__power_mw=0.0)
    found = counts(lab, tmp_path)
    for name in ("alice_h", "alice_v", "bob_h", "bob_v"):
        assert abs(found[name] - 100.0 * DWELL_S) < 5 * math.sqrt(100.0 * DWELL_S)


def test_a_wave_plate_turns_the_correlations(lab: LabSession, tmp_path: Path) -> None:
    turn(lab, alice_hwp__angle_deg=0.0, bob_hwp__angle_deg=0.0)
    parallel = counts(lab, tmp_path)
    turn(lab, alice_hwp__angle_deg=15.0)
    turned = counts(lab, tmp_path)
    # (1 + V cos(2 * 30 deg))/(1 + V) with V = 0.95; accidentals are 0.1 %.
    expected = (1.0 + 0.95 * 0.5) / 1.95
    assert_ratio(turned["alice_h-bob_h"], parallel["alice_h-bob_h"], expected)
    assert_ratio(turned["alice_h"], parallel["alice_h"], 1.0)


def test_the_bias_of_a_nanowire_sets_its_efficiency(lab: LabSession, tmp_path: Path) -> None:
    nominal = counts(lab, tmp_path)
    turn(lab, snspd__bias_ua=(6.5, 10.0, 10.0, 10.0))
    lowered = counts(lab, tmp_path)
    # erfc((I0 - I)/dI) with I0 = 6 and dI = 1.5 uA against the nominal 10 uA.
    expected = math.erfc(-0.5 / 1.5) / math.erfc(-4.0 / 1.5)
    assert_ratio(lowered["alice_h"], nominal["alice_h"], expected)
    assert_ratio(lowered["alice_v"], nominal["alice_v"], 1.0)
    assert_ratio(lowered["alice_h-bob_h"], nominal["alice_h-bob_h"], expected)


@pytest.mark.slow
def test_a_comparator_above_the_pulses_sees_none(lab: LabSession, tmp_path: Path) -> None:
    turn(lab, tagger__threshold_v=-0.7)
    assert counts(lab, tmp_path)["alice_h"] > 1000
    for level_v in (-0.9, 0.5):
        turn(lab, tagger__threshold_v=level_v)
        found = counts(lab, tmp_path)
        assert [found[name] for name in ("alice_h", "alice_v", "bob_h", "bob_v")] == [0.0] * 4


def test_two_laboratories_in_one_process_do_not_touch_each_other(tmp_path: Path) -> None:
    with (
        labctl.open_lab(simulated=True, seed=11, speed=0) as one,
        labctl.open_lab(simulated=True, seed=11, speed=0) as other,
    ):
        turn(one, pump__power_mw=4.0)
        turn(other, pump__power_mw=0.0)
        assert counts(one, tmp_path)["alice_h"] > 1000
        assert counts(other, tmp_path)["alice_h"] < 100
        assert one.get("pump.power_mw") == 4.0
