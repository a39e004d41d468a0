"""Outcomes of pairs against closed forms: Born rule, filters, two-photon interference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError, LimitError
from simulated_devices.world import World, WorldParameters
from simulated_devices.world.optics.constants import LIGHT_NM_THZ
from simulated_devices.world.pairs import PairOutcome

PERFECT = {"efficiency": 1.0, "dark_rate_hz": 0.0, "dead_time_ns": 0.0}


def build(seed: int = 0, **tables: Any) -> World:
    return World(WorldParameters.model_validate(tables), seed)


def by_detectors(outcomes: tuple[PairOutcome, ...]) -> dict[frozenset[str | None], float]:
    """Return the probability of each set of detectors that fire, whichever photon fires which."""
    found: dict[frozenset[str | None], float] = {}
    for outcome in outcomes:
        key = frozenset((outcome.signal, outcome.idler))
        found[key] = found.get(key, 0.0) + outcome.probability
    return found


def interferometer(
    *,
    source: Mapping[str, Any] | None = None,
    reflectivity: float = 0.5,
    position_mm: float = 0.0,
    efficiency: float = 1.0,
    turned_deg: float = 0.0,
) -> World:
    """Both photons of a pair meet at a beam splitter; one comes through a delay line."""
    return build(
        source={
            "signal": "delay",
            "idler": "turn",
            "state": [[1, 0], [0, 0], [0, 0], [0, 0]],
            "visibility": 1.0,
            "spectrum": {"shape": "gaussian", "bandwidth_nm": 3.0},
            **(source or {}),
        },
        optics={
            "delay": {
                "kind": "delay_line", "to": "splitter.a", "position_mm": position_mm,
                "loss_db": 0.0,
            },
            "turn": {
                "kind": "rotator", "to": "splitter.b", "angle_deg": turned_deg, "loss_db": 0.0,
            },
            "splitter": {
                "kind": "beam_splitter", "to": ["c", "d"], "reflectivity": reflectivity,
                "loss_db": 0.0,
            },
        },
        detectors={name: PERFECT | {"efficiency": efficiency} for name in ("c", "d")},
    )  # fmt: skip


def coincidence(world: World) -> float:
    return by_detectors(world.outcomes)[frozenset(("c", "d"))]


def test_identical_photons_leave_a_beam_splitter_together() -> None:
    assert coincidence(interferometer()) == pytest.approx(0.0, abs=1e-9)
    outcomes = by_detectors(interferometer().outcomes)
    assert outcomes[frozenset("c")] == pytest.approx(0.5, abs=1e-9)
    assert outcomes[frozenset("d")] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(("reflectivity", "visibility"), [(0.45, 0.98020), (0.40, 0.92308)])
def test_an_unbalanced_splitter_limits_the_dip(reflectivity: float, visibility: float) -> None:
    # 2RT/(R^2 + T^2)
    far = coincidence(interferometer(reflectivity=reflectivity, position_mm=10.0))
    near = coincidence(interferometer(reflectivity=reflectivity))
    assert 1.0 - near / far == pytest.approx(visibility, abs=1e-5)


def test_the_dip_has_the_width_of_the_spectrum() -> None:
    full_thz = LIGHT_NM_THZ * 3.0 / 810.0**2
    sigma = 2.0 * math.pi * full_thz / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    for position_mm in (0.01, 0.03, 0.05):
        world = interferometer(position_mm=position_mm)
        (delay_ps,) = {
            abs(o.signal_leaf.meeting.delay_ps - o.idler_leaf.meeting.delay_ps)
            for o in world.outcomes
            if o.signal_leaf and o.idler_leaf and o.signal_leaf.meeting and o.idler_leaf.meeting
        }
        assert delay_ps == pytest.approx(position_mm / 0.299792458 * 2.0)
        expected = 0.5 * (1.0 - math.exp(-2.0 * sigma**2 * delay_ps**2))
        assert coincidence(world) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("turned_deg", [0.0, 30.0, 60.0, 90.0])
def test_only_the_common_polarization_interferes(turned_deg: float) -> None:
    expected = 0.5 * (1.0 - math.cos(math.radians(turned_deg)) ** 2)
    assert coincidence(interferometer(turned_deg=turned_deg)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("state", "together"), [("psi_minus", 0.0), ("psi_plus", 1.0)])
def test_only_the_singlet_leaves_by_both_sides(state: str, together: float) -> None:
    world = interferometer(source={"state": state})
    assert coincidence(world) == pytest.approx(1.0 - together, abs=1e-9)


def test_distinguishable_modes_dip_less() -> None:
    world = interferometer(source={"indistinguishability": 0.9})
    assert coincidence(world) == pytest.approx(0.5 * (1.0 - 0.9), abs=1e-9)


@pytest.mark.parametrize("efficiency", [1.0, 0.3])
@pytest.mark.parametrize("reflectivity", [0.5, 0.1])
def test_interference_moves_no_photon_from_one_output_to_the_other(
    efficiency: float, reflectivity: float
) -> None:
    # The mean number of photons at each output is that of single photons.
    for position_mm in (0.0, 0.02, 10.0):
        world = interferometer(
            reflectivity=reflectivity, efficiency=efficiency, position_mm=position_mm
        )
        for detector in ("c", "d"):
            mean = sum(
                outcome.probability * ((outcome.signal == detector) + (outcome.idler == detector))
                for outcome in world.outcomes
            )
            assert mean == pytest.approx(efficiency, abs=1e-9)


def test_pairs_that_cannot_be_lost_always_fire_something() -> None:
    for position_mm in (0.0, 0.02):
        total = sum(o.probability for o in interferometer(position_mm=position_mm).outcomes)
        assert total == pytest.approx(1.0)


def stations(**source: Any) -> World:
    arm = {"loss_db": 0.0, "extinction_ratio": math.inf}
    return build(
        source=source,
        arms={
            "alice": arm | {"photon": "signal", "outputs": {"plus": "a_h", "minus": "a_v"}},
            "bob": arm | {"photon": "idler", "outputs": {"plus": "b_h", "minus": "b_v"}},
        },
        detectors=dict.fromkeys(("a_h", "a_v", "b_h", "b_v"), PERFECT),
    )


def correlation(world: World, alice_deg: float, bob_deg: float) -> float:
    world.arms["alice"].analyzer_angle_deg = alice_deg
    world.arms["bob"].analyzer_angle_deg = bob_deg
    p = by_detectors(world.outcomes)
    same = p[frozenset(("a_h", "b_h"))] + p[frozenset(("a_v", "b_v"))]
    return same - p[frozenset(("a_h", "b_v"))] - p[frozenset(("a_v", "b_h"))]


def test_a_partly_entangled_state_has_the_correlations_of_its_amplitudes() -> None:
    world = stations(state=[[0.6, 0], [0, 0], [0, 0], [0, 0.8]], visibility=1.0)
    assert correlation(world, 0.0, 0.0) == pytest.approx(1.0)
    # Both in the D/A basis: twice the real part of the product of the amplitudes, which is 0.
    assert correlation(world, 45.0, 45.0) == pytest.approx(0.0, abs=1e-9)
    real = stations(state=[[0.6, 0], [0, 0], [0, 0], [0.8, 0]], visibility=1.0)
    assert correlation(real, 45.0, 45.0) == pytest.approx(2 * 0.6 * 0.8)


def test_colored_noise_leaves_one_basis_perfect() -> None:
    world = stations(visibility=0.9, noise="colored")
    assert correlation(world, 0.0, 0.0) == pytest.approx(1.0)
    assert correlation(world, 45.0, 45.0) == pytest.approx(0.9)
    white = stations(visibility=0.9)
    assert correlation(white, 0.0, 0.0) == pytest.approx(0.9)


def test_amplitudes_that_are_all_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="not all zero"):
        stations(state=[[0, 0], [0, 0], [0, 0], [0, 0]])


CHANNELS = {"near_red": -0.2, "near_blue": 0.2, "far_red": -0.6, "far_blue": 0.6}


def multiplexed(**source: Any) -> World:
    """A broad source at 1550 nm behind one demultiplexer with two pairs of channels."""
    center_thz = LIGHT_NM_THZ / 1550.0
    return build(
        source={
            "signal": "wdm",
            "idler": "wdm",
            "visibility": 1.0,
            "spectrum": {
                "phase_matching": "type0", "bandwidth_nm": 60.0, "shape": "gaussian",
            },
            **source,
        },
        pump={"wavelength_nm": 775.0},
        optics={
            "wdm": {
                "kind": "wdm",
                "isolation_db": 200.0,
                "channels": [
                    {
                        "to": name, "center_thz": center_thz + offset_thz, "width_ghz": 100.0,
                        "shape": "gaussian", "loss_db": 0.0,
                    }
                    for name, offset_thz in CHANNELS.items()
                ],
            }
        },
        detectors=dict.fromkeys(CHANNELS, PERFECT),
    )  # fmt: skip


def test_only_channels_of_one_pair_of_colors_coincide() -> None:
    found = by_detectors(multiplexed().outcomes)
    assert found[frozenset(("near_red", "near_blue"))] > 1e-3
    assert found[frozenset(("far_red", "far_blue"))] > 1e-3
    for wrong in (("near_red", "far_blue"), ("near_red", "far_red"), ("near_blue", "far_blue")):
        assert found[frozenset(wrong)] < 1e-6


def test_a_pair_of_channels_holds_its_part_of_the_spectrum() -> None:
    found = by_detectors(multiplexed().outcomes)
    # Type 0: the half mismatch grows with the square of the detuning, and an apodized crystal's
    # spectrum is exp(-ln 2 (2W/B)^4).
    width_thz = LIGHT_NM_THZ * 60.0 / 1550.0**2
    w = np.linspace(-4 * width_thz, 4 * width_thz, 1_000_001)
    density = np.exp(-math.log(2.0) * (2.0 * w / width_thz) ** 4)
    at_channel = np.interp(0.2, w, density) / (density.sum() * (w[1] - w[0]))
    # Both Gaussian passbands pass a pair: the integral of 2^(-2 (2W/0.1)^2). Twice, as the
    # signal may be the red or the blue photon.
    passed_thz = 0.05 * math.sqrt(math.pi / (2.0 * math.log(2.0)))
    together = found[frozenset(("near_red", "near_blue"))]
    assert together == pytest.approx(2.0 * at_channel * passed_thz, rel=1e-3)


@pytest.mark.parametrize(
    ("optics", "message"),
    [
        ({"to": "nowhere"}, 'optics.first leads to "nowhere", which is no part of the bench'),
        ({"to": "first"}, "light runs in a circle: first -> first"),
        ({"to": "click.b"}, 'optics.first leads to "click.b"; click has one input'),
    ],
)
def test_a_way_that_leads_nowhere_is_a_mistake(optics: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(
            source={"signal": "first", "idler": "click"},
            optics={"first": {"kind": "attenuator", **optics}},
            detectors={"click": {}},
        )


def test_more_pairs_than_any_detector_survives_are_refused() -> None:
    world = stations(pairs_hz_per_mw=1e9)
    world.pump.target_mw, world.pump.emitting = 1e4, True
    with pytest.raises(LimitError, match="at most"):
        world.step()


def test_a_step_of_the_polarization_on_the_way_turns_the_correlations() -> None:
    world = stations(visibility=1.0)
    world.arms["alice"].faults["drift_step"](angle_deg=30.0)
    expected = math.cos(math.radians(60.0))
    assert correlation(world, 0.0, 0.0) == pytest.approx(expected)
    # ... which turning the analyzer after it makes good.
    assert correlation(world, 30.0, 0.0) == pytest.approx(1.0)
