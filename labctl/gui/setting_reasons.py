"""Why a setting cannot be changed now, and how far a move has come."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labctl.gui.link import ServiceLink
from labctl.gui.rights import why_no_change
from labctl.gui.setting_requests import Sent

__all__ = ["is_unreachable", "move_text", "why_locked", "why_no_emission"]

#: A move that was asked for is seen by the next reading only.
_BEGINS_WITHIN_S: Final = 3.0
#: A set-point and its read-back are the same within this part of the value ...
_RELATIVE: Final = 2e-3
#: ... and this part of the limits, where these are not so wide that they say nothing.
_OF_LIMITS: Final = 1e-4
_WIDE: Final = 1e5


def why_locked(link: ServiceLink, *, is_unlocked: bool) -> str:
    """Return why no setting may be changed now; empty where they may.

    `is_unlocked`: the operator wants to change settings while a run is under way.
    """
    if reason := why_no_change(link):
        return reason
    run = link.latest.get("run") or {}
    if run.get("state") == "running" and not is_unlocked:
        return "a run is under way"
    return ""


def is_unreachable(values: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether nothing of an instrument can be read."""
    return bool(values) and all(entry["state"] == "error" for entry in values.values())


def why_no_emission(link: ServiceLink, instrument: str) -> str:
    """Return why an instrument may not be switched on, beyond what locks every setting."""
    values = (link.latest.get("instruments") or {}).get(instrument, {})
    if is_unreachable(values):
        return f"{instrument} cannot be reached"
    for rule in (link.latest.get("alarms") or {}).get("rules", []):
        concerns = any(
            action.split()[0] in {instrument, "all"} for action in rule["then"] if " " in action
        )
        if rule["state"] == "violated" and concerns:
            return f"interlock {rule['name']}: {rule['reason'] or rule['when']}"
    return _why_not_ready(instrument, values)


def _why_not_ready(instrument: str, values: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the readings that lasers have say against light."""
    read = {name: entry["value"] for name, entry in values.items()}
    if read.get("interlock_is_open") is True:
        return f"the interlock of {instrument} is open"
    if read.get("key_is_on") is False:
        return f"the key of {instrument} is off"
    if read.get("fault") not in {None, "", "none"}:
        return f"{instrument} reports a fault: {read['fault']}"
    return ""


def move_text(
    described: Mapping[str, Any],
    sent: Sent | None,
    read_back: Any,
    *,
    is_moving: bool | None,
) -> str:
    """Return how far a setting has come on its way to what was set; empty once it is there.

    Args:
        described: the setting as the service describes it.
        sent: what was sent to it from this window.
        read_back: where it is now.
        is_moving: whether the instrument says that it moves; None where it never says so.
    """
    if sent is None or sent.error:
        return ""
    unit = described["unit"]
    if described["type"] == "numbers":
        return _list_text(described, sent, read_back)
    if described["type"] != "number" or not isinstance(read_back, (int, float)):
        return "setting …" if sent.is_under_way else ""
    if _is_there(read_back, sent.value, described["limits"]):
        return "setting …" if sent.is_under_way else ""
    is_new = time.monotonic() - sent.began_s < _BEGINS_WITHIN_S
    if sent.is_under_way or is_moving or (is_moving is not None and is_new):
        return f"moving … {read_back:.6g} of {sent.value:.6g} {unit}".rstrip()
    return f"reads {read_back:.6g} {unit}, set was {sent.value:.6g} {unit}".replace("  ", " ")


def _list_text(described: Mapping[str, Any], sent: Sent, read_back: Any) -> str:
    if not sent.is_under_way:
        return ""
    if isinstance(read_back, Sequence) and len(read_back) == len(sent.value):
        for channel, (now, wanted) in enumerate(zip(read_back, sent.value, strict=True), 1):
            if not _is_there(now, wanted, described["limits"]):
                return f"moving … channel {channel}: {now:.6g} of {wanted:.6g} {described['unit']}"
    return "setting …"


def _is_there(now: float, wanted: float, limits: Sequence[float] | None) -> bool:
    span = 0.0 if limits is None else limits[1] - limits[0]
    allowed = _OF_LIMITS * span if span < _WIDE else 0.0
    return abs(now - wanted) <= allowed + _RELATIVE * max(abs(now), abs(wanted))
