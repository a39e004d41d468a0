"""The time tagger on its simulator: what arrives is what the truth list says was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.s15_tdc1 import Tdc1
from drivers.s15_tdc1.protocol import ClockSource, Mode
from labctl.errors import InterlockError, LinkError, ProtocolError, ReplyTimeoutError
from labctl.tags import TagBlock, TagDecoder
from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import read_truth

StartLab = Callable[..., SimulatedLab]
ConnectTagger = Callable[..., Tdc1]
Times = NDArray[np.int64]

PERIOD_PS = (1 << 27) * 2000
VISA = "ASRL/dev/ttyACM0::INSTR"


@pytest.fixture
def lab(start_lab: StartLab, tmp_path: Path) -> SimulatedLab:
    return start_lab(truth_file=tmp_path / "truth")


@pytest.fixture
def tagger(lab: SimulatedLab, tagger_of: ConnectTagger) -> Iterator[Tdc1]:
    tagger = tagger_of(lab)
    yield tagger
    tagger.close()


def light_up(lab: SimulatedLab, power_mw: float = 5.0) -> None:
    lab.world.pump.target_mw = power_mw
    lab.world.pump.emitting = True


def read_all(tagger: Tdc1, decoder: TagDecoder) -> list[TagBlock]:
    """Read until nothing more waits; time stands still meanwhile."""
    blocks: list[TagBlock] = []
    while True:
        try:
            data = tagger.read_stream(0.02)
        except ReplyTimeoutError:
            return blocks
        if (block := decoder.feed(data)) is not None:
            blocks.append(block)


def join(blocks: list[TagBlock]) -> tuple[Times, NDArray[Any]]:
    return (
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
    )


def assert_is_truth(blocks: list[TagBlock], truth: Path) -> None:
    times_ps, channels = join(blocks)
    sent_ps, sent_channels = read_truth(truth)
    # Two clicks of one input within a step are one tag; the dead time is longer than a step.
    assert times_ps.size == sent_ps.size > 0
    origin_ps = sent_ps[0] - times_ps[0]
    assert origin_ps % PERIOD_PS == 0
    assert np.array_equal(times_ps + origin_ps, sent_ps)
    assert np.array_equal(channels, sent_channels)
    assert not any(block.lost or block.flags for block in blocks)


@pytest.mark.parametrize("address", ["serial:///dev/ttyACM0", VISA])
def test_the_stream_is_the_truth_list(
    lab: SimulatedLab, tagger_of: ConnectTagger, tmp_path: Path, address: str
) -> None:
    tagger = tagger_of(lab, address)
    light_up(lab)
    # Begin within a counter period of its own, two rollovers of which follow.
    lab.wait(0.4)
    decoder = tagger.start_stream()
    lab.wait(0.6)
    assert_is_truth(read_all(tagger, decoder), tmp_path / "truth")
    tagger.stop_stream()


def test_a_second_stream_is_the_rest_of_the_truth_list(
    lab: SimulatedLab, tagger: Tdc1, tmp_path: Path
) -> None:
    light_up(lab)
    tagger.start_stream()
    lab.wait(0.1)
    tagger.stop_stream()
    before = (tmp_path / "truth").stat().st_size
    decoder = tagger.start_stream()
    lab.wait(0.1)
    blocks = read_all(tagger, decoder)
    (tmp_path / "rest").write_bytes((tmp_path / "truth").read_bytes()[before:])
    assert_is_truth(blocks, tmp_path / "rest")


def test_a_dark_tagger_still_tells_that_time_passes(
    start_lab: StartLab, tagger_of: ConnectTagger
) -> None:
    lab = start_lab(dark_rate_hz=0.0)
    tagger = tagger_of(lab)
    decoder = tagger.start_stream()
    lab.wait(3.0)
    blocks = read_all(tagger, decoder)
    assert sum(len(block) for block in blocks) == 0
    # The world began at 0 with a marker; of 3 s, 11 counter periods of 268 ms are over.
    assert blocks[0].start_ps == 0
    assert blocks[-1].stop_ps == 11 * PERIOD_PS


def test_few_clicks_far_apart_keep_their_times(
    start_lab: StartLab, tagger_of: ConnectTagger, tmp_path: Path
) -> None:
    lab = start_lab(truth_file=tmp_path / "truth", dark_rate_hz=0.3, seed=3)
    tagger = tagger_of(lab)
    decoder = tagger.start_stream()
    lab.wait(20.0)
    blocks = read_all(tagger, decoder)
    sent_ps, _ = read_truth(tmp_path / "truth")
    assert np.max(np.diff(sent_ps)) > 2 * PERIOD_PS
    assert_is_truth(blocks, tmp_path / "truth")


def test_while_it_streams_nothing_is_answered_and_nothing_set(
    lab: SimulatedLab, tagger: Tdc1
) -> None:
    tagger.threshold_v = -0.25
    tagger.start_stream()
    for name in tagger.parameters:
        with pytest.raises(InterlockError, match="while the instrument streams"):
            getattr(tagger, name)
    with pytest.raises(InterlockError, match=r"tagger\.threshold_v cannot be set while"):
        tagger.threshold_v = 1.0
    with pytest.raises(InterlockError, match=r"tagger\.clock_source cannot be set while"):
        tagger.clock_source = ClockSource.EXTERNAL
    lab.wait(0.05)
    tagger.stop_stream()
    assert tagger.threshold_v == -0.25
    assert tagger.clock_source is ClockSource.AUTOMATIC


def test_after_the_stream_commands_are_answered(lab: SimulatedLab, tagger: Tdc1) -> None:
    light_up(lab)
    for _ in range(2):
        tagger.start_stream()
        lab.wait(0.05)
        tagger.stop_stream()
        assert tagger.mode is Mode.TIMESTAMP
        assert tagger.identify().serial == "TDC1_00121"


def test_an_unread_stream_does_not_disturb_the_next(
    lab: SimulatedLab, tagger: Tdc1, tmp_path: Path
) -> None:
    light_up(lab)
    tagger.start_stream()
    lab.wait(0.05)
    before = (tmp_path / "truth").stat().st_size
    decoder = tagger.start_stream()
    lab.wait(0.05)
    blocks = read_all(tagger, decoder)
    (tmp_path / "rest").write_bytes((tmp_path / "truth").read_bytes()[before:])
    assert_is_truth(blocks, tmp_path / "rest")


@pytest.mark.parametrize("threshold_v", [-2.0, -0.5, 0.0, 3.3])
def test_the_threshold_is_read_back(tagger: Tdc1, threshold_v: float) -> None:
    tagger.threshold_v = threshold_v
    assert tagger.threshold_v == threshold_v


@pytest.mark.parametrize("source", list(ClockSource))
def test_the_clock_source_is_read_back(tagger: Tdc1, source: ClockSource) -> None:
    tagger.clock_source = source
    assert tagger.clock_source is source


def test_a_reference_clock_is_seen(lab: SimulatedLab, tagger: Tdc1) -> None:
    assert not tagger.external_clock_is_present
    lab.instruments["tagger"].has_external_clock = True  # type: ignore[attr-defined]  # a Tdc1
    assert tagger.external_clock_is_present


def test_a_pulled_cable_ends_the_stream_and_a_reconnect_allows_a_new_one(
    lab: SimulatedLab, tagger: Tdc1
) -> None:
    light_up(lab)
    tagger.start_stream()
    port = lab.instruments["tagger"].port
    port.unplug()
    with pytest.raises(LinkError):
        tagger.read_stream(0.05)
    with pytest.raises(LinkError):
        tagger.stop_stream()
    port.plug()
    tagger.link.reconnect()
    decoder = tagger.start_stream()
    lab.wait(0.05)
    assert read_all(tagger, decoder)


def test_another_instrument_on_the_wire_is_refused(scripted: Callable[..., Any]) -> None:
    link, _ = scripted({b"*IDN?\r\n": b"Cobolt\r\n"}, write_termination=b"\r\n")
    with pytest.raises(ProtocolError, match="TDC1"):
        Tdc1(link, name="tagger").identify()
