"""CHSH: published golden numbers, closed forms, and pulls over drawn counts (5 sigma bounds)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis import (
    TSIRELSON_BOUND,
    Estimate,
    chsh,
    correlation_from_rates,
    correlation_value,
    exceeds_tsirelson,
    setting_rate,
    tsirelson_warning,
    unswapped_rates,
)

TRIALS = 2000
ANGLES = {"a": 0.0, "a2": 45.0, "b": 22.5, "b2": 67.5}
PAIRS = (("a", "b"), ("a", "b2"), ("a2", "b"), ("a2", "b2"))
SWAPS = ((0, 0), (0, 90), (90, 0), (90, 90))

# Polarization states as real vectors over HH, HV, VH, VV.
ROOT = math.sqrt(0.5)
STATES = {
    "phi_plus": (ROOT, 0, 0, ROOT),
    "phi_minus": (ROOT, 0, 0, -ROOT),
    "psi_plus": (0, ROOT, ROOT, 0),
    "psi_minus": (0, ROOT, -ROOT, 0),
}


def probabilities(
    state: str, alice_deg: float, bob_deg: float, visibility: float = 1.0
) -> NDArray[np.float64]:
    """Return P(++), P(+-), P(-+), P(--) by projection, with white noise added."""
    vector = np.array(STATES[state])
    rows = []
    for alice, bob in itertools.product((alice_deg, alice_deg + 90), (bob_deg, bob_deg + 90)):
        a, b = np.radians(alice), np.radians(bob)
        rows.append(np.kron([np.cos(a), np.sin(a)], [np.cos(b), np.sin(b)]))
    pure: NDArray[np.float64] = (np.array(rows) @ vector) ** 2
    return visibility * pure + (1 - visibility) / 4


def exact_s(state: str, sign_of_bob: float, visibility: float = 1.0) -> float:
    """Return S of infinitely many pairs through the code under test."""
    values = []
    for alice, bob in PAIRS:
        p = probabilities(state, ANGLES[alice], sign_of_bob * ANGLES[bob], visibility)
        values.append(correlation_from_rates([Estimate(float(x), 0.0) for x in p]))
    return chsh(*values).value


def assert_pulls_are_standard(pulls: NDArray[np.float64]) -> None:
    assert abs(pulls.mean()) < 5 / math.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 5 * math.sqrt(2 / pulls.size)


def test_s_has_its_golden_value_at_visibility_95_percent() -> None:
    same = correlation_value((4179, 821, 821, 4179))
    different = correlation_value((821, 4179, 4179, 821))
    assert same.value == pytest.approx(0.6716, abs=1e-12)
    assert same.sigma == pytest.approx(math.sqrt((1 - 0.6716**2) / 10_000), rel=1e-12)
    s = chsh(same, different, same, same)
    assert s.value == pytest.approx(2.686400, abs=1e-9)
    assert s.sigma == pytest.approx(0.014818, abs=1e-6)


@pytest.mark.parametrize(
    ("state", "sign_of_bob", "s"),
    [
        ("phi_plus", 1, TSIRELSON_BOUND),
        ("psi_minus", 1, -TSIRELSON_BOUND),
        ("phi_minus", 1, 0),
        ("psi_plus", 1, 0),
        ("phi_minus", -1, TSIRELSON_BOUND),
        ("psi_plus", -1, -TSIRELSON_BOUND),
    ],
)
def test_each_bell_state_reaches_its_bound_at_the_stated_angles(
    state: str, sign_of_bob: int, s: float
) -> None:
    assert exact_s(state, sign_of_bob) == pytest.approx(s, abs=1e-12)
    assert exact_s(state, sign_of_bob, 0.95) == pytest.approx(0.95 * s, abs=1e-12)


def test_pulls_of_raw_s() -> None:
    rng = np.random.default_rng(31)
    truth = 0.9 * TSIRELSON_BOUND
    exact = [probabilities("phi_plus", ANGLES[a], ANGLES[b], 0.9) for a, b in PAIRS]
    pulls = []
    for _ in range(TRIALS):
        s = chsh(*(correlation_value(rng.multinomial(400, p).tolist()) for p in exact))
        pulls.append((s.value - truth) / s.sigma)
    assert_pulls_are_standard(np.array(pulls))


def test_pulls_with_accidentals_subtracted() -> None:
    """Unequal accidentals of a fifth of the counts, measured in five delayed windows each."""
    rng = np.random.default_rng(32)
    p = probabilities("phi_plus", 0, 22.5, 0.95)
    truth = float(p[0] + p[3] - p[1] - p[2])
    accidentals = np.array([300, 200, 100, 200])
    pulls, raw = [], []
    for _ in range(TRIALS):
        counts = (rng.poisson(4000 * p) + rng.poisson(accidentals)).tolist()
        measured = rng.poisson(5 * accidentals) / 5
        expected = [Estimate(float(a), math.sqrt(a / 5)) for a in measured]
        e = correlation_value(counts, expected)
        pulls.append((e.value - truth) / e.sigma)
        raw.append(correlation_value(counts).value)
    assert_pulls_are_standard(np.array(pulls))
    # (E·4000 + 0)/4800: these accidentals add nothing to the difference but to the sum.
    assert np.mean(raw) == pytest.approx((truth * 4000 + 200) / 4800, abs=0.002)


def test_pulls_of_one_output_analysers_with_unequal_live_times() -> None:
    rng = np.random.default_rng(33)
    live_s = (1.0, 2.0, 0.5, 1.5)
    p = probabilities("phi_plus", 0, 22.5, 0.95)
    truth = float(p[0] + p[3] - p[1] - p[2])
    pulls = []
    for _ in range(TRIALS):
        rates = [
            setting_rate(int(rng.poisson(2000 * t * x)), t) for t, x in zip(live_s, p, strict=True)
        ]
        e = correlation_from_rates(rates)
        pulls.append((e.value - truth) / e.sigma)
    assert_pulls_are_standard(np.array(pulls))


def swapped_rates(efficiencies: tuple[float, float, float, float]) -> list[list[Estimate]]:
    """Return exact rates by detectors a+, a-, b+, b- for (a, b), (a, b⊥), (a⊥, b), (a⊥, b⊥)."""
    a_plus, a_minus, b_plus, b_minus = efficiencies
    seen = np.kron([a_plus, a_minus], [b_plus, b_minus])
    return [
        [Estimate(float(x), 0.0) for x in seen * probabilities("phi_plus", da, 22.5 + db, 0.95)]
        for da, db in SWAPS
    ]


def test_swapped_outputs_cancel_unequal_efficiencies() -> None:
    settings = swapped_rates((1.0, 0.6, 0.7, 0.9))
    truth = 0.95 * ROOT
    assert correlation_from_rates(settings[0]).value != pytest.approx(truth, abs=0.005)
    assert correlation_from_rates(unswapped_rates(settings)).value == pytest.approx(truth)


def test_imbalance_changes_a_single_setting_as_the_docstring_says() -> None:
    one_side = correlation_from_rates(swapped_rates((1.0, 0.6, 1.0, 1.0))[0])
    assert one_side.value == pytest.approx(0.95 * ROOT)
    uncorrelated = np.kron([1, 0.6], [1, 0.7]) / 4
    both = correlation_from_rates([Estimate(float(x), 0.0) for x in uncorrelated])
    assert both.value == pytest.approx((0.4 * 0.3) / (1.6 * 1.7))


def test_pulls_of_swapped_settings() -> None:
    rng = np.random.default_rng(34)
    exact = swapped_rates((1.0, 0.6, 0.7, 0.9))
    pulls = []
    for _ in range(TRIALS):
        settings = [
            [setting_rate(int(rng.poisson(500 * rate.value)), 1.0) for rate in rates]
            for rates in exact
        ]
        e = correlation_from_rates(unswapped_rates(settings))
        pulls.append((e.value - 0.95 * ROOT) / e.sigma)
    assert_pulls_are_standard(np.array(pulls))


def test_empty_outputs_claim_no_certainty_and_no_counts_no_value() -> None:
    perfect = correlation_value((50, 0, 0, 50))
    assert perfect.value == 1
    assert perfect.sigma == pytest.approx(2 * math.sqrt(2) / 100)
    for nothing in (
        correlation_value((0, 0, 0, 0)),
        correlation_value((1, 1, 1, 1), [Estimate(2, 1)] * 4),
        correlation_from_rates([setting_rate(5, 0.0)] * 4),
    ):
        assert math.isnan(nothing.value)
        assert math.isnan(nothing.sigma)
    s = chsh(perfect, correlation_value((0, 0, 0, 0)), perfect, perfect)
    assert math.isnan(s.value)
    assert not exceeds_tsirelson(s)


def test_more_than_quantum_mechanics_allows_is_told() -> None:
    assert tsirelson_warning(Estimate(2.87, 0.015)) is None
    assert not exceeds_tsirelson(Estimate(-2.83, 0.001))
    assert exceeds_tsirelson(Estimate(-2.9, 0.02))
    warning = tsirelson_warning(Estimate(2.9284271, 0.01))
    assert warning is not None
    assert "2.8284 (10.0 sigma)" in warning


def test_wrong_numbers_of_outputs_and_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="counts has 3 entries"):
        correlation_value((1, 2, 3))
    with pytest.raises(ValueError, match="accidentals has 1 entries"):
        correlation_value((1, 2, 3, 4), [Estimate(0, 0)])
    with pytest.raises(ValueError, match="rates of a setting has 2 entries"):
        unswapped_rates([[Estimate(1, 1)] * 2] * 4)
    with pytest.raises(ValueError, match="a count is negative"):
        correlation_value((1, 2, -3, 4))
    with pytest.raises(ValueError, match=r"live_s = -1\.0 s"):
        setting_rate(1, -1.0)
