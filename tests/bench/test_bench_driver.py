"""What a driver's get and set cost, against pyvisa's own query on the same simulated laser.

To reach: get at most 1.25 times `Resource.query`; set, which the laser answers with OK, at most
1.5 times the same exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import pytest
import pyvisa
from pyvisa import constants

from drivers.cobolt_06 import Cobolt06
from labctl.lab import Lab

pytestmark = pytest.mark.bench

EXCHANGES = 5_000
ROUNDS = 7


@pytest.fixture
def bench() -> Iterator[tuple[Cobolt06, Any]]:
    """Give the driver of the simulated laser, and a plain pyvisa resource of the same laser."""
    with Lab(simulated=True, speed=0, only=["pump"]) as lab:
        laser = lab.devices["pump"]
        assert isinstance(laser, Cobolt06)
        manager = pyvisa.ResourceManager(lab.simulation.visa_library())
        resource: Any = manager.open_resource(laser.link.address)
        resource.read_termination = resource.write_termination = "\r\n"
        resource.end_input = constants.SerialTermination.termination_char
        yield laser, resource
        resource.close()


def best_us(exchange: Callable[[], object]) -> float:
    """Return the shortest mean time of one exchange, of several rounds."""

    def once() -> float:
        start = perf_counter()
        for _ in range(EXCHANGES):
            exchange()
        return (perf_counter() - start) / EXCHANGES * 1e6

    return min(once() for _ in range(ROUNDS))


def test_get_costs_no_more_than_a_quarter_over_pyvisa(bench: tuple[Cobolt06, Any]) -> None:
    laser, resource = bench
    ours, theirs = best_us(lambda: laser.power_mw), best_us(lambda: resource.query("p?"))
    print(f"\nget {ours:.2f} µs, pyvisa query {theirs:.2f} µs, ratio {ours / theirs:.2f}")


def test_set_costs_no_more_than_half_over_pyvisa(bench: tuple[Cobolt06, Any]) -> None:
    laser, resource = bench

    def set_power() -> None:
        laser.power_mw = 5.0

    ours, theirs = best_us(set_power), best_us(lambda: resource.query("p 0.005000"))
    print(f"\nset {ours:.2f} µs, pyvisa query {theirs:.2f} µs, ratio {ours / theirs:.2f}")
