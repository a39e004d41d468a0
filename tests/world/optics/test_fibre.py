from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world.optics import Fibre, FibreParameters
from simulated_devices.world.optics.jones import stokes, stokes_rotation

SLICE_PS = 10_000_000_000
MINUTE_PS = 60_000_000_000_000
STILL: dict[str, Any] = {
    "walk_rad_per_sqrt_hour": 0.0,
    "day_rad": 0.0,
    "day_amplitude_k": 0.0,
    "rad_per_k": 0.0,
}


def make_fibre(seed: int = 0, name: str = "link", **parameters: Any) -> Fibre:
    table = {"to": "next", "length_km": 50.0} | parameters
    return Fibre(name, FibreParameters.model_validate(table), seed)


def live(fibre: Fibre, slices: int, slice_ps: int, first: int = 0) -> None:
    for number in range(first, first + slices):
        fibre.advance(number * slice_ps, (number + 1) * slice_ps)


def turn_rad(fibre: Fibre) -> float:
    """Angle of rotation on the Poincare sphere."""
    trace = float(np.trace(stokes_rotation(fibre.passage.jones)))
    return math.acos(min(1.0, max(-1.0, (trace - 1.0) / 2.0)))


def test_fifty_kilometres_lose_10_db_and_the_connectors() -> None:
    assert make_fibre().passage.transmission == pytest.approx(10**-1.05)
    assert make_fibre(connectors_db=0.0).passage.transmission == pytest.approx(0.1)


def test_a_kilometre_takes_4_896721_microseconds() -> None:
    fibre = make_fibre(length_km=1.0, **STILL)
    assert fibre.passage.delay_ps == pytest.approx(4_896_721, abs=0.5)
    assert fibre.passage.delay_slope == 0.0


def test_dispersion_delays_red_light() -> None:
    fibre = make_fibre(length_km=100.0)
    # 17 ps/nm/km over 0.2 nm and 100 km are 340 ps.
    red_thz, blue_thz = 299_792.458 / 1550.1, 299_792.458 / 1549.9
    later_ps = fibre.passage.dispersion_ps_per_thz * (red_thz - blue_thz)
    assert later_ps == pytest.approx(340.0, rel=1e-6)


def test_an_aligned_fibre_starts_with_the_polarization_unchanged() -> None:
    fibre = make_fibre(is_aligned=True)
    assert fibre.passage.jones == pytest.approx(np.eye(2))
    live(fibre, 1, SLICE_PS)
    assert fibre.passage.jones == pytest.approx(np.eye(2))


def test_an_unaligned_fibre_starts_with_a_polarization_of_its_seed_and_name() -> None:
    start = make_fibre(seed=1).passage.jones
    assert start @ start.conj().T == pytest.approx(np.eye(2))
    assert make_fibre(seed=1).passage.jones == pytest.approx(start)
    assert make_fibre(seed=2).passage.jones != pytest.approx(start)
    assert make_fibre(seed=1, name="other").passage.jones != pytest.approx(start)


def test_a_seed_repeats_the_walk() -> None:
    first, second = make_fibre(seed=3), make_fibre(seed=3)
    live(first, 50, MINUTE_PS)
    live(second, 50, MINUTE_PS)
    assert np.array_equal(first.passage.jones, second.passage.jones)
    assert not np.array_equal(first.passage.jones, make_fibre(seed=3).passage.jones)


@pytest.mark.parametrize("seed", range(3))
def test_the_polarization_walks_away_as_gaussian_steps_make_it(seed: int) -> None:
    kept = []
    for number in range(200):
        fibre = make_fibre(
            seed,
            name=f"link {number}",
            is_aligned=True,
            **(STILL | {"walk_rad_per_sqrt_hour": 0.5}),
        )
        # 100 steps of 36 s make an hour, and one more slice shows where they led.
        live(fibre, 101, 36 * 10**12)
        kept.append(np.trace(stokes_rotation(fibre.passage.jones)) / 3.0)
    # Each component of a step has the variance v = 0.05^2/3: <cos t> = (1 - v) e^(-v/2).
    variance = 0.05**2 / 3
    mean_cos = (1 - variance) * math.exp(-variance / 2)
    expected = ((1 + 2 * mean_cos) / 3) ** 100
    sigma = float(np.std(kept)) / math.sqrt(len(kept))
    assert abs(float(np.mean(kept)) - expected) < 5 * sigma


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_of_an_hour_does_not_depend_on_the_slices(seed: int) -> None:
    angles_2 = []
    for number in range(200):
        fibre = make_fibre(
            seed,
            name=f"link {number}",
            is_aligned=True,
            **(STILL | {"walk_rad_per_sqrt_hour": 0.1}),
        )
        live(fibre, 11, 360 * 10**12)
        angles_2.append(turn_rad(fibre) ** 2)
    sigma = float(np.std(angles_2)) / math.sqrt(len(angles_2))
    # Small rotations add up like vectors: the mean square is that of the hour.
    assert abs(float(np.mean(angles_2)) - 0.1**2) < 5 * sigma


def test_the_day_turns_the_polarization_there_and_back() -> None:
    fibre = make_fibre(is_aligned=True, **(STILL | {"day_rad": 0.7}))
    quarter = 6 * 60
    angles = []
    for part in range(4):
        live(fibre, quarter, MINUTE_PS, first=part * quarter)
        # The next slice starts at a quarter, half, three quarters, and the whole of the day.
        fibre.advance((part + 1) * quarter * MINUTE_PS, (part + 1) * quarter * MINUTE_PS + 1)
        angles.append(turn_rad(fibre))
    assert angles == pytest.approx([0.7, 0.0, 0.7, 0.0], abs=1e-7)


def test_temperature_turns_the_polarization_about_an_axis_of_its_own() -> None:
    fibre = make_fibre(is_aligned=True, **(STILL | {"rad_per_k": 0.2}))
    fibre.change(temperature_k=3.0)
    live(fibre, 1, SLICE_PS)
    warm = fibre.passage.jones
    assert turn_rad(fibre) == pytest.approx(0.6)
    fibre.change(temperature_k=-3.0)
    live(fibre, 1, SLICE_PS, first=1)
    assert fibre.passage.jones @ warm == pytest.approx(np.eye(2), abs=1e-14)


def test_the_delay_follows_the_day_without_a_step() -> None:
    fibre = make_fibre(**(STILL | {"day_amplitude_k": 2.0}))
    base_ps = 50 * 1.468 / 299_792.458 * 1e12
    expected_next = fibre.passage.delay_ps
    for number in range(0, 24 * 60, 5):
        fibre.advance(number * MINUTE_PS, (number + 5) * MINUTE_PS)
        passage = fibre.passage
        assert passage.delay_ps == pytest.approx(expected_next, abs=1e-6)
        # 40 ps/(km K) over 50 km and 2 K.
        warm_ps = 4000 * math.sin(2 * math.pi * number / (24 * 60))
        assert passage.delay_ps - base_ps == pytest.approx(warm_ps, abs=1e-5)
        expected_next = passage.delay_ps + passage.delay_slope * 5 * MINUTE_PS


def test_a_new_temperature_is_reached_within_a_slice_and_without_a_step() -> None:
    fibre = make_fibre(**STILL)
    cold_ps = fibre.passage.delay_ps
    fibre.change(temperature_k=1.0)
    live(fibre, 1, SLICE_PS)
    assert fibre.passage.delay_ps == cold_ps
    assert fibre.passage.delay_slope == pytest.approx(2000.0 / SLICE_PS)
    live(fibre, 1, SLICE_PS, first=1)
    assert fibre.passage.delay_ps == pytest.approx(cold_ps + 2000.0)
    assert fibre.passage.delay_slope == 0.0


def test_a_fibre_in_which_nothing_happens_keeps_its_passage() -> None:
    fibre = make_fibre(**STILL)
    before = fibre.passage
    live(fibre, 10, SLICE_PS)
    assert fibre.passage is before


def test_a_kick_turns_the_polarization_for_good() -> None:
    fibre = make_fibre(is_aligned=True, **STILL)
    fibre.kick(0.0, 0.0, math.pi / 2)
    assert fibre.passage.jones == pytest.approx(np.eye(2))
    live(fibre, 3, SLICE_PS)
    # A quarter turn about s3 takes H, s1, to s2.
    assert stokes(fibre.passage.jones @ np.array([1, 0])) == pytest.approx([0, 1, 0], abs=1e-15)
    with pytest.raises(LimitError, match="link kick = nan"):
        fibre.kick(0.0, math.nan, 0.0)


@pytest.mark.parametrize(
    "change", [{"length_km": 60.0}, {"is_aligned": True}, {"to": "x"}, {"kind": "fibre"}]
)
def test_what_only_a_new_fibre_can_have_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(LimitError, match="cannot be changed while the world runs"):
        make_fibre().change(**change)
