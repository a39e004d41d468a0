"""What a service tells its subscribers about, and how each topic may be thinned out."""

from __future__ import annotations

__all__ = ["AT_ONCE", "IN_PARTS", "SNAPSHOT", "TOPICS"]

#: The first update after a subscription; everybody gets it.
SNAPSHOT = "snapshot"
TOPICS = frozenset(
    {
        "run",
        "points",
        "rates",
        "matrix",
        "histogram",
        "instruments",
        "alarms",
        "control",
        "queue",
        "log",
        "health",
    }
)
#: Every update counts, so it goes out at once and in order. Of the other topics the newest is
#: all that matters; of `run` a new state goes out at once too.
AT_ONCE = frozenset({"points", "alarms", "control", "log"})
#: An update says what is new, not how everything is; who missed one needs a new snapshot.
IN_PARTS = frozenset({"points", "instruments", "log"})
