"""Instruments: typed requests, declarative settings, kinds, and the registry of drivers.

A driver is `protocol.py` (pure requests: bytes out, bytes in, typed value) and `driver.py`
(meaning: one line per setting). It names the kinds it serves; plans and windows depend on
kinds, never on a driver.
"""

from labctl.device.action import action
from labctl.device.device import Companion, Device, Identity
from labctl.device.kinds import (
    KINDS,
    Attenuator,
    Detector,
    Laser,
    PowerMeter,
    Rotator,
    Shutter,
)
from labctl.device.parameter import Guard, Limits, Reading, Setting, parse_text
from labctl.device.registry import load_driver, load_plugin, plugins
from labctl.device.request import Request

__all__ = [
    "KINDS",
    "Attenuator",
    "Companion",
    "Detector",
    "Device",
    "Guard",
    "Identity",
    "Laser",
    "Limits",
    "PowerMeter",
    "Reading",
    "Request",
    "Rotator",
    "Setting",
    "Shutter",
    "action",
    "load_driver",
    "load_plugin",
    "parse_text",
    "plugins",
]
