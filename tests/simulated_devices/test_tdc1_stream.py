"""What the TDC1's stream carries when its clock, its inputs or the device itself misbehave."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.errors import ConfigError, LimitError
from simulated_devices.devices.s15_tdc1 import Tdc1, build
from simulated_devices.instrument import Surroundings, faults_of
from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import TruthLog
from simulated_devices.world.slices import SLICE_PS, Slice

INPUTS = {"alice_h": 1, "alice_v": 2, "bob_h": 3, "bob_v": 4}
PERIOD_STEPS = 1 << 27
MARKER = 0x10

Words: TypeAlias = NDArray[np.uint32]


class Bench:
    """A counter that streams the clicks it is given, slice by slice."""

    def __init__(self, lab: SimulatedLab, options: Mapping[str, Any]) -> None:
        self.truth = TruthLog()
        self.tdc1: Tdc1 = build(Surroundings("tagger", lab.world, INPUTS, options, self.truth))
        self.tdc1.port.host_write(b"timestamp;INPKT;time 0;counts?\r\n")
        self.slices = 0
        self.rng = np.random.default_rng(0)

    def run(self, per_slice: int = 300, slices: int = 1) -> Words:
        """Let slices with so many clicks on each input pass, and return the words."""
        for _ in range(slices):
            start = self.slices * SLICE_PS
            self.slices += 1
            clicks = {
                name: np.sort(self.rng.integers(start, start + SLICE_PS, per_slice))
                for name in INPUTS
            }
            self.tdc1.advance(Slice(start, start + SLICE_PS, clicks))
        return self.words()

    def click(self, *times_ps: int) -> Words:
        """Let one slice pass with these clicks after its start on input 1."""
        start = self.slices * SLICE_PS
        self.slices += 1
        clicks = {name: np.empty(0, dtype=np.int64) for name in INPUTS}
        clicks["alice_h"] = start + np.array(times_ps, dtype=np.int64)
        self.tdc1.advance(Slice(start, start + SLICE_PS, clicks))
        return self.words()

    def words(self) -> Words:
        words: Words = np.frombuffer(self.tdc1.port.host_read(1 << 30, 0.0), dtype="<u4")
        return words


Start: TypeAlias = Callable[..., Bench]


@pytest.fixture
def start(start_lab: Callable[..., SimulatedLab]) -> Start:
    def begin(**options: Any) -> Bench:
        return Bench(start_lab(), options)

    return begin


def clicked(words: Words) -> Words:
    found: Words = words[(words & MARKER) == 0]
    return found


def tags_in(words: Words) -> list[int]:
    """Tags on each input."""
    return [int(np.count_nonzero(clicked(words) & (1 << bit))) for bit in range(4)]


def steps_of(words: Words) -> list[int]:
    return [int(word) >> 5 for word in clicked(words)]


def test_an_overflow_drops_as_many_tags_as_it_says(start: Start) -> None:
    bench = start()
    faults_of(bench.tdc1)["overflow"](tags=1500)
    words = bench.run(slices=3)
    assert bench.truth.lost.sum() == 1500
    assert bench.truth.detected[1:5].tolist() == [900] * 4
    assert tags_in(words) == bench.truth.counts[1:5].tolist()
    assert bench.truth.counts.sum() == 3600 - 1500


def test_what_exceeds_the_cable_is_dropped_and_counted(start: Start) -> None:
    bench = start(rate_limit_hz=50_000.0, burst_words=16)
    words = bench.run(per_slice=500, slices=10)
    assert bench.truth.detected[1:5].tolist() == [5000] * 4
    assert tags_in(words) == bench.truth.counts[1:5].tolist()
    # 100 ms of 50 kwords/s and one full memory, at most.
    assert 1000 < clicked(words).size <= 5000 + 16


def test_the_specified_rate_passes(start: Start) -> None:
    bench = start()
    bench.run(per_slice=20_000)
    assert bench.truth.lost.sum() == 0


def test_the_counter_rolls_over_soon_after_the_fault(start: Start) -> None:
    bench = start()
    bench.run()
    faults_of(bench.tdc1)["rollover"](within_us=4000)
    words = bench.run()
    (place,) = np.flatnonzero(words & MARKER)
    assert words[place] == MARKER
    before, after = steps_of(words[:place]), steps_of(words[place:])
    assert min(before) >= PERIOD_STEPS - 2_000_000
    # 10 ms slice, 4 ms of it before the rollover.
    assert max(after) < 3_000_000
    # Of 1200 clicks 40 % before it, 5 standard deviations of the binomial law.
    assert abs(len(before) - 480) < 5 * 17
    assert bench.truth.counts.sum() == 2400


def test_unsorted_words_are_the_same_words_within_the_stated_disorder(start: Start) -> None:
    bench, orderly = start(), start()
    faults_of(bench.tdc1)["unsorted"](words=200, within_us=500)
    words, expected = bench.run(), orderly.run()
    steps = np.array(steps_of(words))
    assert sorted(words.tolist()) == sorted(expected.tolist())
    (place,) = np.flatnonzero(np.diff(steps) < 0)
    assert 1 <= place < 200
    assert np.max(np.maximum.accumulate(steps) - steps) < 250_000
    assert bench.run().tolist() == orderly.run().tolist()


def test_a_swapped_block_holds_no_marker(start: Start) -> None:
    bench = start()
    bench.run()
    faults_of(bench.tdc1)["rollover"](within_us=4000)
    faults_of(bench.tdc1)["unsorted"](words=10_000, within_us=10_000)
    words = bench.run()
    (place,) = np.flatnonzero(words & MARKER)
    assert np.count_nonzero(np.diff(steps_of(words[:place])) < 0) == 1
    assert np.all(np.diff(steps_of(words[place:])) > 0)


def test_a_single_word_cannot_be_swapped(start: Start) -> None:
    bench = start()
    bench.click(1_000_000)
    faults_of(bench.tdc1)["unsorted"]()
    assert steps_of(bench.click(1_000_000)) == [5_000_500]


def test_a_duplicate_packet_counts_once_in_the_truth(start: Start) -> None:
    bench = start()
    bench.run()
    faults_of(bench.tdc1)["duplicate"]()
    words = bench.run()
    first, second = np.split(words, 2)
    assert first.tolist() == second.tolist()
    assert bench.truth.counts.sum() == 2400
    assert bench.run().size < 1201


def test_the_internal_clock_drifts_and_a_reference_holds_it(start: Start) -> None:
    bench = start(clock={"frequency_offset_ppb": 50_000.0}, has_external_clock=True)
    # 50 ppm of 10 ms are 500 ns, 250 steps; the click is 1 ms into its slice, another 25.
    at_1_ms = 500_000
    slice_steps = 5_000_000

    def late() -> int:
        slices = bench.slices
        return steps_of(bench.click(1_000_000_000))[0] - slices * slice_steps - at_1_ms

    def reply(command: bytes) -> bytes:
        bench.tdc1.port.host_write(command)
        return bench.tdc1.port.host_read(100, 0.0)

    assert [late(), late()] == [0, 0]
    faults_of(bench.tdc1)["reference_lost"]()
    assert reply(b"ECLOCK?\r\n") == b"0\r\n"
    assert [late(), late()] == [25, 275]
    faults_of(bench.tdc1)["reference_regained"]()
    assert reply(b"ECLOCK?\r\n") == b"1\r\n"
    # The phase stays where it was.
    assert [late(), late()] == [500, 500]
    reply(b"REFCLK 2\r\n")
    assert [late(), late()] == [525, 775]
    reply(b"REFCLK 1\r\n")
    assert [late(), late()] == [1000, 1000]


def test_an_input_delay_shifts_one_input(start: Start) -> None:
    plain, delayed = start(), start(delays_ps={"alice_h": 8000})
    assert steps_of(delayed.click(1_000_000))[0] == steps_of(plain.click(1_000_000))[0] + 4


def test_the_rollover_follows_the_tagger_s_own_clock(start: Start) -> None:
    bench = start(clock={"offset_ps": -5_000_000})
    words = bench.run()
    (place,) = np.flatnonzero(words & MARKER)
    assert len(steps_of(words[:place])) < 10
    assert min(steps_of(words[:place]), default=PERIOD_STEPS - 1) >= PERIOD_STEPS - 2500


def test_every_fault_has_keywords_with_defaults_and_a_sentence(start: Start) -> None:
    faults = faults_of(start().tdc1)
    assert len(faults) == 6
    for fault in faults.values():
        assert (inspect.getdoc(fault) or "").endswith(".")
        for parameter in inspect.signature(fault, eval_str=True).parameters.values():
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.annotation in {bool, int, float, str}
            assert parameter.default is not parameter.empty
        fault()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("overflow", {"tags": 0}, "tags = 0 is not at least 1"),
        ("rollover", {"within_us": 300_000}, "not below the counter's period, 268435 us"),
        ("unsorted", {"words": -1}, "words = -1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    start: Start, name: str, values: dict[str, int], message: str
) -> None:
    with pytest.raises(LimitError, match=message):
        faults_of(start().tdc1)[name](**values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clocks": {}}, r"\[simulation.instruments.tagger\] clocks.*options are: clock, has"),
        ({"clock": {"reference": "external"}}, "clock.reference is chosen by the command REFCLK"),
        ({"clock": {"white_fm": -1.0}}, "clock.white_fm"),
        ({"delays_ps": {"alice": 1}}, "delays_ps.alice: no such input"),
        ({"rate_limit_hz": 0.0}, "rate_limit_hz"),
    ],
)
def test_mistaken_options_are_refused(start: Start, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        start(**options)
