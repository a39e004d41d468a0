from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis import Estimate, live_fraction, without_dead_time
from labctl.analysis.dead_time import DeadTimeModel

MODELS: tuple[DeadTimeModel, ...] = ("nonparalyzable", "paralyzable")


@pytest.mark.parametrize(
    ("model", "measured_hz"),
    # 5e6 photons per second and 100 ns: n/(1 + n tau) and n exp(-n tau).
    [("nonparalyzable", 5e6 / 1.5), ("paralyzable", 5e6 * math.exp(-0.5))],
)
def test_five_million_photons_are_found_again(model: DeadTimeModel, measured_hz: float) -> None:
    found = without_dead_time(Estimate(measured_hz, 1000.0, "hz"), 100.0, model)
    assert found.value == pytest.approx(5e6, rel=1e-12)
    assert found.unit == "hz"


@pytest.mark.parametrize("model", MODELS)
def test_the_uncertainty_is_that_of_rates_a_sigma_apart(model: DeadTimeModel) -> None:
    sigma_hz = 10.0
    low, high = (
        without_dead_time(Estimate(1e6 + offset, 0.0), 100.0, model).value
        for offset in (-sigma_hz, sigma_hz)
    )
    found = without_dead_time(Estimate(1e6, sigma_hz), 100.0, model)
    assert found.sigma == pytest.approx((high - low) / 2.0, rel=1e-6)


@given(
    st.sampled_from(MODELS),
    st.floats(0.0, 0.95),
    st.floats(1.0, 1e5),
)
def test_any_rate_is_found_again(
    model: DeadTimeModel, occupied: float, dead_time_ns: float
) -> None:
    true_hz = occupied / (dead_time_ns * 1e-9)
    live = 1.0 / (1.0 + occupied) if model == "nonparalyzable" else math.exp(-occupied)
    found = without_dead_time(Estimate(true_hz * live, 0.0), dead_time_ns, model)
    assert found.value == pytest.approx(true_hz, rel=1e-9, abs=1e-300)
    assert live_fraction(true_hz * live, dead_time_ns, model) == pytest.approx(live, rel=1e-9)


def test_without_dead_time_nothing_changes() -> None:
    rate = Estimate(1e6, 1e3, "hz")
    assert without_dead_time(rate, 0.0) == rate
    assert live_fraction(1e6, 0.0) == 1.0


@pytest.mark.parametrize(
    ("model", "rate_hz", "said"),
    [
        ("nonparalyzable", 1.1e7, "outside 0 to 1e[+]07 Hz"),
        ("paralyzable", 3.8e6, "outside 0 to 3.67879e[+]06 Hz"),
        ("nonparalyzable", -1.0, "outside 0 to"),
    ],
)
def test_a_rate_that_no_such_detector_has_is_refused(
    model: DeadTimeModel, rate_hz: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        without_dead_time(Estimate(rate_hz, 0.0), 100.0, model)


def test_a_negative_dead_time_is_refused() -> None:
    with pytest.raises(ValueError, match="dead_time_ns = -1"):
        live_fraction(1e6, -1.0)
