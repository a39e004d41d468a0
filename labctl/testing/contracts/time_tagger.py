"""What every time tagger must keep, beside what every device must."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

import itertools
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from labctl.device import Device, Setting
from labctl.errors import InterlockError, LinkError
from labctl.lab import Lab
from labctl.tags import TagBlock, TagPump, TimeTagger
from labctl.testing.contracts.device import NAME, DeviceContract

__all__ = ["TimeTaggerContract"]

#: A tenth of what the detectors of the contract's bench click in half a second.
_ENOUGH_TAGS = 4000


class TimeTaggerContract(DeviceContract):
    """The stream holds every tag that was sent, in order, in blocks that join."""

    is_strict: ClassVar[bool] = True

    @pytest.fixture
    def tagger(self, device: Device) -> TimeTagger:
        """Return the instrument as a time tagger."""
        return cast("TimeTagger", device)

    @pytest.fixture
    def pump(self, lab: Lab) -> TagPump:
        """Return the pump of its stream."""
        return lab.bench.pumps[NAME]

    def stream(self, lab: Lab, pump: TagPump, duration_s: float = 0.5) -> list[TagBlock]:
        """Return the blocks of a stream while bench time passes, to the last tag sent."""
        sent_before = int(lab.simulation.truth[NAME].counts.sum())
        tags_before = pump.tags
        with pump.fanout.subscribe() as subscription:
            pump.start()
            lab.clock.wait(duration_s)
            sent = int(lab.simulation.truth[NAME].counts.sum()) - sent_before
            blocks: list[TagBlock] = []
            while sum(len(block) + block.lost for block in blocks) < sent:
                block = subscription.get(10.0)
                assert block is not None, "tags that were sent did not arrive"
                blocks.append(block)
            pump.stop()
        assert pump.tags + pump.lost - tags_before == sent
        return blocks

    def test_it_says_what_it_can(self, tagger: TimeTagger) -> None:
        assert tagger.resolution_ps >= 1
        assert len(set(tagger.channels)) == len(tagger.channels) > 0
        assert 0 <= tagger.latency_s < 1
        assert not tagger.is_patient

    def test_its_blocks_are_sorted_and_join_and_nothing_is_lost(
        self, lab: Lab, pump: TagPump, tagger: TimeTagger
    ) -> None:
        blocks = self.stream(lab, pump)
        assert sum(len(block) for block in blocks) > _ENOUGH_TAGS
        for block in blocks:
            assert np.all(np.diff(block.times_ps) >= 0)
            assert np.all(block.times_ps >= block.start_ps)
            assert np.all(block.times_ps < block.stop_ps)
            assert np.all(block.times_ps % tagger.resolution_ps == 0)
            assert set(block.channels.tolist()) <= set(tagger.channels)
            assert block.is_lossless
        for before, after in itertools.pairwise(blocks):
            assert after.start_ps == before.stop_ps
            assert after.sequence == before.sequence + 1

    def test_every_wired_channel_has_the_tags_that_were_sent(self, lab: Lab, pump: TagPump) -> None:
        blocks = self.stream(lab, pump)
        channels = np.concatenate([block.channels for block in blocks])
        counted = np.bincount(channels, minlength=256)
        assert counted.tolist() == lab.simulation.truth[NAME].counts.tolist()
        wired = [detector.channel for detector in lab.bench.detectors.values()]
        assert np.all(counted[wired] > 0)

    def test_it_can_be_stopped_and_started_again(self, lab: Lab, pump: TagPump) -> None:
        for _ in range(3):
            assert self.stream(lab, pump, 0.1)

    def test_commands_are_answered_before_and_after_a_stream(
        self, lab: Lab, pump: TagPump, device: Device
    ) -> None:
        before = device.identify()
        self.stream(lab, pump, 0.1)
        assert device.identify() == before
        assert None not in device.snapshot().values()

    def test_while_it_streams_no_setting_changes(self, pump: TagPump, device: Device) -> None:
        before = device.snapshot()
        pump.start()
        for name, setting in device.parameters.items():
            if isinstance(setting, Setting):
                value = device.limits[name][0] if setting.limits else setting.choices[-1]  # type: ignore[index]  # has one of both
                with pytest.raises(InterlockError, match="stream"):
                    setattr(device, name, (value,) if setting.is_array else value)
        pump.stop()
        after = device.snapshot()
        settings = [n for n, p in device.parameters.items() if isinstance(p, Setting)]
        assert [after[name] for name in settings] == [before[name] for name in settings]

    def test_a_pulled_cable_is_told_to_who_waits_for_tags(
        self, lab: Lab, pump: TagPump, device: Device, instrument: Any
    ) -> None:
        with pump.fanout.subscribe() as subscription:
            pump.start()
            instrument.port.unplug()
            with pytest.raises(LinkError):
                subscription.get(10.0)
        with pytest.raises(LinkError):
            pump.stop()
        instrument.port.plug()
        device.link.reconnect()
        assert self.stream(lab, pump, 0.1)

    def test_the_same_seed_gives_the_same_tags(self, lab: Lab, pump: TagPump) -> None:
        blocks = self.stream(lab, pump, 0.1)
        path = lab.loaded.path
        with Lab(path, simulated=True, seed=1, speed=0) as other:
            again = self.stream(other, other.bench.pumps[NAME], 0.1)
        for part in ("times_ps", "channels"):
            one, two = (
                np.concatenate([getattr(block, part) for block in run]) for run in (blocks, again)
            )
            assert np.array_equal(one, two)
