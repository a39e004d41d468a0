"""The stream on the stand-in: what arrives is what was sent, as the settings have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.swabian_timetagger import SwabianTimeTagger
from labctl.errors import InterlockError, LinkError, ReplyTimeoutError
from labctl.tags import TagBlock, TagDecoder, TagFlags
from simulated_devices.devices.swabian import Board
from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import read_truth

StartLab = Callable[..., SimulatedLab]
Connect = Callable[[SimulatedLab], SwabianTimeTagger]

#: Period of the Ultra's test signal with the divider 504 of 403.2 MHz.
TEST_PERIOD_PS = 1_250_000


def board_of(lab: SimulatedLab) -> Board:
    board = lab.instruments["tagger"]
    assert isinstance(board, Board)
    return board


def read_all(tagger: SwabianTimeTagger, decoder: TagDecoder) -> list[TagBlock]:
    """Read until nothing more waits; time stands still meanwhile."""
    blocks: list[TagBlock] = []
    while True:
        try:
            block = decoder.feed(tagger.read_stream(0.02))
        except ReplyTimeoutError:
            return blocks
        while block is not None:
            blocks.append(block)
            block = decoder.feed(b"")


def stream(lab: SimulatedLab, tagger: SwabianTimeTagger, duration_s: float = 0.1) -> list[TagBlock]:
    decoder = tagger.start_stream()
    lab.wait(duration_s)
    blocks = read_all(tagger, decoder)
    tagger.stop_stream()
    return blocks


def join(blocks: list[TagBlock]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return (
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
    )


def times_of(blocks: list[TagBlock], channel: int) -> NDArray[np.int64]:
    times_ps, channels = join(blocks)
    found: NDArray[np.int64] = times_ps[channels == channel]
    return found


def with_one(values: tuple[float, ...], channel: int, value: float) -> tuple[float, ...]:
    return (*values[: channel - 1], value, *values[channel:])


def test_the_stream_is_the_truth_list(start: StartLab, connect: Connect, tmp_path: Path) -> None:
    lab = start()
    blocks = stream(lab, connect(lab), 0.2)
    times_ps, channels = join(blocks)
    sent_ps, sent_channels = read_truth(tmp_path / "truth")
    assert times_ps.size > 0.9 * 4 * 50_000 * 0.2
    assert np.array_equal(times_ps, sent_ps)
    assert np.array_equal(channels, sent_channels)
    assert set(channels.tolist()) == {1, 2, 3, 18}
    assert blocks[0].start_ps == 0
    assert blocks[-1].stop_ps == 200_000_000_000
    assert all(block.is_lossless for block in blocks)


def test_time_counts_from_the_opening_of_the_tagger(start: StartLab, connect: Connect) -> None:
    lab = start()
    lab.wait(1.0)
    blocks = stream(lab, connect(lab), 0.05)
    assert (blocks[0].start_ps, blocks[-1].stop_ps) == (0, 50_000_000_000)


def test_a_delay_moves_the_tags_of_its_input_and_no_other(
    start: StartLab, connect: Connect
) -> None:
    plain_lab, delayed_lab = start(), start()
    plain = stream(plain_lab, connect(plain_lab))
    tagger = connect(delayed_lab)
    tagger.delays_ps = with_one(with_one(tagger.delays_ps, 2, 1_500_000.0), 3, -2_400_000.0)
    delayed = stream(delayed_lab, tagger)
    for channel, delay_ps in ((1, 0), (2, 1_500_000), (3, -2_400_000), (18, 0)):
        before, after = times_of(plain, channel) + delay_ps, times_of(delayed, channel)
        # At either end of the stream some are outside it.
        before = before[(before >= 0) & (before < delayed[-1].stop_ps)]
        assert np.array_equal(before, after)
    # The input whose tags are early waits for nobody, all the others wait for it.
    assert delayed[-1].stop_ps == plain[-1].stop_ps - 2_400_000


def test_a_dead_time_leaves_no_tags_closer_than_that(start: StartLab, connect: Connect) -> None:
    lab = start()
    tagger = connect(lab)
    tagger.dead_times_ns = with_one(tagger.dead_times_ns, 1, 20_000.0)
    blocks = stream(lab, tagger, 0.5)
    assert np.diff(times_of(blocks, 1)).min() >= 20_000_000
    assert np.diff(times_of(blocks, 2)).min() < 2_000_000
    # Non-paralyzable: rate/(1 + rate * dead time) = 25 000/s, Poisson noise reduced by as much.
    expected = 50_000 / (1 + 50_000 * 20e-6) * 0.5
    assert abs(times_of(blocks, 1).size - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize(
    ("pulse_v", "level_v", "sees"),
    [
        (2.0, 0.5, True),
        (2.0, 1.99, True),
        (2.0, 2.01, False),
        (2.0, -0.3, False),
        (-0.8, -0.4, True),
        (-0.8, -0.9, False),
        (-0.8, 0.5, False),
    ],
)
def test_only_pulses_that_cross_the_trigger_level_are_tagged_where_they_begin(
    start: StartLab, connect: Connect, pulse_v: float, level_v: float, *, sees: bool
) -> None:
    lab = start(pulse_v=pulse_v)
    tagger = connect(lab)
    tagger.trigger_levels_v = (level_v,) * 18
    blocks = stream(lab, tagger)
    assert all(block.is_lossless for block in blocks)
    assert (sum(map(len, blocks)) > 0) is sees
    if sees:
        plain_lab = start()
        assert np.array_equal(join(blocks)[0], join(stream(plain_lab, connect(plain_lab)))[0])


def test_the_test_signal_is_the_same_on_all_inputs(start: StartLab, connect: Connect) -> None:
    lab = start()
    tagger = connect(lab)
    tagger.test_signal = True
    blocks = stream(lab, tagger, 0.01)
    expected = np.arange(0, 10_000_000_000, TEST_PERIOD_PS)
    for channel in tagger.channels:
        assert np.array_equal(times_of(blocks, channel), expected)
    assert tagger.test_signal is True
    tagger.test_signal = False
    assert tagger.test_signal is False


def test_an_overflow_is_flagged_and_every_tag_accounted_for(
    start: StartLab, connect: Connect
) -> None:
    lab = start()
    tagger = connect(lab)
    decoder = tagger.start_stream()
    lab.wait(0.05)
    lab.fault("tagger", "overflow", for_s=0.03)
    lab.wait(0.1)
    blocks = read_all(tagger, decoder)
    lossy = [block for block in blocks if not block.is_lossless]
    assert (lossy[0].start_ps, lossy[-1].stop_ps) == (50_000_000_000, 80_000_000_000)
    assert all(block.flags & TagFlags.OVERFLOW for block in lossy)
    assert not any(map(len, lossy))
    lost = sum(block.lost for block in blocks)
    assert lost > 0.8 * 4 * 50_000 * 0.03
    truth = lab.truth["tagger"]
    assert sum(map(len, blocks)) == truth.counts.sum()
    assert lost == truth.lost.sum()
    assert sum(block.live_ps for block in blocks) == 120_000_000_000
    assert tagger.overflows == 1
    tagger.stop_stream()


def test_a_full_buffer_of_the_library_is_flagged(
    start: StartLab, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The library drops what does not fit without a word (docstring of TimeTagStreamBuffer.size).
    monkeypatch.setattr("drivers.swabian_timetagger.stream._BUFFER_EVENTS", 1000)
    lab = start()
    tagger = connect(lab)
    decoder = tagger.start_stream()
    lab.wait(0.05)
    whole, rest = read_all(tagger, decoder)
    assert (len(whole), whole.is_lossless) == (1000, True)
    assert (len(rest), rest.flags) == (0, TagFlags.MISSED)
    assert rest.stop_ps == 50_000_000_000
    tagger.stop_stream()


def test_a_lost_reference_clock_flags_where_it_happens(start: StartLab, connect: Connect) -> None:
    lab = start(clock={"reference": "external", "frequency_offset_ppb": 1000.0})
    tagger = connect(lab)
    decoder = tagger.start_stream()
    lab.wait(0.05)
    assert all(block.is_lossless for block in read_all(tagger, decoder))
    lab.fault("tagger", "reference_lost")
    lab.wait(0.05)
    blocks = read_all(tagger, decoder)
    assert blocks[0].flags & TagFlags.GAP
    # 1000 ppb of 50 ms.
    assert blocks[-1].stop_ps == pytest.approx(100_000_050_000, abs=2)
    tagger.stop_stream()


def test_a_free_clock_stretches_all_times(start: StartLab, connect: Connect) -> None:
    perfect, fast = start(), start(clock={"frequency_offset_ppb": 20_000.0})
    true_ps, _ = join(stream(perfect, connect(perfect)))
    read_ps, _ = join(stream(fast, connect(fast)))
    assert np.abs(read_ps - true_ps * (1 + 20e-6)).max() <= 2


def test_readings_are_answered_while_it_streams_and_settings_refused(
    start: StartLab, connect: Connect
) -> None:
    tagger = connect(start())
    tagger.start_stream()
    assert tagger.overflows == 0
    assert tagger.pcb_version
    with pytest.raises(InterlockError, match="stream"):
        tagger.test_signal = True
    tagger.stop_stream()
    tagger.test_signal = True


def test_a_pulled_cable_is_noticed_by_who_reads_and_a_reconnect_goes_on(
    start: StartLab, connect: Connect
) -> None:
    lab = start()
    tagger = connect(lab)
    tagger.delays_ps = (1000.0,) * 18
    decoder = tagger.start_stream()
    lab.wait(0.02)
    assert read_all(tagger, decoder)
    board_of(lab).port.unplug()
    with pytest.raises(LinkError, match="does not answer"):
        tagger.read_stream(5.0)
    with pytest.raises(LinkError):
        _ = tagger.trigger_levels_v
    with pytest.raises(LinkError):
        tagger.stop_stream()
    board_of(lab).port.plug()
    tagger.link.reconnect()
    assert tagger.delays_ps == (1000.0,) * 18
    assert join(stream(lab, tagger))[0].size
