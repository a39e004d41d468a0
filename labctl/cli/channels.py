"""How channels of a file are written on the command line."""

from __future__ import annotations

from labctl.errors import LimitError

__all__ = ["parse_delays", "parse_pairs"]


def parse_pairs(text: str) -> list[tuple[int, int]]:
    """Return [(1, 2), (1, 5)] for "1-2,1-5".

    Raises:
        LimitError: a word is no pair.
    """
    pairs = []
    for word in text.split(","):
        first, separator, second = word.strip().partition("-")
        if not (separator and first.isdecimal() and second.isdecimal()):
            raise LimitError(f'--pairs: "{word}" is not two channels joined by -, such as 1-2')
        pairs.append((int(first), int(second)))
    return pairs


def parse_delays(text: str | None) -> dict[int, int]:
    """Return {1: 0, 2: 350} for "1=0,2=350".

    Raises:
        LimitError: a word is no delay.
    """
    delays: dict[int, int] = {}
    for word in text.split(",") if text else ():
        channel, separator, delay = word.strip().partition("=")
        try:
            delays[int(channel)] = int(delay)
        except ValueError:
            separator = ""
        if not separator:
            raise LimitError(f'--delays: "{word}" is not CHANNEL=PICOSECONDS, such as 2=350')
    return delays
