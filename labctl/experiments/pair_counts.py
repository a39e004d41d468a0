"""The numbers of a counting run: rates of detectors and everything about their pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labctl.analysis import Estimate
from labctl.experiments.pairs import estimate_dict

__all__ = ["CountingResult", "PairCount"]


_ESTIMATES = (
    "coincidences_hz",
    "accidentals_hz",
    "accidentals_delayed_hz",
    "car",
    "heralding_a",
    "heralding_b",
)


@dataclass(frozen=True, slots=True)
class PairCount:
    """Everything about one pair of detectors, in the live time of the whole run.

    Attributes:
        coincidences_hz: pairs per second, accidentals included (raw).
        accidentals_hz: expected from the singles and the effective window.
        accidentals_delayed_hz: counted in windows far from the peak.
        car: coincidence-to-accidental ratio (C - A)/A, with the product accidentals.
        heralding_a: Klyshko efficiency of detector a, (C - A)/S_b.
        heralding_b: Klyshko efficiency of detector b, (C - A)/S_a.
        window_effective_ps: width that the tagger's steps really accept.
    """

    a: str
    b: str
    coincidences_hz: Estimate
    accidentals_hz: Estimate
    accidentals_delayed_hz: Estimate
    car: Estimate
    heralding_a: Estimate
    heralding_b: Estimate
    window_effective_ps: int

    @property
    def name(self) -> str:
        """`a-b`."""
        return f"{self.a}-{self.b}"

    def estimates(self) -> dict[str, Estimate]:
        """Return every estimate by its name."""
        return {name: getattr(self, name) for name in _ESTIMATES}


@dataclass(frozen=True, slots=True)
class CountingResult:
    """The counts of a run.

    Attributes:
        live_s: seconds observed without loss.
        lost: tags that the tagger says it dropped.
        singles_hz: rate of every detector.
        pairs: every pair of detectors.
        convention: how coincidences were counted.
    """

    live_s: float
    lost: int
    window_full_ps: int
    singles_hz: dict[str, Estimate]
    pairs: tuple[PairCount, ...]
    warnings: tuple[str, ...] = ()
    convention: str = "all_pairs"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it; an estimate is {value, sigma}."""
        return {
            "convention": self.convention,
            "window_full_ps": self.window_full_ps,
            "live_s": self.live_s,
            "lost": self.lost,
            "singles_hz": {name: estimate_dict(rate) for name, rate in self.singles_hz.items()},
            "pairs": [
                {
                    "pair": pair.name,
                    "window_effective_ps": pair.window_effective_ps,
                    **{name: estimate_dict(value) for name, value in pair.estimates().items()},
                }
                for pair in self.pairs
            ],
            "warnings": list(self.warnings),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per detector and per pair: quantity, value, sigma."""
        rows = [
            {"of": name, "quantity": "singles_hz", "value": rate.value, "sigma": rate.sigma}
            for name, rate in self.singles_hz.items()
        ]
        for pair in self.pairs:
            rows += [
                {"of": pair.name, "quantity": name, "value": value.value, "sigma": value.sigma}
                for name, value in pair.estimates().items()
            ]
        return rows
