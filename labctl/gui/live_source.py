"""What the live panels are fed by: the service, or a run that is played again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from labctl.errors import LabError
from labctl.gui.link import ServiceLink
from labctl.gui.rights import why_no_change

__all__ = ["LiveSource", "ask_live", "why_not_live"]


class LiveSource(Protocol):
    """The part of `ServiceLink` that counters, rates, matrix and histogram need."""

    @property
    def updated(self) -> Any:
        """Signal (topic, data) of every update."""

    @property
    def state_changed(self) -> Any:
        """Signal of a new `state`."""

    @property
    def state(self) -> str:
        """Return "waiting", "connected" or "gone"."""

    @property
    def latest(self) -> dict[str, Any]:
        """Newest data of every topic."""


def why_not_live(source: LiveSource) -> str:
    """Return why what is counted cannot be changed now; empty when it can."""
    if isinstance(source, ServiceLink):
        return why_no_change(source)
    return "a run that is played again is counted as it is"


def ask_live(
    source: LiveSource,
    what: str,
    failed: Callable[[LabError], None],
    done: Callable[[dict[str, Any]], None] | None = None,
    **choices: Any,
) -> None:
    """Have the live analysis count otherwise; see `LabClient.live`.

    Args:
        source: the service; another source is counted as it is.
        what: what was tried, for messages.
        failed: gets the error.
        done: gets what is counted now, by tagger.
        choices: what is to change.
    """
    if isinstance(source, ServiceLink):
        source.ask(what, lambda client: client.live(**choices), done, failed)
