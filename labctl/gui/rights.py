"""Why this window cannot change anything now."""

from __future__ import annotations

from labctl.gui.link import ServiceLink

__all__ = ["why_no_change", "why_no_service"]


def why_no_service(link: ServiceLink) -> str:
    """Return why the service cannot be asked, an empty text where it can."""
    if link.state == "connected":
        return ""
    return "the service is gone" if link.state == "gone" else "there is no service yet"


def why_no_change(link: ServiceLink) -> str:
    """Return why this window may not change anything, an empty text where it may."""
    if reason := why_no_service(link):
        return reason
    control = link.latest.get("control") or {}
    operator = control.get("operator")
    if not operator or link.is_operator:
        return ""
    names = {client["id"]: client["name"] for client in control.get("clients", [])}
    return f"{names.get(operator, 'another client')} holds control"
