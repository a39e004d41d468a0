"""Clicks of whole benches against published closed forms; bounds are 5 sigma."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from simulated_devices.world import World, WorldParameters
from simulated_devices.world.slices import Times

SEEDS = (1, 2)
IDEAL = {"dark_rate_hz": 0.0, "dead_time_ns": 0.0, "jitter_fwhm_ps": 0.0, "delay_ps": 0}


def build(seed: int, pairs_hz: float, **tables: Any) -> World:
    """Return a world whose source makes so many pairs per second."""
    source = {"pairs_hz_per_mw": pairs_hz, **tables.pop("source", {})}
    pump = {"power_noise_relative": 0.0, "settling_time_s": 0.0}
    table = {"source": source, "pump": pump, **tables}
    world = World(WorldParameters.model_validate(table), seed)
    world.pump.target_mw, world.pump.emitting = 1.0, True
    return world


def clicks(world: World, slices: int) -> Mapping[str, Times]:
    steps = [world.step() for _ in range(slices)]
    return {n: np.concatenate([s.clicks[n] for s in steps]) for n in world.detectors}


def coincidences(a: Times, b: Times, window_full_ps: int) -> int:
    half = window_full_ps // 2
    first = np.searchsorted(a, b - half, side="left")
    last = np.searchsorted(a, b + half, side="right")
    return int(np.sum(last - first))


def pulses_of(times: Times, period_ps: float) -> Times:
    return np.unique(np.rint(times / period_ps).astype(np.int64))


PERIOD_PS = 100_000.0
PULSES_PER_SLICE = 100_000


def pulsed(
    seed: int, mean_pairs: float, *, statistics: Mapping[str, Any], efficiency: float
) -> World:
    """A herald, and a beam splitter with two detectors for its partner, at 10 MHz."""
    return build(
        seed,
        mean_pairs * 1e7,
        source={
            "signal": "herald", "idler": "splitter",
            "statistics": {"pulse_rate_mhz": 10.0, **statistics},
        },
        optics={"splitter": {"kind": "beam_splitter", "to": ["a", "b"], "loss_db": 0.0}},
        detectors=dict.fromkeys(("herald", "a", "b"), IDEAL | {"efficiency": efficiency}),
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("photon_number", "modes", "expected"),
    # mu = 0.05: thermal 2 mu (2 + 3 mu)/(1 + 2 mu)^2, Poisson mu (2 + mu)/(1 + mu)^2.
    [("thermal", 1.0, 0.17769), ("poisson", 1.0, 0.09297)],
)
def test_heralded_g2_at_low_efficiency(
    seed: int, photon_number: str, modes: float, expected: float
) -> None:
    statistics = {"photon_number": photon_number, "modes": modes}
    world = pulsed(seed, 0.05, statistics=statistics, efficiency=0.25)
    found = clicks(world, 250)
    heralds, a, b = (pulses_of(found[name], PERIOD_PS) for name in ("herald", "a", "b"))
    with_a, with_b = (np.intersect1d(heralds, side) for side in (a, b))
    triples = np.intersect1d(with_a, with_b).size
    g2 = triples * heralds.size / (with_a.size * with_b.size)
    # Efficiencies are not negligible: the exact value comes from the generating function
    # G(x) = <(1 - x)^n> of the pairs per pulse, no click of a set of detectors being
    # 1 - G(all they catch).
    exact = exact_heralded_g2(0.05, 0.25, 0.125, is_thermal=photon_number == "thermal")
    assert g2 == pytest.approx(exact, abs=5 * g2 / math.sqrt(triples))
    # The published form is the limit of low efficiencies.
    limit = exact_heralded_g2(0.05, 1e-3, 1e-3, is_thermal=photon_number == "thermal")
    assert limit == pytest.approx(expected, rel=5e-3)


def exact_heralded_g2(mean: float, herald: float, side: float, *, is_thermal: bool) -> float:
    """Return P(h, a, b) P(h)/(P(h, a) P(h, b)) by inclusion and exclusion."""

    def silent(herald_part: float, partner_part: float) -> float:
        caught = 1.0 - (1.0 - herald_part) * (1.0 - partner_part)
        return 1.0 / (1.0 + mean * caught) if is_thermal else math.exp(-mean * caught)

    h = 1.0 - silent(herald, 0.0)
    h_a = 1.0 - silent(herald, 0.0) - silent(0.0, side) + silent(herald, side)
    none_of_two = silent(0.0, 2.0 * side) - silent(herald, 2.0 * side)
    one_silent = silent(0.0, side) - silent(herald, side)
    h_a_b = h - 2.0 * one_silent + none_of_two
    return h_a_b * h / h_a**2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("mean", "photon_number", "expected"),
    # Raw coincidences over singles, biased high by multi-pairs; efficiency 0.20.
    [(0.1, "thermal", 0.2270), (0.1, "poisson", 0.2139), (0.01, "thermal", 0.2027)],
)
def test_raw_heralding_efficiency_is_biased_by_multiple_pairs(
    seed: int, mean: float, photon_number: str, expected: float
) -> None:
    world = build(
        seed,
        mean * 1e7,
        source={
            "signal": "a", "idler": "b",
            "statistics": {"pulse_rate_mhz": 10.0, "photon_number": photon_number},
        },
        detectors=dict.fromkeys(("a", "b"), IDEAL | {"efficiency": 0.2}),
    )  # fmt: skip
    found = clicks(world, 100)
    a, b = (pulses_of(found[name], PERIOD_PS) for name in ("a", "b"))
    both = np.intersect1d(a, b).size
    assert both / b.size == pytest.approx(expected, abs=5 * expected / math.sqrt(both))


@pytest.mark.parametrize("seed", SEEDS)
def test_unheralded_light_of_one_mode_is_bunched(seed: int) -> None:
    # g2(0) = 1 + 1/K
    for modes in (1.0, 4.0):
        statistics = {"photon_number": "thermal", "modes": modes}
        world = pulsed(seed, 0.2, statistics=statistics, efficiency=0.2)
        found = clicks(world, 100)
        a, b = (pulses_of(found[name], PERIOD_PS) for name in ("a", "b"))
        both = np.intersect1d(a, b).size
        pulses = 100 * PULSES_PER_SLICE
        g2 = both * pulses / (a.size * b.size)
        # Clicks per pulse saturate: with m = mean in the sum of both detectors,
        # P(a, b) = 1 - 2 G(m/2) + G(m), G(m) = (1 + m/K)^-K.
        m = 0.2 * 0.2
        g = [(1.0 + x / modes) ** -modes for x in (m / 2.0, m)]
        exact = (1.0 - 2.0 * g[0] + g[1]) / (1.0 - g[0]) ** 2
        assert g2 == pytest.approx(exact, abs=5 * g2 / math.sqrt(both))
        assert exact == pytest.approx(1.0 + 1.0 / modes, rel=0.05)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("loss_a_db", "loss_b_db", "mean", "gain"),
    # Ma, Fung, Lo 2007, detectors of 0.6 without darks: the gain's closed form.
    [(10.0, 10.0, 0.05, 1.918e-4), (3.0, 15.0, 0.2, 1.361e-3)],
)
def test_entanglement_qkd_has_the_published_gain(
    seed: int, loss_a_db: float, loss_b_db: float, mean: float, gain: float
) -> None:
    arm = {"extinction_ratio": math.inf, "delay_ps": 0}
    world = build(
        seed,
        mean * 1e7,
        source={
            "visibility": 1.0,
            "statistics": {"pulse_rate_mhz": 10.0, "photon_number": "thermal", "modes": 2.0},
        },
        arms={
            "alice": arm
            | {"photon": "signal", "loss_db": loss_a_db}
            | {"outputs": {"plus": "a_h", "minus": "a_v"}},
            "bob": arm
            | {"photon": "idler", "loss_db": loss_b_db}
            | {"outputs": {"plus": "b_h", "minus": "b_v"}},
        },
        detectors=dict.fromkeys(("a_h", "a_v", "b_h", "b_v"), IDEAL | {"efficiency": 0.6}),
    )
    slices = 150
    found = clicks(world, slices)
    alice = pulses_of(np.concatenate([found["a_h"], found["a_v"]]), PERIOD_PS)
    bob = pulses_of(np.concatenate([found["b_h"], found["b_v"]]), PERIOD_PS)
    both = np.intersect1d(alice, bob).size
    lam = mean / 2.0
    eta_a, eta_b = (0.6 * 10 ** (-loss / 10.0) for loss in (loss_a_db, loss_b_db))
    a, b = eta_a * lam, eta_b * lam
    exact = 1.0 - (1.0 + a) ** -2 - (1.0 + b) ** -2 + (1.0 + a + b - eta_a * eta_b * lam) ** -2
    expected = slices * PULSES_PER_SLICE * exact
    assert abs(both - expected) < 5 * math.sqrt(expected)
    # With the published darks the gain is larger by their accidentals only.
    assert exact == pytest.approx(gain, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_continuous_source_has_the_published_rates_and_errors(seed: int) -> None:
    # Neumann et al., Phys. Rev. A 104, 022406 (2021): B 1e7, 20 + 20 dB, D 100, e_pol 0.01,
    # t = FWHM = 100 ps: S 100100, CC_m 761.97011, QBER .010644357.
    arm = {"extinction_ratio": math.inf, "loss_db": 20.0}
    detector = IDEAL | {
        "efficiency": 1.0, "dark_rate_hz": 50.0, "jitter_fwhm_ps": 100.0 / math.sqrt(2.0),
    }  # fmt: skip
    world = build(
        seed,
        1e7,
        source={"visibility": 1.0 - 2.0 * 0.01},
        arms={
            "alice": arm | {"photon": "signal", "outputs": {"plus": "a_h", "minus": "a_v"}},
            "bob": arm | {"photon": "idler", "outputs": {"plus": "b_h", "minus": "b_v"}},
        },
        detectors=dict.fromkeys(("a_h", "a_v", "b_h", "b_v"), detector),
    )
    slices = 1200
    found = clicks(world, slices)
    duration_s = slices * 0.01
    singles = (found["a_h"].size + found["a_v"].size) / duration_s
    assert singles == pytest.approx(100_100, abs=5 * math.sqrt(100_100 / duration_s))
    # The window of 100 ps holds the lags of -50 to 50, 101 steps of the world's picosecond,
    # less the rounding: 1 % more accidentals than the closed form, and 0.5 % more true pairs.
    right = sum(coincidences(found[a], found[b], 100) for a, b in (("a_h", "b_h"), ("a_v", "b_v")))
    wrong = sum(coincidences(found[a], found[b], 100) for a, b in (("a_h", "b_v"), ("a_v", "b_h")))
    expected = 761.97 * duration_s
    assert abs(right + wrong - expected) < 5 * math.sqrt(expected) + 0.006 * expected
    errors = 0.010644 * expected
    assert abs(wrong - errors) < 5 * math.sqrt(errors)
