"""Rows 5, 6 and the device's half of 7: what taggers lose, roll over, mix up, or repeat.

Truth: sent = recorded + flagged lost, for what the instrument can tell of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import labctl
from drivers.s15_tdc1 import Tdc1
from labctl.errors import ReplyTimeoutError
from labctl.lab import bench_path
from labctl.tags import TagBlock, TagFlags
from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import read_truth

StartLab = Callable[..., SimulatedLab]
ConnectTagger = Callable[..., Tdc1]
PERIOD_PS = (1 << 27) * 2000


@pytest.fixture
def lab(start_lab: StartLab, tmp_path: Path) -> SimulatedLab:
    lab = start_lab(truth_file=tmp_path / "truth")
    lab.world.pump.target_mw, lab.world.pump.emitting = 5.0, True
    return lab


@pytest.fixture
def tagger(lab: SimulatedLab, tagger_of: ConnectTagger) -> Iterator[Tdc1]:
    tagger = tagger_of(lab)
    yield tagger
    tagger.close()


def streamed(lab: SimulatedLab, tagger: Tdc1, fault: str, **arguments: int) -> list[TagBlock]:
    """Return the blocks of a stream of 0.3 s in the middle of which a fault strikes."""
    decoder = tagger.start_stream()
    blocks: list[TagBlock] = []
    for duration_s in (0.1, 0.2):
        lab.wait(duration_s)
        # Packet by packet, as on a cable that is read at once.
        while True:
            try:
                block = decoder.feed(tagger.read_stream(0.02))
            except ReplyTimeoutError:
                break
            if block is not None:
                blocks.append(block)
        if duration_s == 0.1:
            lab.fault("tagger", fault, **arguments)
    tagger.stop_stream()
    for block in blocks:
        assert np.all(np.diff(block.times_ps) >= 0)
    return blocks


def flags_of(blocks: list[TagBlock]) -> TagFlags:
    flags = TagFlags.NONE
    for block in blocks:
        flags |= block.flags
    return flags


def assert_recorded_is_truth(blocks: list[TagBlock], truth: Path) -> None:
    times_ps = np.concatenate([block.times_ps for block in blocks])
    channels = np.concatenate([block.channels for block in blocks])
    sent_ps, sent_channels = read_truth(truth)
    order = np.lexsort((sent_channels, sent_ps))
    assert times_ps.size == sent_ps.size > 10_000
    origin_ps = int(sent_ps[order][0] - times_ps[0])
    assert origin_ps % PERIOD_PS == 0
    found = np.lexsort((channels, times_ps))
    assert np.array_equal(times_ps[found] + origin_ps, sent_ps[order])
    assert np.array_equal(channels[found], sent_channels[order])


def test_a_rollover_of_the_counter_moves_no_tag(
    lab: SimulatedLab, tagger: Tdc1, tmp_path: Path
) -> None:
    lab.fault("tagger", "rollover", within_us=150_000)
    blocks = streamed(lab, tagger, "reference_regained")
    assert_recorded_is_truth(blocks, tmp_path / "truth")
    assert flags_of(blocks) is TagFlags.NONE


def test_an_unsorted_burst_is_put_in_order_and_flagged(
    lab: SimulatedLab, tagger: Tdc1, tmp_path: Path
) -> None:
    blocks = streamed(lab, tagger, "unsorted", words=1000, within_us=5000)
    assert flags_of(blocks) & TagFlags.UNSORTED
    recorded = sum(len(block) for block in blocks)
    lost = sum(block.lost for block in blocks)
    assert recorded + lost == lab.truth["tagger"].counts.sum()
    if not lost:
        assert_recorded_is_truth(blocks, tmp_path / "truth")


def test_a_packet_that_comes_twice_is_recorded_once_and_flagged(
    lab: SimulatedLab, tagger: Tdc1, tmp_path: Path
) -> None:
    blocks = streamed(lab, tagger, "duplicate")
    assert flags_of(blocks) & TagFlags.UNSORTED
    assert_recorded_is_truth(blocks, tmp_path / "truth")


def test_a_lost_reference_clock_can_be_read_from_the_tagger(
    lab: SimulatedLab, tagger: Tdc1
) -> None:
    lab.fault("tagger", "reference_regained")
    assert tagger.external_clock_is_present
    lab.fault("tagger", "reference_lost")
    assert not tagger.external_clock_is_present


def test_an_overflow_is_flagged_in_a_run_and_every_tag_accounted_for(tmp_path: Path) -> None:
    """The Time Tagger reports its own losses, which the TDC1 cannot."""
    text = bench_path("default").read_text(encoding="utf-8")
    text = text.replace('driver = "s15_tdc1"', 'driver = "swabian_timetagger"', 1)
    text = text.replace('"serial:///dev/ttyACM0"', '"library://swabian/1"', 1)
    text = text.replace("set = { threshold_v = -0.5 }", "", 1)
    path = tmp_path / "instruments.toml"
    path.write_text(text, encoding="utf-8")
    with labctl.open_lab(path, simulated=True, seed=3, speed=0) as lab:
        run = lab.start("counting", {"dwell_s": 1.0})
        while run.status.fraction < 0.2:
            pass
        lab.simulation.fault("tagger", "overflow")
        done = run.wait(60)
    assert done is not None
    assert done.result.lost > 0
    assert done.result.live_s < 1.0
    truth = lab.simulation.truth["tagger"]
    assert done.result.lost == truth.lost.sum()
