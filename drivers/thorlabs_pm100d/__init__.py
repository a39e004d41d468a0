"""Thorlabs PM100D (and relatives) optical power meters, SCPI over USB."""

from drivers.thorlabs_pm100d.driver import Pm100d

__all__ = ["Pm100d"]
