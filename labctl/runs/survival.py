"""A step of a plan that is taken again after an instrument was lost and has come back.

    counts = yield from surviving(bench, lambda: count_one_point(bench))

The step must set what it needs, for the instrument may have been away: turn the plates, then
dwell. What the step had counted when the fault struck is gone with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from labctl.errors import LinkError, ProtocolError, ReplyTimeoutError
from labctl.lab import Bench
from labctl.runs.plan import Faulted, Plan

__all__ = ["surviving"]

T = TypeVar("T")


def surviving(bench: Bench, make_step: Callable[[], Plan[T]]) -> Plan[T]:
    """Take the step that `make_step` makes, again after each fault that was mended.

    Raises:
        LabError: what the step raises; the fault itself where nobody mends it.
    """
    while True:
        bench.dwelling = None
        try:
            return (yield from make_step())
        except (LinkError, ReplyTimeoutError, ProtocolError) as error:
            fault = Faulted(error)
        yield fault
        if not fault.is_mended:
            raise fault.error
