"""Some time taggers answer no commands while they stream: their streams are held meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from labctl.device import Device
from labctl.errors import InterlockError
from labctl.tags import TagPump

__all__ = ["RUN", "answering"]

#: The user of a tag stream whose tags are recorded.
RUN = "run"


def answering(device: Device, pumps: Mapping[str, TagPump]) -> AbstractContextManager[None]:
    """Return a context in which the device answers commands.

    Raises:
        InterlockError: a run records the stream that would have to be held.
    """
    pump = pumps.get(device.name)
    if pump is None or device.answers_while_streaming:
        return nullcontext()
    # A stream that failed may not have ended at the instrument.
    if not pump.is_running and pump.error is None:
        return nullcontext()
    if RUN in pump.users:
        raise InterlockError(
            f"{device.name} answers no commands while it streams, and a run records its tags",
            device=device.name,
            hint="Wait for the end of the run, or abort it.",
        )
    return pump.suspended()
