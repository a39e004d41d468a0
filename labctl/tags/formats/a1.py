"""Reads the binary event files of S-Fifteen's counters TDC1 and TDC2: the format a1.

Layout (qcrypto readevents4a.c and readevents7.c, option `-a 1`; fpfind parse_timestamps.py):
64-bit words, little-endian, without a header. The upper 54 bits are the time in 1/256 ns, a
TDC1 writes multiples of 2 ns. Bits 3 to 0 say which inputs clicked. Bit 4 marks a dummy, which
counters send so that the time is known where nothing clicks: it holds no detection. Bits 9 to
5 vary with the counter and are not read. Words with neither a dummy nor a click, such as the
all-zero end of a packet (qcrypto filespec.txt), are passed over.

**Word order.** `readevents -X` writes the two 32-bit halves of each word exchanged, and the
file does not say so. The order is taken from the events: in the true one the time advances, in
the other one it jumps back every 16 µs. Where both or neither fit, there is nothing to go by:
both (a few events only) are read as the name says, with a warning, and neither is refused. The
name `.a1x` states the exchanged order, `.a1` states nothing, and a name that the events
contradict is an error. As there is no magic number, a file is taken for a1 by its name only:
`*.a1`, `*.a1x`, and `*.Aa1.dat`, `*.Aa1X.dat` after the options of `readevents`.

**Rollover.** The time starts again after 2^54/256 ns, 19.5 h, and with `readevents -A` counts
from the Unix epoch, so that this may happen in a short recording, too. Each event is at the
time nearest to the latest event before it; times so continue over any rollover, and a damaged
time does not shift those after it.

Times are rounded to whole picoseconds, half upward. Tags begin at the first event, dummies
included, and end after the last one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.tags.formats import _kernels
from labctl.tags.formats.ordering import ORDER_BOUND_PS
from labctl.tags.formats.patterns import N_CHANNELS, tags_of_patterns
from labctl.tags.formats.record_source import Decoded, RecordArea, Records, RecordSource

__all__ = ["FORMAT", "A1Format"]

_WORD = np.dtype("<u8")
#: Dummy and clicks.
_HELD = np.uint64(0x1F)
_NAME = re.compile(r"\.a?a1(?P<exchanged>x?)(\.dat)?$", re.IGNORECASE)
#: See `labctl.tags.formats.qutag`: names do not overrule what a file says of itself.
_FOREIGN_MAGIC = (b"PQTTTR", b"PQHISTO", b"\x89HDF\r\n\x1a\n")

_UNITS_PER_NS = 256
_PERIOD = 1 << 54
#: A rollover may lie anywhere in here (see the kernels).
_NEAR = 1 << 52
#: The sorter needs the end of each interval to fit into int64. 32 units are 125 ps.
_LATEST = (2**63 - 2) // 125 * 32

#: Events that decide on the word order: many more than lie within 16 µs.
_SAMPLE_EVENTS = 65_536
#: Nobody records at less than one event in an hour.
_LARGEST_STEP = 3_600 * 10**9 * _UNITS_PER_NS
_LARGEST_STEP_BACK = ORDER_BOUND_PS * _UNITS_PER_NS // 1000
#: Of a hundred steps, one may be damaged; in the wrong order, at least every other one is at
#: 100 kcps, every 16th at 1 Mcps.
_STEPS_PER_WRONG_ONE = 100
#: Time units of the counters (fpfind constants.py): bits of the time that are 0, and ps.
_GRIDS = ((0x1FF, 2000), (0x1F, 125))
#: So many events are not all on a grid by chance, nor all at one time.
_MIN_EVENTS = 8


@dataclass(frozen=True, slots=True)
class _Start:
    """What the first events say: the word order, the first and the earliest time, the grid."""

    high_first: bool
    is_doubtful: bool
    first: int
    earliest: int
    off_grid: int
    resolution_ps: int | None


class A1Format:
    """Event files of `readevents -a 1`."""

    name: Final = "a1"
    description: Final = "S-Fifteen TDC1 and TDC2 events, named *.a1, *.a1x or *.Aa1.dat"

    def recognizes(self, path: Path, head: bytes) -> bool:
        """Tell by the name: the content has nothing to tell by."""
        return _NAME.search(path.name) is not None and not head.startswith(_FOREIGN_MAGIC)

    def open(self, path: Path) -> RecordSource:
        """Find the word order and return the source."""
        try:
            n_bytes = path.stat().st_size
            with path.open("rb") as file:
                words = np.fromfile(file, _WORD, _SAMPLE_EVENTS)
        except OSError as error:
            raise RunFileError(f"{path}: cannot be read: {error.strerror}.") from error
        count, left_over = divmod(n_bytes, _WORD.itemsize)
        if left_over:
            raise RunFileError(
                f"{path}: is cut off: after {count} events of {_WORD.itemsize} bytes, "
                f"{left_over} bytes are left over.",
                hint=f"Copy the file again, or shorten it to {n_bytes - left_over} bytes to read "
                "what is whole.",
            )
        start = _start(path, words)
        order = "high half first (readevents -X)" if start.high_first else "low half first"
        doubt = (
            f"The {words.size} events fit both orders of their 32-bit halves; read as {order}. "
            "A file that was recorded with `readevents -X` must be named .a1x."
        )
        return RecordSource(
            area=RecordArea(path, 0, _WORD, count),
            format_name=self.name,
            resolution_ps=start.resolution_ps,
            n_channels=N_CHANNELS,
            header={"records": count, "word_order": order},
            header_warnings=(doubt,) if start.is_doubtful else (),
            new_decoder=partial(_A1Decoder, path, start),
            start_ps=_picoseconds(start.earliest),
        )


class _A1Decoder:
    """Unwraps the times of one pass and expands the patterns."""

    def __init__(self, path: Path, start: _Start) -> None:
        self._path = path
        self._start = start
        self._newest = start.first
        self._n_dummies = 0
        self._n_empty = 0
        self._n_off_grid = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """What was no detection, and what contradicts the resolution."""
        return {
            "dummies": self._n_dummies,
            "records_empty": self._n_empty,
            "times_off_grid": self._n_off_grid,
        }

    def decode(self, records: Records, first: int) -> Decoded:
        """Return the tags; the time reached is that of the latest event, dummies included."""
        words: NDArray[np.uint64] = records.view()
        words.flags.writeable = False
        times_ps = np.empty(words.size, np.int64)
        patterns = np.empty(words.size, np.uint8)
        start = self._start
        state = (words, start.high_first, self._newest, start.off_grid)
        is_valid, *found = _kernels.unwrap(*state, times_ps, patterns)
        if not is_valid or self._newest + _NEAR > _LATEST:
            beyond, *found = _kernels.unwrap_each(*state, _LATEST, times_ps, patterns)
            if beyond >= 0:
                raise RunFileError(
                    f"{self._path}: with its rollovers, the time of event {first + beyond} is "
                    "beyond the 106 days that fit into int64 picoseconds; the file is damaged."
                )
        self._newest = found[0]
        self._n_dummies += found[1]
        self._n_empty += found[2]
        self._n_off_grid += found[3]
        return Decoded(*tags_of_patterns(times_ps, patterns), _picoseconds(self._newest))


def _start(path: Path, words: NDArray[np.uint64]) -> _Start:
    """Return what the first events say, or say why they are not a recording's."""
    match = _NAME.search(path.name)
    says_exchanged = match is not None and bool(match["exchanged"])
    ordered = words, (words >> np.uint64(32)) | (words << np.uint64(32))
    n_empty = [int(np.count_nonzero((one & _HELD == 0) & (one != 0))) for one in ordered]
    times = [_held(one) for one in ordered]
    n_wrong = [_wrong_steps(one) for one in times]
    fits = [
        one.size > 0 and n * _STEPS_PER_WRONG_ONE <= one.size
        for one, n in zip(times, n_wrong, strict=True)
    ]
    if not any(fits):
        raise RunFileError(
            f"{path}: its first {words.size} events advance in time in neither order of their "
            "32-bit halves. The file is damaged or of another format.",
            hint="Record with `readevents -a 1`; the name alone does not make an a1 file.",
        )
    faults, faults_exchanged = (a + b for a, b in zip(n_wrong, n_empty, strict=True))
    is_tie = all(fits) and faults == faults_exchanged
    high_first = fits[1] and (not fits[0] or faults_exchanged < faults)
    if is_tie:
        high_first = says_exchanged
    if says_exchanged and not high_first:
        raise RunFileError(
            f"{path}: is named as a file with exchanged 32-bit halves, but the times of its first "
            f"{words.size} events advance only without the exchange.",
            hint="Name it .a1.",
        )
    return _described(
        times[high_first], high_first=high_first, is_doubtful=is_tie and not says_exchanged
    )


def _held(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the 54-bit times of the words that hold a dummy or a click."""
    held = words[(words & _HELD) != 0] >> np.uint64(10)
    times: NDArray[np.int64] = held.astype(np.int64)
    return times


def _around(differences: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the shortest way around the period for each difference of two times."""
    shortest: NDArray[np.int64] = (differences + _PERIOD // 2) % _PERIOD - _PERIOD // 2
    return shortest


def _wrong_steps(times: NDArray[np.int64]) -> int:
    """Return how many steps no recording has; of the rollovers, one is allowed."""
    differences = np.diff(times)
    if times.size >= _MIN_EVENTS and not differences.any():
        return times.size
    steps = _around(differences)
    n_wrong = np.count_nonzero((steps < -_LARGEST_STEP_BACK) | (steps > _LARGEST_STEP))
    # A late tag may step back over the rollover, and the next one forward again.
    n_forward = np.count_nonzero((differences < 0) & (steps > 0))
    n_back = np.count_nonzero((differences > 0) & (steps < 0))
    return int(n_wrong) + max(0, int(n_forward) - int(n_back) - 1)


def _described(times: NDArray[np.int64], *, high_first: bool, is_doubtful: bool) -> _Start:
    first = int(times[0])
    offsets = _around(times - first)
    earliest = first + int(offsets[offsets >= -_LARGEST_STEP_BACK].min())
    # A tag from before a rollover may follow one from after it: then the recording began in
    # the period before.
    shift = _PERIOD if earliest < 0 else 0
    off_grid, resolution_ps = 0, None
    if times.size >= _MIN_EVENTS:
        used = int(np.bitwise_or.reduce(times))
        for bits, unit_ps in _GRIDS:
            if resolution_ps is None and used & bits == 0:
                off_grid, resolution_ps = bits, unit_ps
    return _Start(
        high_first=high_first,
        is_doubtful=is_doubtful,
        first=first + shift,
        earliest=earliest + shift,
        off_grid=off_grid,
        resolution_ps=resolution_ps,
    )


def _picoseconds(units: int) -> int:
    """Return units of 1/256 ns in ps, rounded half upward."""
    return (units * 125 + 16) // 32


FORMAT = A1Format()
