"""Swabian Instruments Time Tagger 20, Ultra and X; the address is `library://swabian/SERIAL`."""

from drivers.swabian_timetagger.decoder import TimeTaggerDecoder
from drivers.swabian_timetagger.driver import SwabianTimeTagger

__all__ = ["SwabianTimeTagger", "TimeTaggerDecoder"]
