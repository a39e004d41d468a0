"""A bundle whose window and histograms are chosen anew while tags come."""

from __future__ import annotations

import numpy as np
import pytest

from labctl.analysis import LiveBundle, coincidence_matrix, count_rates, cross_correlation
from labctl.tags.block import TagBlock

DELAYS = [0, 30, -500]


@pytest.fixture
def parts() -> list[TagBlock]:
    rng = np.random.default_rng(12)
    times_ps = np.sort(rng.integers(0, 1_000_000, 3000))
    channels = rng.integers(0, 3, 3000).astype(np.uint8)
    middle = int(np.searchsorted(times_ps, 500_000))
    return [
        TagBlock(times_ps[:middle], channels[:middle], 0, 500_000),
        TagBlock(times_ps[middle:], channels[middle:], 500_000, 1_000_000),
    ]


def whole(parts: list[TagBlock]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([part.times_ps for part in parts]),
        np.concatenate([part.channels for part in parts]),
    )


def test_another_window_touches_neither_singles_nor_histograms(parts: list[TagBlock]) -> None:
    bundle = LiveBundle(3, 100, [(0, 1), (1, 2)], 3000, 50, DELAYS)
    bundle.update(parts[0])
    bundle.choose_window(5000)
    assert bundle.result().matrix.window_full_ps == 5000
    bundle.update(parts[1])
    found = bundle.result()
    tags = whole(parts)
    lags = cross_correlation(*tags, 3, [(0, 1), (1, 2)], 3000, 50, DELAYS)
    assert found.correlation.counts.tolist() == lags.counts.tolist()
    assert found.rates.counts.tolist() == count_rates(*tags, 3).counts.tolist()
    # Of the first block only what its last tags, within a window of the cut, share with the rest.
    after = coincidence_matrix(*whole(parts[1:]), 3, 5000, DELAYS).counts
    across = coincidence_matrix(*tags, 3, 5000, DELAYS).counts - (
        coincidence_matrix(*whole(parts[:1]), 3, 5000, DELAYS).counts + after
    )
    begun = found.matrix.counts - after
    assert np.all(begun >= 0)
    # Tags held for delays of 530 ps count too: three in 1000 ps, with fifteen in 5000 ps each.
    assert np.all(begun <= across + 60)


def test_a_pair_that_stays_goes_on_and_a_new_one_begins_at_zero(parts: list[TagBlock]) -> None:
    bundle = LiveBundle(3, 100, [(0, 1), (1, 2)], 3000, 50)
    bundle.update(parts[0])
    bundle.choose_histograms([(2, 0), (0, 1)], 3000, 50)
    assert bundle.result().correlation.counts[0].sum() == 0
    bundle.update(parts[1])
    found = bundle.result()
    lags = cross_correlation(*whole(parts), 3, [(2, 0), (0, 1)], 3000, 50)
    earlier = cross_correlation(*whole(parts[:1]), 3, [(2, 0)], 3000, 50)
    assert found.correlation.pairs == ((2, 0), (0, 1))
    assert found.correlation.counts[1].tolist() == lags.counts[1].tolist()
    new = (lags.counts[0] - earlier.counts[0]).tolist()
    assert found.correlation.counts[0].tolist() == new
    matrix = coincidence_matrix(*whole(parts), 3, 100).counts
    assert found.matrix.counts.tolist() == matrix.tolist()


def test_other_bins_begin_all_histograms_anew(parts: list[TagBlock]) -> None:
    bundle = LiveBundle(3, 100, [(0, 1)], 3000, 50)
    bundle.update(parts[0])
    bundle.choose_histograms([(0, 1)], 1000, 100)
    bundle.update(parts[1])
    found = bundle.result().correlation
    lags = cross_correlation(*whole(parts), 3, [(0, 1)], 1000, 100)
    earlier = cross_correlation(*whole(parts[:1]), 3, [(0, 1)], 1000, 100)
    assert found.lags_ps.tolist() == lags.lags_ps.tolist()
    assert found.counts.tolist() == (lags.counts - earlier.counts).tolist()


def test_a_wrong_choice_is_refused_and_changes_nothing(parts: list[TagBlock]) -> None:
    bundle = LiveBundle(3, 100, [(0, 1)], 3000, 50)
    with pytest.raises(ValueError, match="window_full_ps = 0"):
        bundle.choose_window(0)
    with pytest.raises(ValueError, match="bin_ps = -1"):
        bundle.choose_histograms([(0, 1)], 3000, -1)
    with pytest.raises(ValueError, match="3"):
        bundle.choose_histograms([(0, 3)], 3000, 50)
    for part in parts:
        bundle.update(part)
    lags = cross_correlation(*whole(parts), 3, [(0, 1)], 3000, 50)
    assert bundle.result().correlation.counts.tolist() == lags.counts.tolist()
