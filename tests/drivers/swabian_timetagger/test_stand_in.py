"""The stand-in as a user's own script sees it: the vendor's calls on the simulated world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labctl.errors import ConfigError, LimitError
from simulated_devices.devices.swabian import MODELS, Board, Inputs, Pulse
from simulated_devices.devices.swabian.library import TimeTaggerLibrary
from simulated_devices.devices.swabian.tagger import TimeTagger
from simulated_devices.devices.swabian_timetagger import build
from simulated_devices.instrument import Surroundings
from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import TruthLog

StartLab = Callable[..., SimulatedLab]

INPUTS = {"alice_h": 1, "alice_v": 2, "bob_h": 3, "bob_v": 18}
RATE_HZ = 50_000.0


def board_of(lab: SimulatedLab) -> Board:
    board = lab.instruments["tagger"]
    assert isinstance(board, Board)
    return board


@pytest.fixture
def lab(start: StartLab) -> SimulatedLab:
    return start()


@pytest.fixture
def library(lab: SimulatedLab) -> TimeTaggerLibrary:
    return board_of(lab).library


@pytest.fixture
def tagger(library: TimeTaggerLibrary) -> TimeTagger:
    return library.createTimeTagger("ABC")


def test_a_tagger_is_found_until_somebody_has_it(library: TimeTaggerLibrary) -> None:
    assert len(library.scanTimeTagger()) == 1
    with library.createTimeTagger("ABC") as tagger:
        assert tagger.getSerial() == "ABC"
        assert library.scanTimeTagger() == ()
        with pytest.raises(RuntimeError, match="already in use"):
            library.createTimeTagger()
    assert library.scanTimeTagger(include_model_name=True) == ("ABC,Time Tagger Ultra",)
    with pytest.raises(RuntimeError, match="'OTHER' is not a valid"):
        library.createTimeTagger("OTHER")
    with pytest.raises(RuntimeError, match="released"):
        tagger.getSerial()


def test_channel_lists_are_by_edge(library: TimeTaggerLibrary, tagger: TimeTagger) -> None:
    rising = tuple(range(1, 19))
    falling = tuple(-channel for channel in rising)
    edge = library.ChannelEdge
    assert (
        tagger.getChannelList(edge.Rising) == tagger.getChannelList(edge.StandardRising) == rising
    )
    assert tagger.getChannelList(type=edge.Falling) == falling
    assert tagger.getChannelList() == rising + falling
    assert tagger.getChannelList(edge.HighResAll) == ()
    assert tagger.getInvertedChannel(3) == -3
    assert tagger.isUnusedChannel(library.CHANNEL_UNUSED)


def test_both_edges_of_a_pulse_are_its_width_apart(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    stream = library.TimeTagStream(tagger, 100_000, [2, -2])
    lab.wait(0.1)
    with stream.getData() as buffer:
        times, channels = buffer.getTimestamps(), buffer.getChannels()
    rising, falling = times[channels == 2], times[channels == -2]
    assert rising.size > 4000
    # The last pulse may have lasted beyond the end.
    assert np.array_equal(rising[: falling.size] + 10_000, falling)
    assert rising.size - falling.size in {0, 1}
    assert buffer.size == times.size == buffer.getMissedEvents().size


def test_a_buffer_says_from_when_to_when_and_is_handed_out_once(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    lab.wait(0.02)
    stream = library.TimeTagStream(tagger, 100_000, [1])
    lab.wait(0.03)
    first = stream.getData()
    assert (first.tStart, first.tGetData) == (20_000_000_000, 50_000_000_000)
    assert stream.getData().size == 0
    lab.wait(0.01)
    assert stream.getCounts() > 0
    assert (stream.getData().tStart, stream.getCounts()) == (20_000_000_000, 0)


def test_a_full_buffer_drops_without_a_word(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    small, large = (library.TimeTagStream(tagger, size, [1, 2]) for size in (500, 100_000))
    lab.wait(0.05)
    kept, whole = small.getData(), large.getData()
    assert (kept.size, kept.hasOverflows) == (500, False)
    assert np.array_equal(kept.getTimestamps(), whole.getTimestamps()[:500])
    assert not kept.getEventTypes().any()


def test_a_stream_gets_only_its_channels(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    one = library.TimeTagStream(tagger, 100_000, [3])
    library.TimeTagStream(tagger, 100_000, [1, 2, 3])
    lab.wait(0.02)
    assert set(one.getData().getChannels().tolist()) == {3}


def test_count_rates_are_those_of_the_world(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    rates = library.Countrate(tagger, [1, 18, 5])
    library.TimeTagStream(tagger, 1, [1, 18])
    lab.wait(1.0)
    measured = rates.getData()
    assert abs(measured[:2] - RATE_HZ).max() < 5 * np.sqrt(RATE_HZ)
    assert measured[2] == 0
    assert np.array_equal(rates.getCountsTotal(), lab.truth["tagger"].counts[[1, 18, 5]])
    rates.clear()
    assert rates.getCountsTotal().tolist() == [0, 0, 0]


def test_the_bins_of_a_counter_add_up_to_the_tags(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    # Bins that do not fit the slices of the world.
    counter = library.Counter(tagger, [1, 2], binwidth=7_000_000_000, n_values=8)
    stream = library.TimeTagStream(tagger, 100_000, [1, 2])
    lab.wait(0.1)
    buffer = stream.getData()
    times, channels = buffer.getTimestamps(), buffer.getChannels()
    # 14 bins are complete; the newest 8 are shown.
    edges = np.arange(6, 15) * 7_000_000_000
    expected = [np.histogram(times[channels == c], edges)[0] for c in (1, 2)]
    # numpy closes the last bin.
    assert not np.isin(times, edges).any()
    assert np.array_equal(counter.getData(), expected)
    assert np.array_equal(counter.getData(rolling=False), np.roll(expected, 6, axis=1))
    assert counter.getIndex().tolist() == [n * 7_000_000_000 for n in range(8)]


def test_a_measurement_ends_by_itself_after_its_time(
    lab: SimulatedLab, library: TimeTaggerLibrary, tagger: TimeTagger
) -> None:
    stream = library.TimeTagStream(tagger, 100_000, [1])
    stream.startFor(25_000_000_000)
    assert stream.waitUntilFinished(timeout=1) is False
    lab.wait(0.1)
    assert stream.waitUntilFinished() is True
    assert not stream.isRunning()
    assert stream.getCaptureDuration() == 25_000_000_000
    buffer = stream.getData()
    assert buffer.tGetData == 25_000_000_000
    assert 0 < buffer.getTimestamps()[-1] < 25_000_000_000
    stream.start()
    lab.wait(0.01)
    assert stream.getCounts() > 0
    stream.abort()
    assert stream.getCounts() == 0


def test_a_rate_above_the_cable_s_fills_the_buffer_until_it_overflows(lab: SimulatedLab) -> None:
    model = replace(MODELS["20"], tags_per_s=100_000.0, buffer_tags=3000)
    truth = TruthLog()
    surroundings = Surroundings("other", lab.world, INPUTS, {}, truth)
    inputs = {"alice_h": 1, "alice_v": 2, "bob_h": 3, "bob_v": 4}
    board = Board(model, "", Inputs(model, inputs, Pulse(2.0, 10_000)), surroundings)
    library = board.library
    stream = library.TimeTagStream(library.createTimeTagger(), 1_000_000, [1, 2, 3, 4])
    for _ in range(50):
        board.advance(lab.world.step())
    buffer = stream.getData()
    types, missed = buffer.getEventTypes(), buffer.getMissedEvents().astype(np.int64)
    kind = library.TagType
    assert buffer.hasOverflows
    tags = np.count_nonzero(types == kind.TimeTag)
    assert tags == truth.counts.sum()
    assert missed.sum() == truth.lost.sum()
    assert not missed[types != kind.MissedEvents].any()
    # 200 000 tags a second come, 100 000 leave: the carried ones are what the cable can.
    assert tags == pytest.approx(100_000 * 0.5 + 3000, rel=0.1)
    begins, ends = (np.count_nonzero(types == k) for k in (kind.OverflowBegin, kind.OverflowEnd))
    assert begins - ends in {0, 1}
    assert begins > 1
    assert np.all(np.diff(buffer.getTimestamps()) >= 0)


def test_hardware_delays_exist_where_the_vendor_says(start: StartLab) -> None:
    oldest = board_of(start({"alice_h": 1}, model="20")).library.createTimeTagger()
    with pytest.raises(RuntimeError, match="no hardware delay"):
        oldest.setDelayHardware(1, 0)
    oldest.setInputDelay(1, 1000)
    assert (oldest.getDelaySoftware(1), oldest.getInputDelay(1)) == (1000, 1000)
    ultra = board_of(start()).library.createTimeTagger()
    assert ultra.getDelayHardwareRange(1) == (-2_000_000, 2_000_000)
    ultra.setInputDelay(1, 2_000_000)
    assert (ultra.getDelayHardware(1), ultra.getDelaySoftware(1)) == (2_000_000, 0)
    ultra.setInputDelay(1, 2_000_001)
    assert (ultra.getDelayHardware(1), ultra.getDelaySoftware(1)) == (0, 2_000_001)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({"alice_h": 9}, {"model": "20"}, "Time Tagger 20 has 1 to 8"),
        ({"alice_h": 0}, {}, "has 1 to 18"),
        ({"alise_h": 1}, {}, 'did you mean "alice_h"'),
        ({"alice_h": 1}, {"model": "10"}, "model"),
    ],
)
def test_a_bench_that_cannot_be_is_refused(
    lab: SimulatedLab, inputs: dict[str, int], options: dict[str, Any], message: str
) -> None:
    surroundings = Surroundings("tagger", lab.world, inputs, options, TruthLog())
    with pytest.raises(ConfigError, match=message):
        build(surroundings)


def test_a_clock_without_reference_cannot_lose_it(lab: SimulatedLab) -> None:
    with pytest.raises(LimitError, match="no reference clock"):
        lab.fault("tagger", "reference_lost")


def test_an_overflow_lasts_for_some_time(lab: SimulatedLab) -> None:
    with pytest.raises(LimitError, match="for_s = 0"):
        lab.fault("tagger", "overflow", for_s=0.0)
