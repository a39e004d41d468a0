"""Live counts by name are those of the analyzers, over the newest interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from labctl.analysis import coincidence_matrix, count_rates, cross_correlation
from labctl.errors import LimitError
from labctl.runs import LabSession, open_lab
from labctl.runs.live_counting import LiveSettings, LiveStream, settings_for
from labctl.tags import TagBlock, TagFlags

MS = 1_000_000_000
BLOCK_PS = 50 * MS
SETTINGS = LiveSettings((("alice_h", "bob_h"), ("alice_v", "bob_v")), 6000, 40_000, 2000, 0.5)


@pytest.fixture
def lab() -> Iterator[LabSession]:
    with open_lab(simulated=True, speed=0) as opened:
        yield opened


def stream_of(lab: LabSession, settings: LiveSettings = SETTINGS) -> LiveStream:
    return LiveStream(lab.bench, lab.bench.pumps["tagger"].tagger, settings)


def random_blocks(count: int, *, seed: int = 7) -> list[TagBlock]:
    """Blocks of 50 ms with 2000 tags on channels 1 to 4, times in steps of 2 ns."""
    rng = np.random.default_rng(seed)
    blocks = []
    for number in range(count):
        start_ps = number * BLOCK_PS
        times_ps = np.sort(rng.integers(0, BLOCK_PS // 2000, 2000)) * 2000 + start_ps
        channels = rng.integers(1, 5, 2000).astype(np.uint8)
        blocks.append(TagBlock(times_ps, channels, start_ps, start_ps + BLOCK_PS))
    return blocks


def joined(blocks: list[TagBlock]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
    )


def test_rates_are_those_of_the_newest_interval(lab: LabSession) -> None:
    stream = stream_of(lab)
    blocks = random_blocks(40)
    for block in blocks:
        stream.update(block)
        stream.advance()
    told = stream.rates()
    # Half a second is ten blocks.
    times_ps, channels = joined(blocks[-10:])
    expected = count_rates(times_ps, channels, 5).counts / 0.5
    assert told["live_s"] == pytest.approx(0.5)
    assert [d["rate_hz"] for d in told["detectors"].values()] == pytest.approx(expected[1:])
    assert told["detectors"]["alice_h"]["sigma_hz"] == pytest.approx(
        np.sqrt(expected[1] * 0.5) / 0.5
    )


def test_coincidences_are_those_of_the_newest_interval(lab: LabSession) -> None:
    stream = stream_of(lab)
    blocks = random_blocks(40)
    for block in blocks:
        stream.update(block)
        stream.advance()
    # A pair across the interval's beginning counts with the block of its later tag.
    everything = coincidence_matrix(*joined(blocks), 5, 6000).counts
    earlier = coincidence_matrix(*joined(blocks[:30]), 5, 6000).counts
    told = np.array(stream.matrix()["counts"])
    assert told.tolist() == (everything - earlier)[1:, 1:].tolist()
    assert stream.rates()["pairs"]["alice_h-bob_h"]["rate_hz"] == pytest.approx(told[0, 2] / 0.5)


def test_accidentals_are_the_product_of_the_singles_and_the_effective_window(
    lab: LabSession,
) -> None:
    stream = stream_of(lab)
    for block in random_blocks(10):
        stream.update(block)
    stream.advance()
    told = stream.rates()
    a, b = told["detectors"]["alice_h"]["rate_hz"], told["detectors"]["bob_h"]["rate_hz"]
    # Three steps of 2 ns fit into the window of 6 ns.
    assert told["pairs"]["alice_h-bob_h"]["accidentals_hz"] == pytest.approx(a * b * 6e-9)


def test_histograms_add_up_until_they_are_reset(lab: LabSession) -> None:
    stream = stream_of(lab)
    blocks = random_blocks(40)
    for block in blocks:
        stream.update(block)
        stream.advance()
    told = stream.histogram()
    expected = cross_correlation(*joined(blocks), 5, [(1, 3), (2, 4)], 40_000, 2000)
    assert told["pairs"] == ["alice_h-bob_h", "alice_v-bob_v"]
    assert told["counts"] == expected.counts.tolist()
    assert told["first_lag_ps"] == -40_000
    stream.reset()
    stream.advance()
    assert np.sum(stream.histogram()["counts"]) == 0


def test_lost_tags_cut_the_live_time_and_are_told(lab: LabSession) -> None:
    stream = stream_of(lab)
    good, bad = random_blocks(2)
    stream.update(good)
    lossy = TagBlock(
        bad.times_ps, bad.channels, bad.start_ps, bad.stop_ps, lost=7, flags=TagFlags.OVERFLOW
    )
    stream.update(lossy)
    stream.advance()
    assert stream.rates()["live_s"] == pytest.approx(0.05)
    assert stream.rates()["lost"] == 7


def test_without_tags_no_rate_is_told(lab: LabSession) -> None:
    stream = stream_of(lab)
    stream.advance()
    assert stream.rates()["detectors"]["alice_h"]["rate_hz"] is None
    assert stream.rates_hz() == {}
    assert stream.histogram()["peaks"] == [None, None]


def test_the_first_settings_are_the_benchs_window_and_all_pairs_between_stations(
    lab: LabSession,
) -> None:
    settings = settings_for(lab.bench, lab.bench.pumps["tagger"].tagger)
    assert settings.window_full_ps == 6000
    assert settings.bin_ps == 2000
    assert set(settings.pairs) == {
        (a, b) for a in ("alice_h", "alice_v") for b in ("bob_h", "bob_v")
    }


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"window_full_ps": 0}, "window_full_ps = 0 is not above 0"),
        ({"interval_s": float("inf")}, "interval_s = inf"),
        ({"range_ps": 10**9, "bin_ps": 1}, "more than 4001"),
        ({"pairs": (("a", "b"),) * 17}, "17 histograms are more than 16"),
    ],
)
def test_settings_out_of_bounds_are_refused(changed: dict[str, object], reason: str) -> None:
    wanted: dict[str, object] = {
        "pairs": (),
        "window_full_ps": 6000,
        "range_ps": 40_000,
        "bin_ps": 2000,
        **changed,
    }
    with pytest.raises(LimitError, match=reason):
        LiveSettings(**wanted)  # type: ignore[arg-type]


def test_a_detector_that_is_not_on_the_tagger_is_refused(lab: LabSession) -> None:
    wanted = LiveSettings((("alice_h", "carol"),), 6000, 40_000, 2000)
    with pytest.raises(LimitError, match='"carol" is no detector of tagger'):
        stream_of(lab, wanted)
