"""What the closed forms of expectation.py start from: rates and lags of the present optics."""

from __future__ import annotations

from labctl.errors import ConfigError, nearest
from simulated_devices.world.bench import World
from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.emission import is_structured

__all__ = ["candidates_hz", "detector_of", "lag_ps", "no_closed_form", "pairs_hz"]

#: Delays of two ways that differ by more than this make two peaks.
_SAME_LAG_PS = 1.0
#: Dispersion that moves the edge of the spectrum by less does not widen a peak.
_NO_SPREAD_PS = 1.0


def no_closed_form(what: str, why: str) -> ConfigError:
    """Return the error for what can only be simulated."""
    return ConfigError(
        f"{what}: there is no closed form for {why}",
        hint="Count the clicks of the simulated detector instead.",
    )


def detector_of(world: World, detector: str) -> DetectorParameters:
    """Return the parameters of a detector.

    Raises:
        ConfigError: there is no detector of this name, or the source is pulsed or thermal.
    """
    if detector not in world.detectors:
        raise ConfigError(
            f'"{detector}" is not a detector of the simulated world'
            f"{nearest(detector, world.detectors)}; known: {', '.join(world.detectors)}"
        )
    if is_structured(world.source.parameters.statistics):
        raise no_closed_form(detector, "the dead time of pulsed or thermal light")
    return world.detectors[detector].parameters


def candidates_hz(world: World, detector: str) -> float:
    """Return the rate of photons that a live detector clicks at, and darks."""
    light = sum(o.probability for o in world.outcomes if detector in (o.signal, o.idler))
    others_hz = world.stray_hz()[detector] + world.detectors[detector].dark_rate_hz
    return _created_hz(world) * light + others_hz


def pairs_hz(world: World, a: str, b: str) -> float:
    """Return the rate of pairs that fire both detectors if these are live."""
    if a == b:
        raise ValueError(f"a and b are the same detector, {a}")
    both = sum(o.probability for o in world.outcomes if {o.signal, o.idler} == {a, b})
    return _created_hz(world) * both


def lag_ps(world: World, a: str, b: str) -> float:
    """Return the mean of b's click time less a's for a pair, both cables included.

    Raises:
        ConfigError: pairs come by ways of several lags, or dispersion spreads the lag.
    """
    cables_ps = world.detectors[b].parameters.delay_ps - world.detectors[a].parameters.delay_ps
    span_thz = float(world.pair_colors.spectrum.detuning_thz[-1])
    lags: list[float] = []
    for outcome in world.outcomes:
        if {outcome.signal, outcome.idler} != {a, b} or outcome.probability == 0.0:
            continue
        signal, idler = outcome.signal_leaf, outcome.idler_leaf
        if signal is None or idler is None:
            continue
        later, earlier = (idler, signal) if outcome.idler == b else (signal, idler)
        spread = abs(signal.dispersion_ps_per_thz + idler.dispersion_ps_per_thz) * span_thz
        if spread > _NO_SPREAD_PS:
            raise no_closed_form(f"{a} and {b}", "the window's share of a dispersed peak")
        lags.append(later.delay_ps - earlier.delay_ps)
    if not lags:
        return float(cables_ps)
    if max(lags) - min(lags) > _SAME_LAG_PS:
        raise no_closed_form(f"{a} and {b}", "pairs that come by ways of different lengths")
    return lags[0] + cables_ps


def _created_hz(world: World) -> float:
    return world.pump.settled_mw * world.created_hz_per_mw
