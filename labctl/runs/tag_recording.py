"""The tags of a run on their way into its file."""

from __future__ import annotations

from functools import partial

from labctl.errors import LabError
from labctl.lab import Bench
from labctl.lab.answering import RUN
from labctl.storage import Recorder
from labctl.tags import TagBlock

__all__ = ["TagRecording"]


class TagRecording:
    """Carries the tags of every tagger into a run file between `start` and `stop`.

    What the recorder does not take ends the recording and not the stream, which others watch:
    whoever drives the plan asks `check` at every step. Used by the run thread; blocks come in
    the threads of the pumps.

    Args:
        is_kept: False where the tags are in another file already, as those of a replay are.
    """

    def __init__(self, bench: Bench, recorder: Recorder, *, is_kept: bool) -> None:
        self._pumps = bench.pumps
        self._recorder = recorder
        self._sinks = {name: partial(self._record, name) for name in bench.pumps if is_kept}
        self._error: LabError | None = None

    def start(self) -> dict[str, LabError]:
        """Stream every tagger; return why some do not, by name: who needs those finds out."""
        failures = {}
        for name, pump in self._pumps.items():
            if name in self._sinks:
                pump.fanout.add_sink(self._sinks[name])
            try:
                pump.start(RUN)
            except LabError as error:
                failures[name] = error
        return failures

    def check(self) -> None:
        """Raise what ended the recording of a tagger."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End what `start` began; whatever fails, all of it.

        Raises:
            LabError: a tagger did not end its stream, or its tags were not all recorded.
        """
        failure: LabError | None = None
        for name, pump in self._pumps.items():
            try:
                pump.stop(RUN)
            except LabError as error:
                failure = failure or error
            if name in self._sinks:
                pump.fanout.remove_sink(self._sinks[name])
        if failure is not None:
            raise failure
        self.check()

    def _record(self, name: str, block: TagBlock) -> None:
        try:
            self._recorder.record(name, block)
        except LabError as error:
            self._error = self._error or error
            self._pumps[name].fanout.remove_sink(self._sinks[name])
