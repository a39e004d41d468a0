from __future__ import annotations

from collections.abc import Callable

import pytest

from labctl.bus import ParameterChanged
from labctl.errors import RunError
from labctl.lab import Bench, find_open_labs
from labctl.runs import (
    LabSession,
    Plan,
    Run,
    RunOutcome,
    settle,
)

Open = Callable[..., LabSession]
Scan = Callable[..., RunOutcome]
StartScan = Callable[..., Run]
Wait = Callable[[Callable[[], object]], None]
SHORT = {"dwell_s": 0.05}
PAIR = SHORT | {"pairs": ["alice_h-bob_h"]}


def ended(run: Run) -> RunOutcome:
    outcome = run.wait(30)
    assert outcome is not None
    return outcome


def endless(bench: Bench) -> Plan[None]:
    while True:
        yield from settle(bench, 0.05)


@pytest.mark.parametrize("ending", ["aborted", "failed"])
def test_the_settings_are_brought_back_however_the_scan_ends(
    ending: str, lab: LabSession, start_scan: StartScan, wait_until: Wait
) -> None:
    def stuck(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.1)
        if ending == "failed":
            raise ValueError("the sample fell off")
        while True:
            yield from settle(bench, 0.05)

    run = start_scan(lab, stuck, ["pump.power_mw 2,3", "snspd.trigger_level_mv 40"])
    if ending == "aborted":
        wait_until(lambda: lab.run_status.live or lab.get("snspd.trigger_level_mv")[0] == 40.0)
        run.abort("enough")
        assert ended(run).status == "aborted"
    else:
        with pytest.raises(RunError, match="the sample fell off"):
            run.wait(20)

    assert lab.get("pump.power_mw") == 5.0
    assert lab.get("snspd.trigger_level_mv") == (25.0,) * 4


def test_an_abort_during_a_move_sends_the_mount_back(
    lab: LabSession, start_scan: StartScan, wait_until: Wait
) -> None:
    run = start_scan(lab, endless, ["alice_hwp.angle_deg 40"])
    wait_until(lambda: lab.get("alice_hwp.is_homed") and lab.get("alice_hwp.angle_deg") > 1)
    run.abort("enough")
    assert ended(run).status == "aborted"

    # Nobody waits for it any more: the bench's time passes here.
    lab.clock.wait(10.0)
    assert not lab.get("alice_hwp.is_moving")
    assert lab.get("alice_hwp.angle_deg") == pytest.approx(0.0, abs=0.05)


def test_what_safe_has_switched_down_is_not_brought_up_again(
    lab: LabSession, start_scan: StartScan, wait_until: Wait
) -> None:
    run = start_scan(lab, endless, ["snspd.bias_ua 8"])
    wait_until(lambda: lab.get("snspd.bias_ua") == (8.0,) * 4)
    changes = lab.bus.subscribe()
    (client,) = find_open_labs(lab.loaded.path)
    client.ask("safe", timeout_s=10.0)
    assert ended(run).status == "aborted"

    set_ = [event for event in changes.drain() if isinstance(event, ParameterChanged)]
    biased = [event.value for event in set_ if event.setting == "bias_ua"]
    assert set(biased) == {(0.0,) * 4}
    assert lab.get("snspd.bias_ua") == (0.0,) * 4
    changes.close()


def test_a_setting_that_cannot_be_brought_back_is_told_with_what_ended_the_scan(
    lab: LabSession,
    start_scan: StartScan,
) -> None:
    def unplugged(bench: Bench) -> Plan[None]:
        yield from settle(bench, 0.05)
        lab.simulation.fault("pump", "unplug")
        raise ValueError("the sample fell off")

    run = start_scan(lab, unplugged, ["pump.power_mw 2"])

    with pytest.raises(RunError, match=r"the sample fell off; moreover pump.power_mw could not be"):
        run.wait(20)
    lab.simulation.fault("pump", "plug")
    lab.devices["pump"].reconnect()
