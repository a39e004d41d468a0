"""A rate as a tone: octaves per doubling, limits, and samples without clicks."""

from __future__ import annotations

import math
import sys
import types
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError, LinkError
from labctl.gui.tone import SAMPLE_RATE_HZ, pitch_hz, reference_for, samples
from labctl.gui.tone_player import TonePlayer


def heard_hz(tone: np.ndarray[Any, Any]) -> float:
    """Return the pitch by counting rising zero crossings between the first and the last."""
    rising = np.flatnonzero((tone[:-1] < 0) & (tone[1:] >= 0))
    return float((rising.size - 1) * SAMPLE_RATE_HZ / (rising[-1] - rising[0]))


def test_the_reference_sounds_as_the_a_above_the_concert_pitch() -> None:
    assert pitch_hz(1234.0, 1234.0) == 880.0


def test_a_rate_twice_as_high_sounds_an_octave_higher() -> None:
    assert pitch_hz(2e4, 1e4) == pytest.approx(2 * 880.0)
    assert pitch_hz(2.5e3, 1e4) == pytest.approx(880.0 / 4)


@pytest.mark.parametrize("value", [0.0, -5.0, math.nan, math.inf, 1e-9])
def test_what_cannot_be_heard_has_the_lowest_pitch(value: float) -> None:
    assert pitch_hz(value, 1000.0) == 55.0


def test_the_pitch_stays_where_ears_and_loudspeakers_are_good() -> None:
    assert pitch_hz(1e9, 1.0) == 3520.0


def test_the_reference_follows_only_when_the_value_has_left_what_can_be_heard() -> None:
    # 880 Hz is four octaves above the lowest pitch and two below the highest.
    assert reference_for(1000.0, 0.0) == 1000.0
    assert reference_for(4000.0, 1000.0) == 1000.0
    assert reference_for(4001.0, 1000.0) == 4001.0
    assert reference_for(62.5, 1000.0) == 1000.0
    assert reference_for(62.0, 1000.0) == 62.0
    assert reference_for(math.nan, 1000.0) == 1000.0


def test_samples_have_the_pitch_that_was_asked_for() -> None:
    tone, _ = samples(440.0, 440.0, SAMPLE_RATE_HZ)
    # Both crossings at the ends are known to a sample, over a second.
    assert heard_hz(tone) == pytest.approx(440.0, rel=2 / SAMPLE_RATE_HZ)
    assert float(np.abs(tone).max()) <= 0.3 + 1e-6


def test_a_glide_passes_the_geometric_mean_in_the_middle() -> None:
    tone, _ = samples(220.0, 880.0, 2 * SAMPLE_RATE_HZ)
    middle = tone[SAMPLE_RATE_HZ - 2000 : SAMPLE_RATE_HZ + 2000]
    # Within 4000 samples the pitch goes 440 Hz · 4^(±1/44.1), 3 % to either side.
    assert heard_hz(middle) == pytest.approx(440.0, rel=0.04)


def test_pieces_make_one_tone_without_clicks() -> None:
    whole, end = samples(440.0, 440.0, 1000)
    first, phase = samples(440.0, 440.0, 300)
    second, last = samples(440.0, 440.0, 700, phase_rad=phase)
    assert np.concatenate([first, second]) == pytest.approx(whole, abs=1e-5)
    assert math.cos(last - end) == pytest.approx(1.0)


def test_no_samples_keep_the_phase() -> None:
    tone, phase = samples(440.0, 880.0, 0, phase_rad=1.0)
    assert tone.size == 0
    assert phase == 1.0


class SoundCard:
    """Stands in for the foreign library: keeps the callback that would be asked for samples."""

    class PortAudioError(Exception):
        """As the library's."""

    def __init__(self, *, is_there: bool = True) -> None:
        self.is_there = is_there
        self.calls: list[str] = []
        self.callback: Any = None

    def stream(self, **options: Any) -> SoundCard:
        if not self.is_there:
            raise self.PortAudioError("no default output device")
        assert options["samplerate"] == SAMPLE_RATE_HZ
        self.callback = options["callback"]
        return self

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def as_module(self) -> types.ModuleType:
        module: Any = types.ModuleType("sounddevice")
        module.OutputStream, module.PortAudioError = self.stream, self.PortAudioError
        return module  # type: ignore[no-any-return]

    def ask(self, count: int) -> np.ndarray[Any, Any]:
        out = np.full((count, 1), 9.0, dtype=np.float32)
        self.callback(out, count, None, None)
        return out[:, 0]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    player = TonePlayer()
    with pytest.raises(ConfigError, match=r"quantum-labctl\[sound\]"):
        player.start()
    assert not player.is_playing
    player.stop()


def test_without_a_sound_card_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SoundCard(is_there=False)
    monkeypatch.setitem(sys.modules, "sounddevice", card.as_module())
    player = TonePlayer()
    with pytest.raises(LinkError, match="no default output device"):
        player.start()
    assert not player.is_playing


def test_the_player_is_silent_until_there_is_a_pitch_and_ends_its_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = SoundCard()
    monkeypatch.setitem(sys.modules, "sounddevice", card.as_module())
    player = TonePlayer()
    player.start()
    assert not card.ask(100).any()
    player.set_pitch(880.0)
    pieces = [card.ask(1000) for _ in range(10)]
    assert heard_hz(np.concatenate(pieces)) == pytest.approx(880.0, rel=1e-3)
    player.set_pitch(None)
    assert not card.ask(100).any()
    player.stop()
    assert card.calls == ["start", "stop", "close"]
    assert not player.is_playing
