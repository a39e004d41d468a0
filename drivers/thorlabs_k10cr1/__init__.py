"""Thorlabs K10CR1 (and K10CR2) motorized rotation mounts, APT protocol on a serial line."""

from drivers.thorlabs_k10cr1.driver import K10cr1

__all__ = ["K10cr1"]
