"""What a scan point costs over the work itself: the engine's step and the recorded row.

To reach: at most 15 µs a point.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import labctl
from labctl.lab import Bench
from labctl.runs import Experiment, Parameters, Plan, Point

pytestmark = pytest.mark.bench

POINTS = 100_000


class Nothing:
    """The result of a plan that measures nothing."""

    def to_dict(self) -> dict[str, Any]:
        """Return no numbers."""
        return {}

    def rows(self) -> list[dict[str, Any]]:
        """Return no rows."""
        return []


def plan(bench: Bench, parameters: Parameters) -> Plan[Nothing]:
    """Yield points whose making costs nothing."""
    del bench, parameters
    for number in range(1, POINTS + 1):
        yield Point(number, POINTS, {"angle_deg": 22.5, "coincidences_hz": 12_345.0})
    return Nothing()


IDLE = Experiment(
    name="idle",
    summary="Points without work.",
    parameters=Parameters,
    plan=plan,
    needs_light=False,
    points=lambda _: POINTS,
)


def test_a_point_with_its_recorded_row_costs_microseconds(tmp_path: Path) -> None:
    with labctl.open_lab(simulated=True, speed=0) as lab:
        start = perf_counter()
        plain = sum(1 for _ in plan(lab.bench, Parameters()))
        work_us = (perf_counter() - start) / plain * 1e6
        start = perf_counter()
        run = lab.run(IDLE, folder=tmp_path)
        point_us = (perf_counter() - start) / POINTS * 1e6
    assert len(run.points) == POINTS
    print(f"\npoint {point_us:.2f} µs, of which the plan {work_us:.2f} µs")
