"""Plays the tags of a run file through the live analysis, as fast or slow as one wants to look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from labctl.errors import LabError, RunFileError
from labctl.lab import Bench
from labctl.runs.live_counting import LiveStream, settings_for
from labctl.runs.recorded_bench import bench_facts, recorded_bench, recorded_tagger
from labctl.storage import RunFile, StreamSummary, open_run
from labctl.tags import TagBlock, TimeTagger

__all__ = ["Playback"]

_RATES_EVERY_S: Final = 0.1
_HISTOGRAMS_EVERY_S: Final = 0.5
#: Counted at a time, so that what slides is never much older than its interval.
_STEP_S: Final = 0.2
_LOOK_BACK_S: Final = 1.0
#: A turn lasts no longer, so that a wish is heard at once.
_TURN_S: Final = 0.04
_BREATH_S: Final = 0.002
_FRAME_S: Final = 0.02
#: What stands still is told again, so that nobody takes it for a stream that broke off.
_STANDING_EVERY_S: Final = 1.0


class Playback:
    """One run being played, by a thread of its own; wishes may come from any thread.

    Args:
        path: the run file.
        publish: takes (topic, data) and never waits: "opened" and "place", then `rates`,
            `matrix` and `histogram` as a service tells them; "failed" with an error at last.
    """

    def __init__(self, path: Path, publish: Callable[[str, Mapping[str, Any]], object]) -> None:
        self._path = path
        self._publish = publish
        self._lock = threading.Lock()
        self._speed = 1.0
        self._is_paused = False
        self._seek_s: float | None = None
        self._wished = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"replay {path.name}", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def set_speed(self, speed: float) -> None:
        """Play so many recorded seconds per second; 0 as fast as can be counted."""
        with self._lock:
            self._speed = speed
        self._wished.set()

    def set_paused(self, *, is_paused: bool) -> None:
        """Stand still, or go on."""
        with self._lock:
            self._is_paused = is_paused
        self._wished.set()

    def seek(self, position_s: float) -> None:
        """Go on from there, with all counts anew."""
        with self._lock:
            self._seek_s = position_s
        self._wished.set()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._wished.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with open_run(self._path) as run:
                player = _Player(run, self._publish)
                while not self._stopping.is_set():
                    self._turn(player)
        except LabError as error:
            self._publish("failed", {"text": str(error)})

    def _turn(self, player: _Player) -> None:
        self._wished.clear()
        with self._lock:
            speed, is_paused = self._speed, self._is_paused
            seek_s, self._seek_s = self._seek_s, None
        if seek_s is not None:
            player.seek(seek_s)
        if is_paused or player.has_ended:
            player.tell(speed, "paused" if is_paused else "ended")
            self._wished.wait(_STANDING_EVERY_S)
            player.rest()
            return
        is_behind = player.play(speed, self._wished.is_set)
        player.tell_when_due(speed)
        self._wished.wait(_BREATH_S if is_behind else _FRAME_S)


class _Track:
    """One tagger's stream on its way through the analysis."""

    def __init__(self, run: RunFile, bench: Bench, name: str, summary: StreamSummary) -> None:
        self._run, self._bench, self._name = run, bench, name
        self._origin_ps = summary.start_ps or 0
        # The stream asks a tagger for its name, its step and its channels only.
        self._tagger = cast("TimeTagger", recorded_tagger(run.taggers[name]))
        self.seek(0.0)

    def seek(self, position_s: float) -> None:
        """Count anew from there."""
        self.stream = LiveStream(self._bench, self._tagger, settings_for(self._bench, self._tagger))
        # Damage is lost tags here, not the end of the replay.
        self._blocks: Iterator[TagBlock] = self._run.tags(
            self._name, start_s=position_s, on_damage="flag"
        )
        self._next = next(self._blocks, None)

    def take_until(self, position_s: float) -> None:
        """Count what comes before this second."""
        stop_ps = self._origin_ps + round(position_s * 1e12)
        while (block := self._next) is not None and block.start_ps < stop_ps:
            if block.stop_ps <= stop_ps or not block.is_lossless:
                self.stream.update(block)
                self._next = next(self._blocks, None)
            else:
                self.stream.update(block.between(block.start_ps, stop_ps))
                self._next = block.between(stop_ps, block.stop_ps)
                return


class _Player:
    """All streams of a file at one position; owned by the thread of the playback.

    Raises:
        RunFileError: there are no tags, or nobody knows what they are of.
    """

    def __init__(self, run: RunFile, publish: Callable[[str, Mapping[str, Any]], object]) -> None:
        self._publish = publish
        summaries = {name: s for name, s in run.stream_summaries().items() if s.tags}
        if not summaries:
            raise RunFileError(f"{run.path} holds no tags to replay")
        bench = recorded_bench(run)
        self._tracks = {name: _Track(run, bench, name, s) for name, s in summaries.items()}
        self._duration_s = max(summary.duration_s for summary in summaries.values())
        self._position_s = self._counted_s = 0.0
        self._histograms_s = -_HISTOGRAMS_EVERY_S
        self.rest()
        publish("opened", {"duration_s": self._duration_s, "service": bench_facts(bench)})

    @property
    def has_ended(self) -> bool:
        """Whether everything was played."""
        return self._position_s >= self._duration_s

    def rest(self) -> None:
        """Begin to measure time anew, from this position."""
        self._anchor = (time.monotonic(), self._position_s)
        self._told = self._anchor

    def seek(self, position_s: float) -> None:
        """Go there, and count the second before, so that there is something to see."""
        self._position_s = min(max(position_s, 0.0), self._duration_s)
        for track in self._tracks.values():
            track.seek(max(0.0, self._position_s - _LOOK_BACK_S))
            track.take_until(self._position_s)
        self._advance()
        self._histograms_s = -_HISTOGRAMS_EVERY_S
        self.rest()

    def play(self, speed: float, is_wished: Callable[[], bool]) -> bool:
        """Count what is due now; return whether there was more than a turn has time for."""
        now_s = time.monotonic()
        goal_s = self._duration_s
        if speed:
            goal_s = min(goal_s, self._anchor[1] + speed * (now_s - self._anchor[0]))
        while self._position_s < goal_s:
            if time.monotonic() > now_s + _TURN_S or is_wished():
                self._anchor = (time.monotonic(), self._position_s)
                return True
            self._position_s = min(goal_s, self._position_s + _STEP_S)
            for track in self._tracks.values():
                track.take_until(self._position_s)
            if self._position_s - self._counted_s >= _RATES_EVERY_S:
                self._advance()
        return False

    def tell_when_due(self, speed: float) -> None:
        """Tell where it is, ten times a second."""
        if self.has_ended or time.monotonic() - self._told[0] >= _RATES_EVERY_S:
            self.tell(speed, "playing")

    def tell(self, speed: float, state: str) -> None:
        """Tell where it is and what is counted there."""
        now_s = time.monotonic()
        since_s = now_s - self._told[0]
        reached = (self._position_s - self._told[1]) / since_s if since_s > 0 else 0.0
        self._told = (now_s, self._position_s)
        self._advance()
        place = {"position_s": self._position_s, "state": state}
        self._publish("place", place | {"speed": speed, "reached": reached})
        self._publish("rates", self._of_all(LiveStream.rates))
        self._publish("matrix", self._of_all(LiveStream.matrix))
        if state != "playing" or now_s - self._histograms_s >= _HISTOGRAMS_EVERY_S:
            self._histograms_s = now_s
            self._publish("histogram", self._of_all(LiveStream.histogram))

    def _advance(self) -> None:
        self._counted_s = self._position_s
        for track in self._tracks.values():
            track.stream.advance()

    def _of_all(self, told: Callable[[LiveStream], dict[str, Any]]) -> dict[str, Any]:
        return {
            "taggers": {
                name: {"error": "", "skipped": 0, **told(track.stream)}
                for name, track in self._tracks.items()
            }
        }
