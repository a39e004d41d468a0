from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labctl.errors import InstrumentError, InterlockError, LimitError, LinkError

Rig = Any
MakeRig = Callable[..., Rig]
FOUR_ZEROS = [0.0] * 4


def test_a_ramp_goes_in_bounded_steps_with_time_between(rig: Rig) -> None:
    seen = [list(rig.bias_ua)]
    waits = []
    for wait_s in rig.websq.ramp_bias((12.0, 4.2, 10.0, 0.0)):
        seen.append(list(rig.bias_ua))
        waits.append(wait_s)
        rig.lab.wait(wait_s)
    for before, after in itertools.pairwise(seen):
        assert max(abs(b - a) for a, b in zip(before, after, strict=True)) <= 0.5 + 1e-9
    assert seen[-1] == [12.0, 4.2, 10.0, 0.0]
    # The longest way is 10 µA in steps of 0.5 µA.
    assert len(waits) == 20
    assert min(waits) >= 0.05


def test_a_ramp_tells_every_step(rig: Rig) -> None:
    told: list[Any] = []
    rig.websq.on_change = lambda name, value, unit: told.append((name, value, unit))
    rig.run(rig.websq.ramp_bias((9.0,) * 4))
    assert told == [("bias_ua", (9.5,) * 4, "µA"), ("bias_ua", (9.0,) * 4, "µA")]


def test_closing_a_ramp_leaves_the_bias_where_it_is(rig: Rig) -> None:
    ramp = rig.websq.ramp_bias(FOUR_ZEROS)
    next(ramp)
    next(ramp)
    ramp.close()
    assert rig.bias_ua == [9.0] * 4


def test_the_link_is_free_between_steps_and_safe_ends_the_ramp(rig: Rig) -> None:
    rig.websq.bias_ua = (5.0,) * 4
    ramp = rig.websq.ramp_bias((10.0,) * 4)
    next(ramp)
    other = threading.Thread(target=rig.websq.make_safe)
    other.start()
    other.join(2.0)
    assert not other.is_alive()
    with pytest.raises(InterlockError, match="snspd was made safe"):
        next(ramp)
    assert rig.bias_ua == FOUR_ZEROS


def test_safe_ends_a_ramp_that_was_not_yet_begun(rig: Rig) -> None:
    ramp = rig.websq.ramp_bias((10.0,) * 4)
    rig.websq.make_safe()
    with pytest.raises(InterlockError, match="made safe"):
        next(ramp)
    assert rig.bias_ua == FOUR_ZEROS


def test_a_ramp_stops_when_another_client_changes_the_bias(rig: Rig) -> None:
    ramp = rig.websq.ramp_bias((12.0,) * 4)
    next(ramp)
    rig.instrument.port.host_write(
        b'{"command": "SetAllBiasCurrents", "label": "BiasCurrent", "value": [1, 1, 1, 1]}'
    )
    with pytest.raises(InterlockError, match="somebody else changed it"):
        next(ramp)
    assert rig.bias_ua == [1.0] * 4


def test_a_latched_channel_shows_its_voltage(rig: Rig) -> None:
    assert rig.websq.latched_channels() == ()
    rig.instrument.latch(2)
    assert rig.websq.latched_channels() == (2,)
    # 10 µA through 50 ohm and 100 kohm.
    assert rig.websq.bias_voltage_mv == pytest.approx((0.5, 1000.5, 0.5, 0.5))


def test_rearming_brings_a_latched_channel_back(rig: Rig) -> None:
    rig.websq.bias_ua = (9.0, 10.0, 10.0, 12.0)
    rig.instrument.latch(2)
    rig.instrument.latch(4)
    dips = []
    for wait_s in rig.websq.rearm_latched():
        dips.append(list(rig.bias_ua))
        rig.lab.wait(wait_s)
    assert rig.websq.latched_channels() == ()
    assert rig.bias_ua == [9.0, 10.0, 10.0, 12.0]
    assert dips[0] == [9.0, 0.0, 10.0, 0.0]
    assert all((one, three) == (9.0, 10.0) for one, _, three, _ in dips)
    for before, after in itertools.pairwise(dips):
        assert max(abs(b - a) for a, b in zip(before, after, strict=True)) <= 0.5 + 1e-9


def test_nothing_is_done_when_no_channel_is_latched(rig: Rig) -> None:
    rig.written.clear()
    rig.run(rig.websq.rearm_latched())
    assert not [data for data in rig.written if data.startswith(b'{"command"')]


def test_a_channel_that_latches_again_stays_at_zero(rig: Rig) -> None:
    # The wires latch above 13 µA.
    rig.websq.bias_ua = (10.0, 13.5, 10.0, 10.0)
    seen = []

    def watched(waits: Iterator[float]) -> Iterator[float]:
        for wait_s in waits:
            seen.append(rig.bias_ua[1])
            yield wait_s

    with pytest.raises(InstrumentError, match="detectors 2 of snspd latched again after 3"):
        rig.run(watched(rig.websq.rearm_latched()))
    assert seen.count(0.0) == 3
    assert seen.count(13.5) == 3
    assert rig.bias_ua == [10.0, 0.0, 10.0, 10.0]


def test_safe_ends_a_rearming(rig: Rig) -> None:
    rig.instrument.latch(1)
    rearming = rig.websq.rearm_latched()
    rig.lab.wait(next(rearming))
    rig.websq.make_safe()
    with pytest.raises(InterlockError, match="made safe"):
        rig.run(rearming)
    assert rig.bias_ua == FOUR_ZEROS


def test_the_automatic_bias_is_refused_unless_it_is_dark(rig: Rig) -> None:
    with pytest.raises(InterlockError, match="needs dark detectors"):
        rig.websq.auto_bias((100.0,) * 4, is_dark=False)
    assert not rig.instrument.values["StartAutoIV"]


def test_the_automatic_bias_is_refused_while_the_detectors_are_off(rig: Rig) -> None:
    rig.websq.detectors_enabled = False
    with pytest.raises(InterlockError, match="the detectors are off"):
        rig.websq.auto_bias((100.0,) * 4, is_dark=True)


def found_by(rig: Rig, search: Any) -> Any:
    while True:
        try:
            rig.lab.wait(next(search))
        except StopIteration as end:
            return end.value


def test_the_automatic_bias_finds_the_wanted_darks(make_rig: MakeRig) -> None:
    # Darks are 100/s times exp((I - 10 µA)/1 µA), and the search looks for 10 counts in 0.1 s.
    # It ends at 8 µA (1.35 counts expected) or goes beyond 11.5 µA (45 expected) with a
    # probability below 2e-6.
    rig = make_rig(nanowire={"latching_ua": 20.0})
    found = found_by(rig, rig.websq.auto_bias((100.0,) * 4, is_dark=True))
    assert list(found) == rig.bias_ua
    assert all(8.5 <= bias <= 11.5 for bias in found)
    assert not rig.websq.auto_bias_is_running


def test_closing_the_automatic_bias_takes_the_bias_off(rig: Rig) -> None:
    search = rig.websq.auto_bias((100.0,) * 4, is_dark=True)
    for _ in range(5):
        rig.lab.wait(next(search))
    assert max(rig.bias_ua) > 1.0
    search.close()
    assert rig.bias_ua == FOUR_ZEROS
    assert not rig.instrument.values["StartAutoIV"]


def test_safe_ends_the_automatic_bias(rig: Rig) -> None:
    search = rig.websq.auto_bias((100.0,) * 4, is_dark=True)
    rig.lab.wait(next(search))
    rig.websq.make_safe()
    with pytest.raises(InterlockError, match="made safe"):
        found_by(rig, search)
    rig.lab.wait(1.0)
    assert rig.bias_ua == FOUR_ZEROS


def test_an_automatic_bias_beyond_the_limit_is_taken_off(make_rig: MakeRig) -> None:
    rig = make_rig(limits={"bias_ua": (0.0, 6.0)})
    with pytest.raises(LimitError, match="the limit is 6 µA"):
        found_by(rig, rig.websq.auto_bias((100.0,) * 4, is_dark=True))
    assert rig.bias_ua == FOUR_ZEROS


def test_safe_takes_every_bias_off_and_says_so(rig: Rig) -> None:
    told: list[Any] = []
    rig.websq.on_change = lambda *change: told.append(change)
    rig.instrument.latch(3)
    rig.websq.make_safe()
    assert rig.bias_ua == FOUR_ZEROS
    assert told == [("bias_ua", (0.0,) * 4, "µA")]


def test_safe_is_not_kept_off_by_a_reported_fault(rig: Rig) -> None:
    rig.instrument.tell("TemperatureError", "4.2 K")
    rig.websq.make_safe()
    assert rig.bias_ua == FOUR_ZEROS


def test_safe_shouts_when_the_bias_stays(rig: Rig) -> None:
    rig.instrument.ignores_commands = True
    with pytest.raises(InstrumentError, match="THE BIAS OF snspd COULD NOT BE CONFIRMED ZERO"):
        rig.websq.make_safe()


def test_safe_says_that_the_link_is_lost(rig: Rig) -> None:
    rig.instrument.port.unplug()
    with pytest.raises(LinkError):
        rig.websq.make_safe()


def test_the_world_goes_dark_with_the_bias(rig: Rig) -> None:
    rig.lab.world.pump.target_mw = 5.0
    rig.lab.world.pump.emitting = True
    rig.websq.make_safe()
    # Light and clicks under way when the bias went are out after two slices.
    rig.lab.wait(0.02)
    rig.websq.read_counts()
    rig.lab.wait(0.2)
    assert {sum(line.counts) for line in rig.websq.read_counts()[-1:]} == {0}
