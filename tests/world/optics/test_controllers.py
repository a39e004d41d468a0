from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.errors import LimitError
from simulated_devices.world.optics import (
    LiquidCrystal,
    LiquidCrystalParameters,
    Paddles,
    PaddlesParameters,
    Squeezers,
    SqueezersParameters,
)
from simulated_devices.world.optics.jones import stokes

H = np.array([1, 0], dtype=np.complex128)
SLICE_PS = 10_000_000_000


def make_squeezers(hysteresis: float = 0.12) -> Squeezers:
    return Squeezers("epc", SqueezersParameters(to="next", hysteresis=hysteresis), 0)


def sweep(squeezers: Squeezers, *voltages_v: float) -> float:
    """Set the first squeezer to each voltage; return the stroke at the end, in volts."""
    for voltage_v in voltages_v:
        squeezers.voltages_v = (voltage_v, 0.0, 0.0, 0.0)
    return squeezers.retardances_rad[0] * 2.5 / math.pi


def make_cells(**parameters: float) -> LiquidCrystal:
    return LiquidCrystal("lc", LiquidCrystalParameters(to="next", **parameters), 0)


def test_paddles_at_zero_are_one_retarder_along_h() -> None:
    paddles = Paddles("mpc", PaddlesParameters(to="next"), 0)
    # Quarter, half and quarter wave along H make a full wave: a sign, seen by nothing.
    assert paddles.passage.jones == pytest.approx(-np.eye(2), abs=1e-15)
    assert paddles.passage.transmission == pytest.approx(10**-0.01)


def test_the_first_paddle_acts_first() -> None:
    paddles = Paddles("mpc", PaddlesParameters(to="next", angles_deg=(45.0, 0.0, 0.0)), 0)
    # H to R by the first; the half-wave plate makes it L; the last, along H, s3 = 1 to s2.
    out = stokes(paddles.passage.jones @ H)
    after_two = np.array([[np.exp(-0.5j * math.pi), 0], [0, np.exp(0.5j * math.pi)]]) @ [1, -1j]
    after_three = np.array([[np.exp(-0.25j * math.pi), 0], [0, np.exp(0.25j * math.pi)]])
    assert out == pytest.approx(stokes(after_three @ after_two), abs=1e-14)
    assert abs(out[1]) == pytest.approx(1.0)


@pytest.mark.parametrize("angles_deg", [(0, 0, 170.5), (-1, 0, 0), (0, 0), (0, math.nan, 0)])
def test_paddle_angles_beyond_their_travel_are_refused(angles_deg: tuple[float, ...]) -> None:
    paddles = Paddles("mpc", PaddlesParameters(to="next"), 0)
    with pytest.raises(LimitError, match=r"mpc\.angles_deg"):
        paddles.angles_deg = angles_deg
    assert paddles.angles_deg == (0.0, 0.0, 0.0)
    paddles.angles_deg = (170, 85, 0)
    assert paddles.angles_deg == (170.0, 85.0, 0.0)


def test_without_hysteresis_the_retardance_is_proportional_to_the_voltage() -> None:
    squeezers = make_squeezers(hysteresis=0.0)
    squeezers.voltages_v = (1.0, -2.5, 5.0, 0.0)
    expected = [math.pi / 2.5, -math.pi, 2 * math.pi, 0.0]
    assert squeezers.retardances_rad == pytest.approx(expected)


def test_half_a_wave_at_45_deg_takes_h_to_v() -> None:
    squeezers = make_squeezers(hysteresis=0.0)
    squeezers.voltages_v = (0.0, 2.5, 0.0, 0.0)
    assert stokes(squeezers.passage.jones @ H) == pytest.approx([-1, 0, 0], abs=1e-14)


@pytest.mark.parametrize("hysteresis", [0.05, 0.12, 0.3])
def test_the_full_loop_has_its_width_and_its_ends(hysteresis: float) -> None:
    squeezers = make_squeezers(hysteresis)
    top = sweep(squeezers, 5.0)
    falling = sweep(squeezers, 0.0)
    bottom = sweep(squeezers, -5.0)
    rising = sweep(squeezers, 0.0)
    assert [top, bottom] == pytest.approx([5.0, -5.0])
    assert falling - rising == pytest.approx(hysteresis * 10.0)
    assert falling == pytest.approx(-rising)


def test_a_small_loop_is_as_wide_as_the_plays_inside_it() -> None:
    squeezers = make_squeezers(0.12)
    sweep(squeezers, 5.0, -1.0)
    rising = [sweep(squeezers, voltage) for voltage in (0.0, 1.0)]
    falling = sweep(squeezers, 0.0)
    # Between -1 and 1 V plays of half width r < 1 V follow, and differ by min(2 r, 2 - 2 r) at
    # the middle; r = 0.3125 i, and each weighs 4 * 0.12/9.
    widths = [min(2 * r, 2 - 2 * r) for r in (0.3125, 0.625, 0.9375)]
    assert falling - rising[0] == pytest.approx(4 * 0.12 / 9 * sum(widths))
    assert sweep(squeezers, 1.0) == pytest.approx(rising[1])


@pytest.mark.parametrize("seed", range(5))
def test_turning_points_are_wiped_out_by_a_greater_voltage(seed: int) -> None:
    wandered, straight = make_squeezers(), make_squeezers()
    excursions = np.random.default_rng(seed).uniform(-3.0, 3.0, 20).tolist()
    ends = (-4.0, 4.0, -1.0)
    assert sweep(wandered, -4.0, *excursions, 4.0, -1.0) == pytest.approx(sweep(straight, *ends))
    assert wandered.retardances_rad == pytest.approx(straight.retardances_rad)


@pytest.mark.parametrize("seed", range(5))
def test_a_closed_loop_returns_to_where_it_left(seed: int) -> None:
    squeezers = make_squeezers()
    excursions = np.random.default_rng(seed).uniform(-1.0, 2.0, 20).tolist()
    left = sweep(squeezers, 4.0, -1.0, 2.0)
    assert sweep(squeezers, *excursions, -1.0, 2.0) == pytest.approx(left)


def test_memory_does_not_depend_on_how_fast_the_voltage_went() -> None:
    fast, slow = make_squeezers(), make_squeezers()
    sweep(fast, 3.0, -2.0, 1.0)
    for start, stop in ((0.0, 3.0), (3.0, -2.0), (-2.0, 1.0)):
        sweep(slow, *np.linspace(start, stop, 50).tolist())
    assert slow.retardances_rad == pytest.approx(fast.retardances_rad)


def test_the_same_voltage_means_another_retardance_after_another_past() -> None:
    squeezers = make_squeezers()
    fresh = sweep(squeezers, 1.0)
    assert sweep(squeezers, 5.0, 1.0) > fresh + 0.1
    assert squeezers.voltages_v == (1.0, 0.0, 0.0, 0.0)


def test_changes_by_name_leave_their_trace_too() -> None:
    by_setter, by_name = make_squeezers(), make_squeezers()
    sweep(by_setter, 5.0, 0.0)
    by_name.change(voltages_v=(5.0, 0.0, 0.0, 0.0))
    by_name.change(voltages_v=(0.0, 0.0, 0.0, 0.0))
    assert by_name.retardances_rad == pytest.approx(by_setter.retardances_rad)


def test_squeezer_voltages_beyond_five_volts_are_refused() -> None:
    squeezers = make_squeezers()
    before = squeezers.passage
    with pytest.raises(LimitError, match=r"epc\.voltages_v\[2\] = 5.01 is outside -5 to 5"):
        squeezers.voltages_v = (0.0, 0.0, 5.01, 0.0)
    with pytest.raises(LimitError, match=r"epc\.voltages_v has 3 values; give 4"):
        squeezers.voltages_v = (0.0, 0.0, 5.0)
    assert squeezers.passage is before


def test_cell_retardance_follows_the_tilt_of_the_molecules() -> None:
    parameters = LiquidCrystalParameters(to="next")
    for voltage_v in (0.0, 1.0, 1.2):
        assert parameters.retardance_rad(voltage_v) == pytest.approx(1.2 * 2 * math.pi)
    # At V = Vc + V0 the tilt is pi/2 - 2 arctan(1/e) = 49.6 deg.
    tilt = math.pi / 2 - 2 * math.atan(math.exp(-1.0))
    waves = 0.04 + 1.16 * math.cos(tilt) ** 2
    assert parameters.retardance_rad(3.2) == pytest.approx(waves * 2 * math.pi)
    curve = [parameters.retardance_rad(voltage) for voltage in np.linspace(1.2, 10.0, 200)]
    assert np.all(np.diff(curve) < 0)
    assert curve[-1] == pytest.approx(0.04 * 2 * math.pi, rel=0.05)


def test_cells_start_settled_and_stay() -> None:
    cells = make_cells()
    before = cells.passage
    cells.advance(0, SLICE_PS)
    assert cells.passage is before
    assert cells.retardances_rad == pytest.approx([1.2 * 2 * math.pi] * 3)


def test_cells_approach_their_targets_exponentially() -> None:
    cells = make_cells(response_s=0.03)
    cells.voltages_v = (3.2, 0.0, 10.0)
    targets = [cells.parameters.retardance_rad(voltage) for voltage in (3.2, 0.0, 10.0)]
    start = 1.2 * 2 * math.pi
    for number in range(1, 8):
        cells.advance((number - 1) * SLICE_PS, number * SLICE_PS)
        left = math.exp(-number * 0.01 / 0.03)
        expected = [target + (start - target) * left for target in targets]
        assert cells.retardances_rad == pytest.approx(expected)


def test_light_of_a_slice_sees_the_mean_retardance() -> None:
    cells = LiquidCrystal(
        "lc",
        LiquidCrystalParameters(to="", axes_deg=(45.0,), voltages_v=(0.0,), response_s=0.01),
        0,
    )
    cells.voltages_v = (3.2,)
    cells.advance(0, SLICE_PS)
    target, start = cells.parameters.retardance_rad(3.2), 1.2 * 2 * math.pi
    # The mean of e^-t over 0 <= t <= 1 is 1 - 1/e.
    mean = target + (start - target) * (1 - math.exp(-1))
    s1, _, s3 = stokes(cells.passage.jones @ H)
    assert [s1, s3] == pytest.approx([math.cos(mean), -math.sin(mean)])


def test_settled_cells_keep_the_passage() -> None:
    cells = make_cells(response_s=0.001)
    cells.voltages_v = (3.2, 1.0, 10.0)
    for number in range(10):
        cells.advance(number * SLICE_PS, (number + 1) * SLICE_PS)
    settled = cells.passage
    cells.advance(10 * SLICE_PS, 11 * SLICE_PS)
    assert cells.passage is settled
    expected = [cells.parameters.retardance_rad(voltage) for voltage in (3.2, 1.0, 10.0)]
    assert cells.retardances_rad == pytest.approx(expected, abs=0.0)


def test_cell_voltages_outside_the_driver_or_without_a_cell_are_refused() -> None:
    cells = make_cells()
    with pytest.raises(LimitError, match=r"lc\.voltages_v\[0\] = 10.1 is outside 0 to 10"):
        cells.voltages_v = (10.1, 0.0, 0.0)
    with pytest.raises(LimitError, match=r"lc\.voltages_v has 2 values; give 3"):
        cells.voltages_v = (1.0, 1.0)
    with pytest.raises(ValidationError, match="give one voltage for each axis"):
        LiquidCrystalParameters(to="", axes_deg=(0.0, 45.0))
