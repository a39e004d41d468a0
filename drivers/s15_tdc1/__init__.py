"""S-Fifteen Instruments TDC1: a four-channel USB counter and time tagger with 2 ns steps."""

from drivers.s15_tdc1.decoder import Tdc1Decoder
from drivers.s15_tdc1.driver import Tdc1

__all__ = ["Tdc1", "Tdc1Decoder"]
