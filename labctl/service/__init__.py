"""The acquisition service and its clients.

One process owns the laboratory: a window that crashes, a notebook that hangs or a colleague
who looks in must not touch a run. Two planes meet its clients, both on loopback and open only
to whoever can read the token: requests that are answered, and updates that are pushed. A
client that does not keep up loses updates, is told how many, and costs nobody anything.
Names are loaded on first use, so that a client needs nothing of what the service itself needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.service.client import LabClient, connect, find_service
    from labctl.service.service import Service
    from labctl.service.subscription import Subscription, Update

__all__ = ["LabClient", "Service", "Subscription", "Update", "connect", "find_service"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "client": ("LabClient", "connect", "find_service"),
        "service": ("Service",),
        "subscription": ("Subscription", "Update"),
    },
)
