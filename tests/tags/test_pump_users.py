"""One stream, several users; suspended for a setting, restarted after a fault."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest

from drivers.s15_tdc1 import Tdc1
from labctl.errors import InterlockError, LimitError, LinkError
from labctl.tags import TagBlock, TagFlags, TagPump, TagSubscription
from simulated_devices.lab import SimulatedLab

StartLab = Callable[..., SimulatedLab]
ConnectTagger = Callable[..., Tdc1]


@pytest.fixture
def lab(start_lab: StartLab) -> SimulatedLab:
    lab = start_lab(dark_rate_hz=50_000.0)
    lab.world.pump.target_mw, lab.world.pump.emitting = 1.0, True
    return lab


@pytest.fixture
def tagger(lab: SimulatedLab, tagger_of: ConnectTagger) -> Tdc1:
    return tagger_of(lab)


@pytest.fixture
def pump(lab: SimulatedLab, tagger: Tdc1) -> Iterator[TagPump]:
    pump = TagPump(tagger, lab)
    yield pump
    for user in pump.users:
        pump.stop(user)


def drained(subscription: TagSubscription) -> list[TagBlock]:
    blocks = []
    while (block := subscription.get(0)) is not None:
        blocks.append(block)
    return blocks


def read_on(subscription: TagSubscription) -> None:
    while subscription.get(10.0) is not None:
        pass


def assert_joined_with_seams(blocks: list[TagBlock], seams: int) -> None:
    flagged = [block for block in blocks if block.flags & TagFlags.GAP]
    assert len(flagged) == seams
    for before, after in itertools.pairwise(blocks):
        assert after.start_ps >= before.stop_ps
        assert after.start_ps == before.stop_ps or after.flags & TagFlags.GAP
        assert after.sequence == before.sequence + 1


def test_the_stream_runs_until_its_last_user_stops(lab: SimulatedLab, pump: TagPump) -> None:
    pump.start("live")
    pump.start("run")
    assert pump.users == {"live", "run"}
    with pump.fanout.subscribe() as live:
        lab.wait(0.05)
        pump.stop("run")
        assert (pump.is_running, pump.users) == (True, frozenset({"live"}))
        lab.wait(0.05)
        assert_joined_with_seams(drained(live), 0)
    pump.stop("live")
    assert (pump.is_running, pump.restarts) == (False, 0)


def test_who_does_not_use_the_stream_cannot_end_it(pump: TagPump) -> None:
    pump.start("live")
    pump.stop("run")
    assert pump.is_running


def test_a_suspended_stream_lets_the_tagger_be_set_and_goes_on_with_a_gap(
    lab: SimulatedLab, pump: TagPump, tagger: Tdc1
) -> None:
    pump.start("live")
    with pump.fanout.subscribe() as live:
        lab.wait(0.05)
        with pytest.raises(InterlockError, match="stream"):
            tagger.threshold_v = -0.6
        with pump.suspended():
            tagger.threshold_v = -0.6
            assert tagger.threshold_v == pytest.approx(-0.6, abs=0.01)
        lab.wait(0.05)
        assert_joined_with_seams(drained(live), 1)
    assert (pump.is_running, pump.restarts) == (True, 1)


def test_a_value_that_is_refused_leaves_the_stream_running(pump: TagPump, tagger: Tdc1) -> None:
    pump.start("live")
    with pytest.raises(LimitError), pump.suspended():
        tagger.threshold_v = 99.0
    assert pump.is_running


def test_suspending_what_does_not_run_starts_nothing(pump: TagPump, tagger: Tdc1) -> None:
    with pump.suspended():
        tagger.threshold_v = -0.6
    assert not pump.is_running


def test_a_lost_stream_is_told_and_after_a_reconnect_the_same_subscription_goes_on(
    lab: SimulatedLab, pump: TagPump, tagger: Tdc1
) -> None:
    pump.start("live")
    with pump.fanout.subscribe() as live:
        lab.wait(0.05)
        before = drained(live)
        lab.fault("tagger", "unplug")
        with pytest.raises(LinkError):
            read_on(live)
        with pytest.raises(LinkError), pump.suspended():
            tagger.reconnect()
        assert "unplugged" in str(pump.error)
        lab.fault("tagger", "plug")
        lab.wait(0.2)
        with pump.suspended():
            tagger.reconnect()
        lab.wait(0.05)
        after = drained(live)
    assert (pump.error, pump.is_running) == (None, True)
    assert_joined_with_seams(before + after, 1)
    # Bench time went on by 0.2 s and some slices of 10 ms; so did tag time.
    away_ps = after[0].stop_ps - before[-1].stop_ps
    assert 0.19e12 < away_ps < 0.26e12
    # Tag time stays tied to bench time: never ahead, and late by no more than a delivery.
    tag_time_ps = pump.tag_time_ps(lab.now_s())
    assert tag_time_ps is not None
    assert tag_time_ps == pytest.approx(lab.world.time_ps, abs=5e10)


def test_users_who_come_and_go_at_the_same_time_leave_a_sound_stream(
    lab: SimulatedLab, pump: TagPump
) -> None:
    gate = threading.Barrier(6)

    def come_and_go(user: str) -> None:
        gate.wait()
        for _ in range(5):
            pump.start(user)
            with pump.suspended():
                pass
            pump.stop(user)

    threads = [threading.Thread(target=come_and_go, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (pump.users, pump.is_running) == (frozenset(), False)
    pump.start("live")
    with pump.fanout.subscribe() as live:
        lab.wait(0.05)
        assert_joined_with_seams(drained(live), 0)
