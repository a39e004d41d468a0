"""Runs: what a plan is, what it may wait for, and the engine that drives and records it.

Names are loaded on first use: a client tells how a run stands without what drives one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.runs.moves import set_analyzers, turn
    from labctl.runs.plan import (
        DwellTaken,
        Experiment,
        Faulted,
        Parameters,
        Plan,
        Point,
        Progress,
        Result,
        Retaken,
        Step,
        Warned,
    )
    from labctl.runs.run import Run
    from labctl.runs.session import LabSession, load_experiment, open_lab
    from labctl.runs.status import RunOutcome, RunState, RunStatus
    from labctl.runs.survival import surviving
    from labctl.runs.waits import Dwell, dwell, settle

__all__ = [
    "Dwell",
    "DwellTaken",
    "Experiment",
    "Faulted",
    "LabSession",
    "Parameters",
    "Plan",
    "Point",
    "Progress",
    "Result",
    "Retaken",
    "Run",
    "RunOutcome",
    "RunState",
    "RunStatus",
    "Step",
    "Warned",
    "dwell",
    "load_experiment",
    "open_lab",
    "set_analyzers",
    "settle",
    "surviving",
    "turn",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "moves": ("set_analyzers", "turn"),
        "plan": (
            "DwellTaken",
            "Experiment",
            "Faulted",
            "Parameters",
            "Plan",
            "Point",
            "Progress",
            "Result",
            "Retaken",
            "Step",
            "Warned",
        ),
        "run": ("Run",),
        "session": ("LabSession", "load_experiment", "open_lab"),
        "status": ("RunOutcome", "RunState", "RunStatus"),
        "survival": ("surviving",),
        "waits": ("Dwell", "dwell", "settle"),
    },
)
