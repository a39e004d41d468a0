"""Second-order correlation of two channels, heralded by a third."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Batch
from labctl.analysis._roles import checked_parts, role_aligner, role_channels
from labctl.analysis._stream import StreamAnalyzer
from labctl.analysis.fold_results import HeraldedG2
from labctl.tags.block import Times

__all__ = ["HeraldedG2Analyzer", "heralded_g2"]

#: Lags beyond three days would leave int64.
MAX_LAG_PS = 1 << 58
HERALD, A, B, OTHER = range(4)


def heralded_g2(
    times_ps: ArrayLike,
    channels: ArrayLike,
    herald: int,
    a: int,
    b: int,
    window_full_ps: int,
    lags_ps: ArrayLike,
    *,
    delays_ps: ArrayLike | None = None,
) -> HeraldedG2:
    """Return C_h12·N_h/(C_h1·C_h2) at each lag: below 1 the heralded light is antibunched.

    Convention `all_combinations`, for the lag τ of b after a: C_h1 counts the pairs of herald
    and a with |t_a - t_h| <= w/2, C_h2(τ) those of herald and b with |t_b - t_h - τ| <= w/2,
    C_h12(τ) the triples that meet both, N_h the heralds (Grangier, Roger and Aspect, Europhys.
    Lett. 1, 173, for τ = 0). Accidentals are not subtracted; the effective width of the
    windows on a coarse tagger cancels. Heralds closer to a gap or an end of the stream than the
    largest lag see part of their partners. The cost grows with the tags between herald and
    farthest lag: an offset common to all lags belongs into `delays_ps`.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        herald: channel of the herald.
        a: channel that stays at the herald.
        b: channel that is shifted by the lag.
        window_full_ps: full width w of both windows.
        lags_ps: whole picoseconds (m,), in any order.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign. Channels
            0 … n_channels - 1 exist; without delays any may occur.

    Raises:
        ValueError: unsorted times, a channel outside the range, two equal channels, delays that
            are not whole picoseconds, a window that is not positive, or no lag.
    """
    analyzer = HeraldedG2Analyzer(
        herald,
        a,
        b,
        window_full_ps,
        lags_ps,
        delays_ps=delays_ps,
    )
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class HeraldedG2Analyzer(StreamAnalyzer["HeraldedCounter"]):
    """`heralded_g2` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        herald: int,
        a: int,
        b: int,
        window_full_ps: int,
        lags_ps: ArrayLike,
        *,
        delays_ps: ArrayLike | None = None,
    ) -> None:
        roles = {"herald": herald, "a": a, "b": b}
        self._chosen = role_channels(roles, delays_ps)
        if len(set(self._chosen)) != len(roles):
            raise ValueError(f"herald, a and b = {self._chosen}: give three different channels")
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        self._lags_ps = _lags(lags_ps)
        distinct, rows = np.unique(self._lags_ps, return_inverse=True)
        self._rows = rows.reshape(-1)
        aligner = role_aligner(self._chosen, delays_ps)
        counter = HeraldedCounter(
            aligner.n_used, aligner.labels[self._chosen], distinct, self._window_full_ps
        )
        super().__init__(aligner, counter)

    def result(self) -> HeraldedG2:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        counter.cut()
        triples, pairs = np.cumsum(counter.counts, axis=1)
        herald_b_counts = pairs[self._rows]
        herald_b_counts.flags.writeable = False
        herald, a, b = self._chosen
        return HeraldedG2(
            counts=triples[self._rows],
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            herald=herald,
            a=a,
            b=b,
            lags_ps=self._lags_ps,
            heralds=counter.heralds,
            herald_a_counts=counter.herald_a_counts,
            herald_b_counts=herald_b_counts,
            window_full_ps=self._window_full_ps,
        )


class HeraldedCounter:
    """Triples and pairs around heralds, each once its last possible partner has come.

    `counts` (2, lags + 1) holds where the numbers of triples (row 0) and of pairs of herald and
    b (row 1) rise and fall along the sorted lags.
    """

    def __init__(self, n_channels: int, labels: Times, lags_ps: Times, window_full_ps: int) -> None:
        self.counts = np.zeros((2, lags_ps.size + 1), dtype=np.int64)
        self.heralds = 0
        self.herald_a_counts = 0
        self._half_ps = window_full_ps // 2
        self._lags_ps = lags_ps
        self._after_ps = self._half_ps + max(0, int(lags_ps[-1]))
        self._before_ps = self._half_ps - min(0, int(lags_ps[0]))
        self._roles_of = np.full(n_channels, OTHER, dtype=np.uint8)
        self._roles_of[labels] = (HERALD, A, B)
        # Tags with a role that are held, and where the waiting heralds are among them.
        self._times_ps = np.empty(0, dtype=np.int64)
        self._roles = np.empty(0, dtype=np.uint8)
        self._waiting = np.empty(0, dtype=np.int64)
        self._filled = np.zeros(2, dtype=np.int64)

    def count(self, batch: Batch) -> None:
        for part in checked_parts(batch, self._roles_of.size):
            self._make_room(part.times_ps.size)
            _kernels.pick_roles(
                part.times_ps,
                part.channels,
                self._roles_of,
                self._times_ps,
                self._roles,
                self._waiting,
                self._filled,
            )
            self._count_before(part.horizon_ps)

    def cut(self) -> None:
        """Count the heralds that still wait for partners, and forget all tags."""
        self._count_heralds(int(self._filled[1]))
        self._filled[:] = 0

    def _count_before(self, horizon_ps: int) -> None:
        """Count the heralds all of whose partners lie before the horizon, and tidy up."""
        times_ps, waiting = self._times_ps[: self._filled[0]], self._waiting[: self._filled[1]]
        known = int(np.searchsorted(times_ps, horizon_ps - self._after_ps))
        ripe = int(np.searchsorted(waiting, known))
        self._count_heralds(ripe)
        oldest_ps = horizon_ps
        if ripe < waiting.size:
            oldest_ps = min(horizon_ps, int(times_ps[waiting[ripe]]))
        gone = int(np.searchsorted(times_ps, oldest_ps - self._before_ps))
        kept, still = times_ps.size - gone, waiting.size - ripe
        self._times_ps[:kept] = times_ps[gone:]
        self._roles[:kept] = self._roles[gone : times_ps.size]
        self._waiting[:still] = waiting[ripe:] - gone
        self._filled[:] = kept, still

    def _count_heralds(self, count: int) -> None:
        """Count the partners of the oldest heralds."""
        filled = int(self._filled[0])
        self.heralds += count
        self.herald_a_counts += int(
            _kernels.count_heralded(
                self._times_ps[:filled],
                self._roles[:filled],
                self._waiting[:count],
                self._lags_ps,
                self._half_ps,
                self.counts,
            )
        )

    def _make_room(self, incoming: int) -> None:
        """Make the buffers long enough for the tags to come, whatever their roles."""
        needed = int(self._filled[0]) + incoming + 1  # one place is written in vain
        if needed > self._times_ps.size:
            self._times_ps = np.resize(self._times_ps, 2 * needed)
            self._roles = np.resize(self._roles, 2 * needed)
            self._waiting = np.resize(self._waiting, 2 * needed)


def _lags(lags_ps: Any) -> NDArray[np.int64]:
    """Return a read-only copy of the lags as int64 (m,)."""
    values = np.atleast_1d(np.asarray(lags_ps))
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iu":
        raise ValueError(
            f"lags_ps has shape {values.shape} and type {values.dtype}; give whole picoseconds (m,)"
        )
    if np.any(values > MAX_LAG_PS) or np.any(values < -MAX_LAG_PS):
        raise ValueError(f"a lag is outside ±{MAX_LAG_PS} ps")
    lags = values.astype(np.int64)
    lags.flags.writeable = False
    return lags
