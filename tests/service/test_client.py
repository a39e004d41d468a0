from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import labctl
from labctl.errors import (
    ConfigError,
    InterlockError,
    LabError,
    LimitError,
    LinkError,
    RunError,
)
from labctl.lab import Lab, bench_path
from labctl.runs import RunState
from labctl.service.client import LabClient, connect, find_service
from labctl.service.subscription import Subscription, Update
from tests.service.small_service import SmallService

WaitUntil = Callable[[Callable[[], object]], None]


def next_of(subscription: Subscription, topic: str) -> Update:
    while (update := subscription.get(10.0)) is not None:
        if update.topic == topic:
            return update
    raise AssertionError(f"no update of {topic} came")


def test_settings_are_read_and_set(client: LabClient, service: SmallService) -> None:
    assert client.get("pump.power_mw") == 5.0
    assert client.set("pump.power_mw", 3.5) == 3.5
    assert service.session.get("pump.power_mw") == 3.5
    assert client.set("pump.emission", value=True, arm=True) is True
    assert client.make_safe().confirmed == tuple(service.session.devices)
    assert client.get("pump.emission") is False


def test_an_experiment_is_run_to_its_end(client: LabClient, tmp_path: Path) -> None:
    outcome = client.run("counting", folder=tmp_path, dwell_s=0.2)

    assert outcome.status == "finished"
    assert outcome.path is not None
    assert outcome.path.parent.is_relative_to(tmp_path)
    with labctl.open_run(outcome.path) as run:
        assert run.metadata["uid"] == outcome.uid
        table = run.result["table"]
    assert outcome.result.rows() == table
    assert client.run_status.state is RunState.FINISHED
    assert client.status()["run"]["uid"] == outcome.uid


def test_a_run_that_was_started_is_aborted_from_another_client(
    client: LabClient, other: LabClient, tmp_path: Path
) -> None:
    client.take_control()
    run = client.start("counting", {"dwell_s": 3000.0}, folder=tmp_path)
    with pytest.raises(RunError, match="is under way"):
        client.start("counting", {}, folder=tmp_path)
    assert run.wait(0.0) is None

    other.abort("not so long")

    outcome = run.wait(30.0)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("aborted", "not so long")
    assert outcome.result is None


def test_a_paused_run_goes_on(client: LabClient, tmp_path: Path, wait_until: WaitUntil) -> None:
    run = client.start("counting", {"dwell_s": 1000.0}, folder=tmp_path)
    run.pause()
    wait_until(lambda: run.status.state is RunState.PAUSED)
    run.resume()
    wait_until(lambda: run.status.state is not RunState.PAUSED)
    run.abort("enough")
    outcome = run.wait(30.0)
    assert outcome is not None
    assert outcome.status == "aborted"


def test_what_it_can_do_is_described(client: LabClient) -> None:
    power = client.parameters()["pump"]["parameters"]["power_mw"]
    emission = client.parameters()["pump"]["parameters"]["emission"]
    experiments = {experiment["name"]: experiment for experiment in client.experiments()}

    assert (power["unit"], power["limits"], power["type"]) == ("mW", [0.0, 20.0], "number")
    assert (emission["type"], emission["is_emission"]) == ("switch", True)
    assert client.parameters()["pump"]["simulated"] is True
    assert "dwell_s" in experiments["counting"]["parameters"]["properties"]


def test_an_instrument_is_asked_what_it_is(client: LabClient) -> None:
    found = client.identify("pump")
    assert found["identity"] == client.parameters()["pump"]["identity"]
    assert found["is_the_same"] is True
    with pytest.raises(LabError, match="did you mean"):
        client.identify("pumb")


def test_notes_reach_the_bus(client: LabClient, service: SmallService) -> None:
    with service.session.bus.subscribe() as events:
        client.note("the lights are on")
        found = [event for event in events.drain() if getattr(event, "source", "") == "anna"]
    assert [event.text for event in found] == ["the lights are on"]  # type: ignore[attr-defined]


def test_faults_of_a_simulated_bench_are_asked_for(client: LabClient) -> None:
    names = client.faults()["names"]
    assert "pump" in names
    kinds = [fault["kind"] for fault in client.faults("pump")["faults"]]
    assert "unplug" in kinds
    assert client.fault("pump", "unplug")["kind"] == "unplug"
    assert client.fault("pump", "plug")["kind"] == "plug"
    with pytest.raises(LabError, match="dance"):
        client.fault("pump", "dance")


def test_a_subscription_begins_with_a_snapshot_each(
    client: LabClient, service: SmallService
) -> None:
    with client.subscribe("rates") as first, client.subscribe("log") as second:
        assert next_of(first, "snapshot").data["run"]["state"] == "idle"
        assert next_of(second, "snapshot").data["control"]["operator"] is None
        service.publisher.publish("rates", {"alice_h_hz": 7.0})
        service.publisher.publish("log", {"text": "hello"})
        assert next_of(first, "rates").data == {"alice_h_hz": 7.0}
        assert next_of(second, "log").data == {"text": "hello"}
    assert client.results()["rates"].data == {"alice_h_hz": 7.0}
    assert next(iter(first), None) is None or first.get(0) is None


def test_updates_can_be_called_for(client: LabClient, service: SmallService) -> None:
    found: list[Update] = []
    arrived = threading.Event()

    def take(update: Update) -> None:
        found.append(update)
        if update.topic == "log":
            arrived.set()
        raise ValueError("a consumer's mistake")

    with client.subscribe("log", on_update=take), client.subscribe("log") as queued:
        next_of(queued, "snapshot")
        service.publisher.publish("log", {"text": "hello"})
        assert arrived.wait(10.0)
        assert next_of(queued, "log").data == {"text": "hello"}
    assert found[-1].data == {"text": "hello"}


def test_a_topic_that_does_not_exist_is_refused(client: LabClient) -> None:
    with pytest.raises(LimitError, match=r'"ratess" \(did you mean "rates"\?\)'):
        client.subscribe("ratess")


def test_control_is_seen_by_all(client: LabClient, other: LabClient) -> None:
    with other.subscribe("control") as updates:
        next_of(updates, "snapshot")
        client.take_control()
        taken = next_of(updates, "control")
        with pytest.raises(InterlockError, match="anna"):
            other.take_control()
        other.take_control(force=True)
        forced = next_of(updates, "control")
        other.give_control(client.client_id)
        given = next_of(updates, "control")
        client.release_control()
        released = next_of(updates, "control")

    assert taken.data["operator"] == client.client_id
    assert forced.data["event"]["kind"] == "taken_by_force"
    assert forced.data["event"]["other"] == client.client_id
    assert given.data["operator"] == client.client_id
    assert released.data["operator"] is None


def test_control_can_be_taken_when_connecting(service: SmallService, client: LabClient) -> None:
    with connect(name="cora", take_control=True) as cora:
        assert service.control.snapshot()["operator"] == cora.client_id
        with pytest.raises(InterlockError, match="cora"):
            connect(name="dora", take_control=True)
    assert service.control.operator is None
    names = [entry["name"] for entry in service.control.snapshot()["clients"]]
    assert names == ["anna"]
    del client


def test_a_client_that_only_looks_on_is_not_lost(wait_until: WaitUntil) -> None:
    service = SmallService.open(lost_after_s=0.3)
    try:
        with connect(name="anna") as anna:
            (first,) = service.control.snapshot()["clients"]
            seen = first["last_seen_utc"]
            wait_until(lambda: service.control.client(anna.client_id).last_seen_utc > seen + 0.7)
            assert not service.control.client(anna.client_id).is_lost
    finally:
        service.close()


def test_a_client_that_was_forgotten_introduces_itself_again(
    service: SmallService, client: LabClient
) -> None:
    former = client.client_id
    service.control.goodbye(former)

    assert client.get("pump.power_mw") == 5.0
    assert client.client_id != former


def test_without_a_service_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match=r"no acquisition service is running.*labctl serve"):
        connect()
    with pytest.raises(LinkError, match=r"no acquisition service of .*bench\.toml is running"):
        connect(tmp_path / "bench.toml")


def test_a_laboratory_that_a_script_has_open_is_no_service() -> None:
    with Lab(simulated=True, speed=0):
        assert find_service() is None


def test_a_service_is_found_by_its_configuration(service: SmallService, tmp_path: Path) -> None:
    config = service.session.loaded.path
    with connect(config, simulated=True) as found:
        assert found.get("pump.power_mw") == 5.0
    assert find_service(config, simulated=False) is None
    assert find_service(tmp_path / "other.toml") is None


def test_which_of_several_services_is_meant_must_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = []
    for name in ("one", "two"):
        file = tmp_path / f"{name}.toml"
        file.write_text(bench_path("default").read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setenv("LABCTL_CONFIG", str(file))
        services.append(SmallService.open())
    try:
        assert (connected := find_service()) is not None
        assert connected.config == tmp_path / "two.toml"
        monkeypatch.delenv("LABCTL_CONFIG")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match=r"several services run: .*one\.toml by process"):
            find_service()
    finally:
        for service in services:
            service.close()


def test_a_client_that_is_closed_says_so(service: SmallService) -> None:
    client = connect(name="anna")
    client.close()
    client.close()

    with pytest.raises(LinkError, match="this client was closed"):
        client.get("pump.power_mw")
    assert service.control.snapshot()["clients"] == []
