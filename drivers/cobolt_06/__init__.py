"""HÜBNER Photonics Cobolt 06-01 series: diode and DPSS lasers on a serial line."""

from drivers.cobolt_06.driver import Cobolt06

__all__ = ["Cobolt06"]
