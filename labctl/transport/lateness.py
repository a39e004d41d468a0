"""Replies that did not come in time, and may still come.

Instruments answer in order, so a late reply comes before that of the next command. A line that
the next query gets may therefore be the late one. Then the query's own comes after it, as much
later as the query was sent after the unanswered command: for so long the query waits for
another line, and takes the last. Messages that are no lines cannot be counted here: what may
still come of them is awaited and forgotten before the next command that reads such a message.

An instrument that is later than three timeouts, or holds each reply back until the next command
for ever, cannot be told from one that lost a reply.
"""

from __future__ import annotations

import time

__all__ = ["LateReplies"]

#: What comes later than this many timeouts after its command is no reply to it.
_LATEST_TIMEOUTS = 3
#: The time between two replies is that between their commands, or so much longer (half a
#: timeout at the most: who declares a short one has a prompt instrument).
_SPREAD_S = 0.1


class LateReplies:
    """The commands of one link that were not answered in time; its lock keeps threads apart.

    Attributes:
        is_line_due: True where a late line may come.
    """

    def __init__(self, timeout_s: float) -> None:
        self._latest_s = _LATEST_TIMEOUTS * timeout_s
        self._timeout_s = timeout_s
        self._spread_s = min(_SPREAD_S, timeout_s / 2)
        self._lines_s: list[float] = []
        self._messages_until_s = 0.0
        self.is_line_due = False

    def miss_line(self, sent_s: float) -> None:
        """Note that the line that answers the command sent at `sent_s` did not come."""
        self._lines_s = [*self._still_due(sent_s), sent_s]
        self.is_line_due = True

    def miss_message(self) -> None:
        """Note that a message did not come until now, one timeout after its command."""
        self._messages_until_s = time.monotonic() + self._latest_s - self._timeout_s

    def wait_s(self, lines: int, sent_s: float) -> float:
        """Return how long the reply may still be out where so many lines have come since.

        `sent_s` is when its command was sent; the last line may be the reply to an earlier one,
        to the oldest of the unanswered after the first line, to the next after the second.
        """
        due_s = self._still_due(sent_s)
        lag_s = sent_s - due_s[lines - 1] if lines <= len(due_s) else 0.0
        return self._spread_s + lag_s

    def catch_up(self) -> None:
        """Note that no line is out any more."""
        self._lines_s.clear()
        self.is_line_due = False

    def _still_due(self, sent_s: float) -> list[float]:
        return [earlier_s for earlier_s in self._lines_s if sent_s - earlier_s < self._latest_s]

    @property
    def messages_left_s(self) -> float:
        """For how long a late message may still come; negative or zero where none is out."""
        return self._messages_until_s - time.monotonic()
