"""What is wrong with live numbers, in words: a number alone never says that it is old."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from labctl.gui.detector_pairs import histogrammed
from labctl.gui.live_source import LiveSource

__all__ = ["Freshness", "choice_words", "histogram_state", "stream_words"]

#: Live counts come ten times a second; a display that is older than this says so.
_STALE_S: Final = 3.0
#: So long it is said that something was counted otherwise before.
_RECENT_S: Final = 10.0


class Freshness:
    """How old the newest data of a topic are."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._at_s: float | None = None

    def mark(self) -> None:
        """Data have come just now."""
        self._at_s = self._now_s()

    def age_s(self) -> float | None:
        """Return their age where it is worth a word."""
        if self._at_s is None:
            return None
        age_s = self._now_s() - self._at_s
        return age_s if age_s > _STALE_S else None


def stream_words(link: LiveSource, data: dict[str, Any] | None, age_s: float | None) -> str:
    """Return what keeps live data from being the present truth; empty when nothing does.

    Args:
        link: where they come from.
        data: newest update of `rates`, `matrix` or `histogram`.
        age_s: their age if they are stale.
    """
    if link.state == "waiting":
        return "no service yet"
    if link.state == "gone":
        return "SERVICE GONE: old values" if data else "SERVICE GONE"
    if not data:
        return "no data yet"
    words = [] if age_s is None else [f"STALE: {age_s:.0f} s old"]
    for name, tagger in data.get("taggers", {}).items():
        words += _of_tagger(name, tagger)
    return " · ".join(words)


def choice_words(data: dict[str, Any] | None, key: str, changed: str, since: str) -> str:
    """Return what was chosen anew a short while ago, and what is counted since then.

    Args:
        data: newest update of `matrix` or `histogram`.
        key: which age of a tagger it is, as "window_age_s".
        changed: what was changed, as "window".
        since: what began anew, as "coincidences".
    """
    ages_s = [tagger.get(key) for tagger in (data or {}).get("taggers", {}).values()]
    recent_s = [age_s for age_s in ages_s if age_s is not None and age_s < _RECENT_S]
    if not recent_s:
        return ""
    return f"{changed} changed {min(recent_s):.0f} s ago: {since} since then"


def histogram_state(link: LiveSource, age_s: float | None, wanted: Sequence[str]) -> str:
    """Return what there is to know of the histograms beside their counts.

    Args:
        link: where they come from.
        age_s: their age if they are stale.
        wanted: pairs that are to be shown.
    """
    data, matrix = link.latest.get("histogram"), link.latest.get("matrix")
    words = [
        stream_words(link, data, age_s),
        choice_words(matrix, "window_age_s", "window", "coincidences"),
        choice_words(data, "bins_age_s", "range or bins", "histograms"),
    ]
    missing = [name for name in wanted if data and name not in histogrammed(link)]
    if missing:
        words.append(f"not histogrammed: {', '.join(missing)}")
    return " · ".join(word for word in words if word)


def _of_tagger(name: str, tagger: dict[str, Any]) -> list[str]:
    if tagger.get("error"):
        return [f"{name}: NO STREAM, {tagger['error']}"]
    words = []
    if not tagger.get("live_s"):
        words.append(f"{name}: no live time")
    if tagger.get("lost"):
        words.append(f"{name}: {tagger['lost']} tags LOST in this interval")
    if tagger.get("skipped"):
        words.append(f"{name}: display skipped tags {tagger['skipped']} times (none in the file)")
    return words
