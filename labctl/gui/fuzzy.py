"""How well a text fits what somebody types in a hurry."""

from __future__ import annotations

from typing import Final

__all__ = ["fuzzy_score"]

#: A letter at the beginning of a word, or right behind the one before, says more.
_AT_WORD: Final = 8
_IN_ROW: Final = 5
_LETTER: Final = 1


def fuzzy_score(typed: str, text: str) -> int | None:
    """Return how well `text` fits, more is better; None where letters of `typed` are missing.

    The letters come in order, with others between them; capitals and spaces do not matter.
    """
    wanted = [letter for letter in typed.lower() if not letter.isspace()]
    lowered = text.lower()
    if not wanted:
        return 0
    best: int | None = None
    for first in (n for n, letter in enumerate(lowered) if letter == wanted[0]):
        score = _from(wanted, lowered, first)
        if score is not None and (best is None or score > best):
            best = score
    return None if best is None else 100 * best - len(text)


def _from(wanted: list[str], text: str, first: int) -> int | None:
    """Return the score with the first letter at `first`, the others as soon as they come."""
    score, at = 0, first
    for number, letter in enumerate(wanted):
        found = first if number == 0 else text.find(letter, at + 1)
        if found < 0:
            return None
        score += _LETTER
        if number and found == at + 1:
            score += _IN_ROW
        if found == 0 or not text[found - 1].isalnum():
            score += _AT_WORD
        at = found
    return score
