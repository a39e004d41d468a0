"""The kind `time_tagger`: what the pump, plans and windows may rely on."""

from __future__ import annotations

from typing import Protocol

from labctl.tags.decoder import TagDecoder

__all__ = ["TimeTagger"]


class TimeTagger(Protocol):
    """An instrument that streams time tags."""

    name: str

    @property
    def resolution_ps(self) -> int:
        """Size of one time step."""
        ...

    @property
    def channels(self) -> tuple[int, ...]:
        """Numbers of the input channels."""
        ...

    @property
    def latency_s(self) -> float:
        """Longest time from a click to the arrival of its tag on a host that keeps up."""
        ...

    @property
    def is_patient(self) -> bool:
        """True when the stream waits for slow consumers: a file does, an instrument never."""
        ...

    def start_stream(self) -> TagDecoder:
        """Begin streaming and return the decoder for the bytes that come.

        While it streams, the instrument answers no commands.
        """
        ...

    def read_stream(self, timeout_s: float) -> bytes:
        """Return bytes of the stream; ReplyTimeoutError when none came in time."""
        ...

    def stop_stream(self) -> None:
        """End streaming; the instrument answers commands again."""
        ...
