"""What becomes of the light when whoever holds control is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.lab import bench_path, load_bench
from labctl.service import LabClient, Service, connect

WITHIN_S = 10.0


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """Start a service in this process whose configuration has this policy."""
    opened: list[Service] = []

    def start(policy: str) -> Service:
        config = tmp_path / "instruments.toml"
        table = f'[service]\nwhen_operator_gone = "{policy}"\n\n[lab]'
        config.write_text(bench_path("default").read_text().replace("[lab]", table, 1))
        opened.append(Service(load_bench(config), simulated=True))
        return opened[-1]

    yield start
    for service in opened:
        service.close()


def lit_by(service: Service, name: str) -> LabClient:
    """Return a client that holds control and has switched the pump on."""
    client = connect(service.session.loaded.path, simulated=True, name=name)
    client.take_control()
    client.set("pump.emission", value=True, arm=True)
    return client


def alarms(service: Service) -> list[str]:
    return [str(alarm["text"]) for alarm in service.alarms.snapshot()]


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_lasers_are_switched_off_some_time_after_the_operator_has_gone(
    serve: Callable[[str], Service],
) -> None:
    service = serve("off after 0.5 s")
    lit_by(service, "anna").close()
    wait_until(lambda: service.session.get("pump.emission") is False)
    assert any("pump is off: the operator is gone" in text for text in alarms(service))


def test_somebody_who_takes_control_meanwhile_keeps_the_light(
    serve: Callable[[str], Service],
) -> None:
    service = serve("off after 1 s")
    lit_by(service, "anna").close()
    with connect(service.session.loaded.path, simulated=True, name="bert") as client:
        client.take_control()
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            assert client.get("pump.emission") is True


def test_lasers_stay_as_they_are_where_the_bench_says_keep(
    serve: Callable[[str], Service],
) -> None:
    service = serve("keep")
    lit_by(service, "anna").close()
    wait_until(lambda: any("lasers stay as they are" in text for text in alarms(service)))
    assert service.session.get("pump.emission") is True
