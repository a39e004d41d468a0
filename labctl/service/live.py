"""The analysis thread of the service: counts every stream and publishes what it sees."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from labctl.errors import LabError, LimitError, TagLossError
from labctl.lab import Bench
from labctl.runs.live_counting import LiveSettings, LiveStream, settings_for
from labctl.tags import TagPump, TagSubscription

__all__ = ["LiveAnalysis"]

_log = logging.getLogger(__name__)

#: A display that is further behind than this has nothing live to show: it jumps to the present.
_CAPACITY_TAGS: Final = 16 * 1024 * 1024
#: The loop looks for tags this often; blocks come every 50 ms at the latest.
_IDLE_S: Final = 0.01
_RATES_EVERY_S: Final = 0.1
_HISTOGRAMS_EVERY_S: Final = 0.5
#: A block takes a millisecond; results must not wait for a long queue.
_BLOCKS_PER_TURN: Final = 64
_REVIVE_EVERY_S: Final = 2.0
_USER: Final = "live display"


class _Watched:
    """One tagger's stream as the display sees it; owned by the analysis thread."""

    def __init__(self, bench: Bench, pump: TagPump) -> None:
        self.pump = pump
        self.stream = LiveStream(bench, pump.tagger, settings_for(bench, pump.tagger))
        self.subscription: TagSubscription = pump.fanout.subscribe(_CAPACITY_TAGS)
        self.error = ""
        self.skipped = 0
        self.revive_s = 0.0

    def renew(self) -> None:
        """Listen to the stream from now on."""
        self.subscription.close()
        self.subscription = self.pump.fanout.subscribe(_CAPACITY_TAGS)


class LiveAnalysis:
    """Keeps every tag stream running and publishes `rates`, `matrix` and `histogram`.

    It decides nothing and owns nothing that a run needs: where it falls behind it skips tags,
    says how often, and goes on. A stream that failed is shown as gone and begun anew, by
    `revive`, until that works.

    Args:
        bench: the bench, of an open laboratory.
        publish: takes (topic, data) and never waits.
        revive: brings the tagger of this name back after its stream failed; raises LabError
            while it cannot.
    """

    def __init__(
        self,
        bench: Bench,
        publish: Callable[[str, Mapping[str, Any]], object],
        revive: Callable[[str], None],
    ) -> None:
        self._bench = bench
        self._publish = publish
        self._revive = revive
        self._lock = threading.Lock()
        self._wanted: dict[str, LiveSettings] = {}
        self._is_reset_wanted = False
        self._rates_hz: dict[str, float] = {}
        self._watched = {name: _Watched(bench, pump) for name, pump in bench.pumps.items()}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live analysis", daemon=True)

    def start(self) -> None:
        """Begin; a stream that does not start is tried again later."""
        for name, watched in self._watched.items():
            self._begin(name, watched)
        self._thread.start()

    def close(self) -> None:
        """End the thread and give the streams up."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for watched in self._watched.values():
            watched.subscription.close()
            try:
                watched.pump.stop(_USER)
            except LabError as error:
                _log.warning("the stream did not stop: %s", error)

    def settings(self) -> dict[str, LiveSettings]:
        """Return what is counted, by tagger."""
        with self._lock:
            return {n: self._wanted.get(n, w.stream.settings) for n, w in self._watched.items()}

    def configure(self, tagger: str, settings: LiveSettings) -> None:
        """Count by these settings from the next turn on; see `LiveStream.configure`.

        Raises:
            LimitError: unknown tagger, or a detector that is not on it.
        """
        if tagger not in self._watched:
            known = ", ".join(self._watched) or "none"
            raise LimitError(f'"{tagger}" is no tagger of this bench; known are: {known}')
        LiveStream(self._bench, self._watched[tagger].pump.tagger, settings)
        with self._lock:
            self._wanted[tagger] = settings

    def reset(self) -> None:
        """Begin all histograms anew."""
        with self._lock:
            self._is_reset_wanted = True

    def rates_hz(self) -> Mapping[str, float]:
        """Return the newest rate of every detector whose stream runs."""
        return self._rates_hz

    def _run(self) -> None:
        next_rates_s = next_histograms_s = time.monotonic()
        while not self._stopping.is_set():
            self._obey()
            has_worked = [self._take(name, watched) for name, watched in self._watched.items()]
            now_s = time.monotonic()
            if now_s >= next_rates_s:
                next_rates_s = now_s + _RATES_EVERY_S
                self._tell_rates()
            if now_s >= next_histograms_s:
                next_histograms_s = now_s + _HISTOGRAMS_EVERY_S
                self._publish("histogram", self._of_all(LiveStream.histogram))
            if not any(has_worked):
                self._stopping.wait(_IDLE_S)

    def _obey(self) -> None:
        # Under the lock to the end: who asks meanwhile for what is counted must see the newest.
        with self._lock:
            for name, settings in self._wanted.items():
                self._watched[name].stream.configure(settings)
            self._wanted = {}
            if self._is_reset_wanted:
                for watched in self._watched.values():
                    watched.stream.reset()
            self._is_reset_wanted = False

    def _take(self, name: str, watched: _Watched) -> bool:
        """Count what waits of one stream; return whether there was anything."""
        if watched.error:
            return self._try_again(name, watched)
        try:
            for taken in range(_BLOCKS_PER_TURN):
                block = watched.subscription.get(0)
                if block is None:
                    return taken > 0
                watched.stream.update(block)
        except TagLossError:
            # This display fell behind; the recorder has a queue of its own.
            watched.skipped += 1
            watched.renew()
        except ValueError:
            _log.exception("the live display of %s refused a block", name)
            watched.stream.reset()
        except LabError as error:
            watched.error = str(error)
        return True

    def _begin(self, name: str, watched: _Watched) -> None:
        try:
            watched.pump.start(_USER)
        except LabError as error:
            watched.error = str(error)
            _log.warning("the stream of %s does not start: %s", name, error)

    def _try_again(self, name: str, watched: _Watched) -> bool:
        now_s = time.monotonic()
        if now_s < watched.revive_s:
            return False
        watched.revive_s = now_s + _REVIVE_EVERY_S
        try:
            if not watched.pump.is_running or watched.pump.error is not None:
                self._revive(name)
        except LabError as error:
            watched.error = str(error)
            return False
        watched.renew()
        watched.stream.interrupt()
        watched.error = ""
        return True

    def _tell_rates(self) -> None:
        found: dict[str, float] = {}
        for watched in self._watched.values():
            watched.stream.advance()
            if not watched.error:
                found |= watched.stream.rates_hz()
        self._rates_hz = found
        self._publish("rates", self._of_all(LiveStream.rates))
        self._publish("matrix", self._of_all(LiveStream.matrix))

    def _of_all(self, told: Callable[[LiveStream], dict[str, Any]]) -> dict[str, Any]:
        return {
            "taggers": {
                name: {"error": watched.error, "skipped": watched.skipped, **told(watched.stream)}
                for name, watched in self._watched.items()
            }
        }
