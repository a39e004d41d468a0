"""What a live display counts can be changed, and only what depends on the change begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from labctl.analysis import coincidence_matrix, count_rates, cross_correlation
from labctl.errors import LimitError
from labctl.runs import LabSession, open_lab
from labctl.runs.live_counting import LiveSettings, LiveStream
from labctl.tags import TagBlock

BLOCK_PS = 50_000_000_000
SETTINGS = LiveSettings((("alice_h", "bob_h"), ("alice_v", "bob_v")), 6000, 40_000, 2000, 0.5)
PAIRS = [(1, 3), (2, 4)]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabSession]:
    with open_lab(simulated=True, speed=0) as opened:
        yield opened


@pytest.fixture
def stream(lab: LabSession) -> LiveStream:
    return LiveStream(lab.bench, lab.bench.pumps["tagger"].tagger, SETTINGS)


def blocks(first: int, stop: int) -> list[TagBlock]:
    """Blocks of 50 ms with 20 000 tags on channels 1 to 4, in steps of 2 ns; one seed each."""
    made = []
    for number in range(first, stop):
        rng = np.random.default_rng([11, number])
        start_ps = number * BLOCK_PS
        times_ps = np.sort(rng.integers(0, BLOCK_PS // 2000, 20_000)) * 2000 + start_ps
        channels = rng.integers(1, 5, times_ps.size).astype(np.uint8)
        made.append(TagBlock(times_ps, channels, start_ps, start_ps + BLOCK_PS))
    return made


def joined(counted: list[TagBlock]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([block.times_ps for block in counted]),
        np.concatenate([block.channels for block in counted]),
    )


def feed(stream: LiveStream, counted: list[TagBlock]) -> None:
    for block in counted:
        stream.update(block)
        stream.advance()


def lags(
    counted: list[TagBlock], pairs: Any = PAIRS, reach: int = 40_000, width: int = 2000
) -> Any:
    return cross_correlation(*joined(counted), 5, pairs, reach, width).counts.tolist()


def test_another_window_keeps_histograms_and_rates(stream: LiveStream) -> None:
    before, after = blocks(0, 20), blocks(20, 26)
    feed(stream, before)
    stream.configure(replace(SETTINGS, window_full_ps=20_000))
    feed(stream, after)
    assert stream.histogram()["counts"] == lags(before + after)
    told = stream.rates()
    # The singles are still those of half a second, ten blocks.
    expected = count_rates(*joined((before + after)[-10:]), 5).counts / 0.5
    assert told["live_s"] == pytest.approx(0.5)
    assert [d["rate_hz"] for d in told["detectors"].values()] == pytest.approx(expected[1:])


def test_another_window_begins_the_coincidences_anew(stream: LiveStream) -> None:
    before, after = blocks(0, 20), blocks(20, 26)
    feed(stream, before)
    stream.configure(replace(SETTINGS, window_full_ps=20_000))
    feed(stream, after)
    told = stream.matrix()
    # A pair counts with its later tag: those of the new blocks, some of them with older ones.
    everything = coincidence_matrix(*joined(before + after), 5, 20_000).counts
    earlier = coincidence_matrix(*joined(before), 5, 20_000).counts
    assert told["counts"] == (everything - earlier)[1:, 1:].tolist()
    assert told["live_s"] == pytest.approx(6 * 0.05)
    assert told["window_age_s"] == pytest.approx(6 * 0.05)
    pair = stream.rates()["pairs"]["alice_h-bob_h"]
    assert pair["rate_hz"] == pytest.approx(told["counts"][0][2] / 0.3)
    a, b = (count_rates(*joined(after), 5).counts[channel] for channel in (1, 3))
    # 11 steps of 2 ns fit into a window of 20 ns.
    assert pair["accidentals_hz"] == pytest.approx(a / 0.3 * b / 0.3 * 22e-9)


def test_coincidences_of_the_former_window_are_never_told_for_the_new_one(
    stream: LiveStream,
) -> None:
    feed(stream, blocks(0, 20))
    stream.configure(replace(SETTINGS, window_full_ps=2))
    assert np.sum(stream.matrix()["counts"]) == 0
    assert stream.rates()["pairs"]["alice_h-bob_h"]["rate_hz"] is None
    feed(stream, blocks(20, 50))
    # By now the interval has slid past the change.
    assert stream.matrix()["live_s"] == pytest.approx(0.5)


def test_another_interval_begins_nothing_anew(stream: LiveStream) -> None:
    counted = blocks(0, 20)
    feed(stream, counted)
    stream.configure(replace(SETTINGS, interval_s=0.2))
    feed(stream, last := blocks(20, 21))
    assert stream.rates()["live_s"] == pytest.approx(0.2)
    assert stream.histogram()["counts"] == lags(counted + last)
    assert stream.rates()["window_age_s"] is None


def test_other_bins_begin_the_histograms_anew_and_nothing_else(stream: LiveStream) -> None:
    before, after = blocks(0, 20), blocks(20, 26)
    feed(stream, before)
    stream.configure(replace(SETTINGS, range_ps=100_000, bin_ps=4000))
    assert np.sum(stream.histogram()["counts"]) == 0
    feed(stream, after)
    told = stream.histogram()
    # A new histogram also has the pairs of new tags with those just before the change.
    new = np.array(lags(before + after, PAIRS, 100_000, 4000))
    old = np.array(lags(before, PAIRS, 100_000, 4000))
    assert np.abs(np.array(told["counts"]) - (new - old)).sum() <= 2
    assert told["pairs_live_s"] == pytest.approx([0.3, 0.3])
    assert told["bins_age_s"] == pytest.approx(0.3)
    singles = count_rates(*joined(after), 5).counts
    assert told["singles"][0] == [singles[1], singles[3]]
    assert told["accidentals_per_bin"][0] == pytest.approx(singles[1] * singles[3] * 4e-9 / 0.3)
    assert stream.matrix()["live_s"] == pytest.approx(0.5)


def test_a_new_pair_counts_from_its_choice_and_the_others_go_on(stream: LiveStream) -> None:
    before, after = blocks(0, 20), blocks(20, 26)
    feed(stream, before)
    pairs = (("bob_h", "bob_v"), *SETTINGS.pairs)
    stream.configure(replace(SETTINGS, pairs=pairs))
    feed(stream, after)
    told = stream.histogram()
    assert told["pairs"] == ["bob_h-bob_v", "alice_h-bob_h", "alice_v-bob_v"]
    assert told["counts"][1:] == lags(before + after)
    assert told["pairs_live_s"] == pytest.approx([0.3, 1.3, 1.3])
    added = np.array(lags(before + after, [(3, 4)])) - np.array(lags(before, [(3, 4)]))
    assert told["counts"][0] == added[0].tolist()
    assert told["bins_age_s"] is None
    # A pair that was let go and chosen again begins at zero.
    stream.configure(replace(SETTINGS, pairs=pairs[:1]))
    stream.configure(replace(SETTINGS, pairs=pairs[:2]))
    assert np.sum(stream.histogram()["counts"][1]) == 0


def test_a_wrong_choice_changes_nothing(stream: LiveStream) -> None:
    counted = blocks(0, 4)
    feed(stream, counted)
    with pytest.raises(LimitError, match='"carol" is no detector of tagger'):
        stream.configure(replace(SETTINGS, window_full_ps=2, pairs=(("alice_h", "carol"),)))
    assert stream.settings == SETTINGS
    assert stream.histogram()["counts"] == lags(counted)


def test_after_an_interruption_rates_are_those_since_and_histograms_go_on(
    stream: LiveStream,
) -> None:
    before, after = blocks(0, 20), blocks(40, 43)
    feed(stream, before)
    stream.interrupt()
    feed(stream, after)
    assert stream.rates()["live_s"] == pytest.approx(0.15)
    apart = np.array(lags(before)) + np.array(lags(after))
    assert stream.histogram()["counts"] == apart.tolist()


def test_a_long_interval_keeps_few_marks_and_its_length(stream: LiveStream) -> None:
    stream.configure(replace(SETTINGS, interval_s=600.0))
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
    for number in range(14_000):
        start_ps = number * BLOCK_PS
        stream.update(TagBlock(*nothing, start_ps, start_ps + BLOCK_PS))
        if number % 2 == 0:
            stream.advance()
    assert len(stream._marks) < 220
    # Known to one step of the interval.
    assert stream.rates()["live_s"] == pytest.approx(600.0, abs=3.1)


def test_a_peak_is_told_with_its_fit(stream: LiveStream) -> None:
    rng = np.random.default_rng(5)
    stop_ps = 20 * BLOCK_PS
    first_ps = np.sort(rng.integers(0, stop_ps - 20_000, 4000))
    # 9 ns apart with a jitter of 3 ns, both times rounded down to 2 ns as the tagger does.
    second_ps = first_ps + np.round(rng.normal(9000, 3000, first_ps.size)).astype(np.int64)
    times_ps = np.concatenate([first_ps, second_ps]) // 2000 * 2000
    order = np.argsort(times_ps, kind="stable")
    channels = np.repeat(np.array([1, 3], np.uint8), first_ps.size)[order]
    stream.update(TagBlock(times_ps[order], channels, 0, stop_ps))
    stream.advance()
    told = stream.histogram()
    fit, without = told["fits"]
    assert fit["problem"] == ""
    assert fit["position_ps"]["value"] == pytest.approx(9000, abs=5 * fit["position_ps"]["sigma"])
    assert fit["position_ps"]["sigma"] == pytest.approx(3000 / np.sqrt(4000), rel=0.1)
    assert fit["fwhm_ps"]["value"] == pytest.approx(7064, abs=5 * fit["fwhm_ps"]["sigma"])
    seen = told["counts"][0][fit["first_bin"] :][: len(fit["expected"])]
    assert sum(fit["expected"]) == pytest.approx(sum(seen), rel=0.001)
    assert without == {"problem": "no peak: its excess is 0.0 σ, 5 σ are needed"}
