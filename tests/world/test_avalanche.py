from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.errors import LimitError
from simulated_devices.world.avalanche import AvalancheParameters
from simulated_devices.world.detector import Detector
from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.drive import Drive
from simulated_devices.world.slices import SLICE_PS


def diode_at(
    excess_v: float, temperature_degc: float = -20.0, **parameters: float
) -> AvalancheParameters:
    # The defaults: 150 V at 25 degC and 0.4 V/K.
    bias_v = 150.0 + 0.4 * (temperature_degc - 25.0) + excess_v
    return AvalancheParameters.model_validate(
        {"bias_v": bias_v, "temperature_degc": temperature_degc} | parameters
    )


@pytest.mark.parametrize("diode", [diode_at(10.0), AvalancheParameters()])
def test_at_the_nominal_excess_and_temperature_the_detector_has_its_rated_values(
    diode: AvalancheParameters,
) -> None:
    drive = diode.drive
    factors = (drive.efficiency_factor, drive.dark_rate_factor, drive.afterpulse_factor)
    assert factors == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize(("temperature_degc", "breakdown_v"), [(25, 150), (-20, 132), (50, 160)])
def test_the_breakdown_voltage_rises_with_temperature(
    temperature_degc: float, breakdown_v: float
) -> None:
    diode = AvalancheParameters(bias_v=145.0, temperature_degc=temperature_degc)
    assert diode.present_breakdown_v == pytest.approx(breakdown_v)
    assert diode.excess_v == pytest.approx(145.0 - breakdown_v)


@pytest.mark.parametrize("excess_v", [-132.0, -1.0, 0.0])
def test_below_breakdown_nothing_clicks(excess_v: float) -> None:
    assert diode_at(excess_v).drive == Drive(0.0, 0.0, 0.0)


# 1 - exp(-x) from tables, relative to that at x = 2.
@pytest.mark.parametrize(
    ("excess_v", "factor"),
    [
        (5.0, 0.632120559 / 0.864664717),
        (15.0, 0.950212932 / 0.864664717),
        (0.5, 0.095162582 / 0.864664717),
    ],
)
def test_the_efficiency_saturates_with_the_excess(excess_v: float, factor: float) -> None:
    drive = diode_at(excess_v).drive
    assert drive.efficiency_factor == pytest.approx(factor, rel=1e-5)
    # The charge of an avalanche is proportional to the excess.
    assert drive.afterpulse_factor == pytest.approx(factor * excess_v / 10.0, rel=1e-5)


def test_darks_grow_with_the_field_and_the_triggering() -> None:
    drive = diode_at(30.0).drive
    # Excess 20 V above nominal: one dark_scale_v.
    assert drive.dark_rate_factor == pytest.approx(drive.efficiency_factor * math.e)


@pytest.mark.parametrize(
    ("temperature_degc", "ratio"),
    # 0.56 eV/k = 6498.53 K, times 20 K/(253.15 K 273.15 K) = 2.89235e-4/K: exp(1.87960), ...
    [(0.0, 6.5509), (20.0, 33.206), (-40.0, 0.11057)],
)
def test_darks_follow_the_arrhenius_law(temperature_degc: float, ratio: float) -> None:
    assert diode_at(10.0, temperature_degc).drive.dark_rate_factor == pytest.approx(ratio, rel=1e-4)


def test_cooling_at_constant_bias_raises_the_excess() -> None:
    warm = diode_at(5.0, 0.0)
    before = warm.drive
    diode = warm.model_copy(update={"temperature_degc": -20.0})
    assert diode.excess_v == pytest.approx(5.0 + 20 * 0.4)
    assert diode.drive.efficiency_factor > before.efficiency_factor
    assert diode.drive.dark_rate_factor < before.dark_rate_factor


@pytest.mark.parametrize("seed", range(3))
def test_a_driven_detector_clicks_as_its_diode_says(seed: int) -> None:
    rated = DetectorParameters(
        dark_rate_hz=1e5,
        dead_time_ns=0.0,
        afterpulse_probability=0.02,
        avalanche=diode_at(20.0, -10.0),
    )
    detector = Detector("spad", rated, seed)
    clicks = sum(detector.clicks(k * SLICE_PS, (k + 1) * SLICE_PS).size for k in range(50))
    triggering = math.expm1(-4.0) / math.expm1(-2.0)
    warmth = math.exp(0.56 / 8.617333e-5 * (1 / 253.15 - 1 / 263.15))
    darks = 0.5 * 1e5 * triggering * math.exp(0.5) * warmth
    p = 0.02 * triggering * 2.0
    sigma = math.sqrt(darks * (1 + p)) / (1 - p)
    assert abs(clicks - darks / (1 - p)) < 5 * sigma
    detector.faults["bias"]()
    detector.absorb(50 * SLICE_PS + np.arange(100))
    assert detector.efficiency == 0.0
    assert detector.clicks(50 * SLICE_PS, 51 * SLICE_PS).size == 0


def test_a_cooler_that_fails_raises_the_darks_of_a_detector() -> None:
    table = {"dark_rate_hz": 100.0, "avalanche": {"breakdown_v_per_k": 0.0}}
    detector = Detector("spad", DetectorParameters.model_validate(table), 0)
    assert detector.dark_rate_hz == pytest.approx(100.0)
    detector.faults["cooler"](temperature_degc=0.0)
    # The Arrhenius factor above, at an excess that stayed.
    assert detector.dark_rate_hz == pytest.approx(655.09, rel=1e-4)
    assert detector.efficiency == pytest.approx(0.8)


def test_the_instruments_bias_and_the_diodes_state_act_together() -> None:
    detector = Detector("spad", DetectorParameters(avalanche=diode_at(5.0)), 0)
    detector.drive = Drive(0.5, 2.0, 1.0)
    factor = 0.632120559 / 0.864664717
    assert detector.efficiency == pytest.approx(0.8 * 0.5 * factor)


def test_a_detector_without_a_diode_has_none_that_could_fail() -> None:
    assert Detector("snspd", DetectorParameters(), 0).faults == {}


def test_impossible_settings_are_refused() -> None:
    detector = Detector("spad", DetectorParameters(avalanche=AvalancheParameters()), 0)
    with pytest.raises(LimitError, match="bias_v"):
        detector.faults["bias"](bias_v=-1.0)
    with pytest.raises(LimitError, match="temperature_degc"):
        detector.faults["cooler"](temperature_degc=math.nan)
    with pytest.raises(ValidationError, match="nominal_excess_v"):
        AvalancheParameters(nominal_excess_v=0.0)
