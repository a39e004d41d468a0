"""What stands in for Swabian's library and hardware: the vendor's names, fed by the world.

Facts: the docstrings of the package swabian-timetagger 2.22.6, the vendor's hardware page
(swabianinstruments.com, TimeTagger documentation, "Hardware") and its knowledge base ("Transfer
rate limits for each Time Tagger model").
"""

from simulated_devices.devices.swabian.board import Board
from simulated_devices.devices.swabian.inputs import Inputs, Pulse
from simulated_devices.devices.swabian.models import MODELS, Model

__all__ = ["MODELS", "Board", "Inputs", "Model", "Pulse"]
