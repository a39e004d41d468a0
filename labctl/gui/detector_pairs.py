"""Pairs of detectors as the live analysis names them, and the one way to have one histogrammed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Final

from labctl.errors import LabError
from labctl.gui.live_source import LiveSource, ask_live

__all__ = ["MAX_HISTOGRAMS", "count_pairs", "histogrammed", "known_pairs", "pair_name"]

#: As many as the service histograms per tagger.
MAX_HISTOGRAMS: Final = 16

Pair = tuple[str, str]


def pair_name(pair: Pair) -> str:
    """Return the name of a pair in topics of the service."""
    return f"{pair[0]}-{pair[1]}"


def known_pairs(link: LiveSource) -> dict[str, Pair]:
    """Return all pairs of detectors that share a tagger, by name, those of stations first.

    A pair is named in the order of the detectors of the bench.
    """
    facts = link.latest.get("service") or {}
    detectors = facts.get("detectors", {})
    stations = facts.get("stations", {})
    home = {name: station for station, names in stations.items() for name in names}
    pairs = [
        (a, b)
        for a, b in combinations(detectors, 2)
        if detectors[a]["tagger"] == detectors[b]["tagger"]
    ]
    pairs.sort(key=lambda pair: home.get(pair[0]) == home.get(pair[1]))
    return {pair_name(pair): pair for pair in pairs}


def histogrammed(link: LiveSource) -> list[str]:
    """Return the names of the pairs whose lags are histogrammed now."""
    data = (link.latest.get("histogram") or {}).get("taggers", {})
    if not any(tagger.get("pairs") for tagger in data.values()):
        # Before the first histogram has come, the snapshot says what is counted.
        data = (link.latest.get("snapshot") or {}).get("live", {})
    return [name for tagger in data.values() for name in tagger.get("pairs", [])]


def count_pairs(
    link: LiveSource, wanted: Iterable[str], failed: Callable[[LabError], None]
) -> bool:
    """Have these pairs histogrammed, and as many of the others as there is room for.

    New ones begin at zero, the others go on. Return whether something was asked.
    """
    pairs = known_pairs(link)
    present = histogrammed(link)
    names = [name for name in wanted if name in pairs][:MAX_HISTOGRAMS]
    if all(name in present for name in names):
        return False
    room = MAX_HISTOGRAMS - len(names)
    others = [name for name in present if name not in names and name in pairs]
    asked = [pairs[name] for name in (others[-room:] if room > 0 else []) + names]
    ask_live(link, f"histogram of {', '.join(names)}", failed, pairs=asked)
    return True
