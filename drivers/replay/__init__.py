"""A recorded tag file as a time tagger: its address is `file://PATH`."""

from drivers.replay.driver import Replay

__all__ = ["Replay"]
