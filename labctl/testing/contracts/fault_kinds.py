"""What a contract lets go wrong with the wires of an instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FAULTS", "LASTING_FAULTS", "TIMEOUT_S", "WireFault"]

#: Simulated replies come at once, so this is long; the tests wait it out some thousand times.
TIMEOUT_S = 0.02


@dataclass(frozen=True, slots=True)
class WireFault:
    """A fault of `lab.simulation.fault`, on every wire of the instrument.

    Attributes:
        kind: its name.
        arguments: its arguments.
        loses_wire: whether the wire must be connected anew after it.
    """

    kind: str
    arguments: Mapping[str, Any]
    loses_wire: bool = False


_LATE_S = 1.5 * TIMEOUT_S
#: What happens once, and what lasts until it is mended; by a sentence for the test's name.
FAULTS: Mapping[str, WireFault] = {
    "a reply is lost": WireFault("drop", {"replies": 1}),
    "a command is lost": WireFault("drop_commands", {"commands": 1}),
    "a reply is late": WireFault("delay", {"delay_s": _LATE_S, "replies": 1}),
    "a reply comes with the next": WireFault("late", {"commands": 1}),
    "a reply is cut": WireFault("truncate", {"keep_bytes": 1}),
    "a reply is garbled": WireFault("garble", {"seed": 3}),
    "the connection is lost": WireFault("hang_up", {}, loses_wire=True),
    "the cable is pulled": WireFault("unplug", {}, loses_wire=True),
}
LASTING_FAULTS: Mapping[str, WireFault] = {
    "all replies are lost": WireFault("drop", {"replies": 0}),
    "all replies are slow": WireFault("delay", {"delay_s": 0.3 * TIMEOUT_S, "replies": 0}),
    "all replies are late": WireFault("delay", {"delay_s": _LATE_S, "replies": 0}),
    "all replies are cut to 7 bytes": WireFault("truncate", {"keep_bytes": 7, "replies": 0}),
    "all replies are garbled": WireFault("garble", {"replies": 0, "share": 0.1, "seed": 4}),
    "the wire is slow": WireFault("throttle", {"bytes_per_s": 5000.0}),
    "the connection is lost after 3 bytes": WireFault(
        "hang_up", {"after_bytes": 3}, loses_wire=True
    ),
}
