"""Plays the tone of a number through the sound card; an optional extra."""

from __future__ import annotations

from typing import Any, Final

from labctl.errors import ConfigError, LinkError
from labctl.gui.tone import SAMPLE_RATE_HZ, samples

__all__ = ["TonePlayer"]

_SILENCE: Final = 0.0


class TonePlayer:
    """One tone whose pitch follows `set_pitch`; silent until `start`.

    The sound card's own thread asks for samples; the pitch is one number that it reads.
    """

    def __init__(self) -> None:
        self._stream: Any = None
        self._wanted_hz = _SILENCE
        self._played_hz = _SILENCE
        self._phase_rad = 0.0

    @property
    def is_playing(self) -> bool:
        """Whether the sound card asks for samples."""
        return self._stream is not None

    def start(self) -> None:
        """Begin to play, silence at first.

        Raises:
            ConfigError: the extra, or the library that it needs, is not installed.
            LinkError: there is no sound card that plays.
        """
        if self._stream is not None:
            return
        sound = _sound_library()
        try:
            self._stream = sound.OutputStream(
                samplerate=SAMPLE_RATE_HZ, channels=1, dtype="float32", callback=self._fill
            )
            self._stream.start()
        except (sound.PortAudioError, ValueError) as error:
            self._stream = None
            raise LinkError(f"no sound card plays: {error}") from error

    def stop(self) -> None:
        """End the tone and let go of the sound card; stopping twice is allowed."""
        stream, self._stream = self._stream, None
        self._wanted_hz = self._played_hz = _SILENCE
        if stream is not None:
            stream.stop()
            stream.close()

    def set_pitch(self, pitch_hz: float | None) -> None:
        """Glide to a pitch; None is silence."""
        self._wanted_hz = pitch_hz or _SILENCE

    def _fill(self, out: Any, count: int, *_: Any) -> None:
        wanted_hz = self._wanted_hz
        if not wanted_hz:
            self._played_hz = _SILENCE
            out[:] = 0
            return
        tone, self._phase_rad = samples(
            self._played_hz or wanted_hz, wanted_hz, count, phase_rad=self._phase_rad
        )
        self._played_hz = wanted_hz
        out[:, 0] = tone


def _sound_library() -> Any:
    try:
        import sounddevice  # noqa: PLC0415  an extra, and it starts the sound system
    except ImportError as error:
        raise ConfigError(
            "the tone needs an extra that is not installed",
            hint="Install it with: pip install 'quantum-labctl[sound]'",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"the tone needs the library PortAudio: {error}",
            hint="Install it with: sudo apt install libportaudio2",
        ) from error
    return sounddevice
