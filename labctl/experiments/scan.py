"""`scan`: any experiment at every point of one or two settings; see `labctl scan --help`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.figures import render, scan_figure
from labctl.runs import Experiment
from labctl.runs.scanning import (
    ScanParameters,
    check_scan,
    plan_scan,
    scan_duration_s,
    scan_points,
)

__all__ = ["EXPERIMENT"]


def _figure(result: Mapping[str, Any], title: str, simulated: bool) -> bytes:  # noqa: FBT001
    return render(scan_figure(result, title=title, simulated=simulated))


def _needs_light(parameters: ScanParameters) -> bool:
    experiment, inner = parameters.inner
    return experiment.lights(inner)


EXPERIMENT = Experiment(
    name="scan",
    summary="Another experiment at every point of one or two settings.",
    parameters=ScanParameters,
    plan=plan_scan,
    needs_light=True,
    needs_light_with=_needs_light,
    points=scan_points,
    check=check_scan,
    figure=_figure,
    duration_s=scan_duration_s,
)
