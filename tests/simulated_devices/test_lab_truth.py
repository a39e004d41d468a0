"""The truth a simulated laboratory keeps in files: tags of each tagger, parameters of all parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import ConfigError
from labctl.transport import parse_address
from simulated_devices.devices import s15_tdc1
from simulated_devices.lab import InstrumentSeat, SimulatedLab
from simulated_devices.parameter_log import parameter_file
from simulated_devices.truth import read_truth


def two_sites(truth_file: Path, **options: Any) -> SimulatedLab:
    """One tagger at each site; Bob's clock runs 1000 ppb fast."""
    table = {
        "arms": {
            name: {"photon": photon, "outputs": {"plus": f"{name}_click"}}
            for name, photon in (("alice", "signal"), ("bob", "idler"))
        },
        "detectors": {"alice_click": {}, "bob_click": {}},
        "instruments": {"bob": {"clock": {"frequency_offset_ppb": 1000.0}} | options},
    }
    seats = [
        InstrumentSeat(
            name, parse_address(f"serial:///dev/{name}"), s15_tdc1.build, {f"{name}_click": 1}
        )
        for name in ("alice", "bob")
    ]
    return SimulatedLab(table, seats, seed=1, speed=0.0, truth_file=truth_file)


def test_each_of_several_taggers_has_a_list_of_its_own(tmp_path: Path) -> None:
    lab = two_sites(tmp_path / "truth")
    lab.world.pump.target_mw, lab.world.pump.emitting = 5.0, True
    for name in ("alice", "bob"):
        lab.instruments[name].port.host_write(b"timestamp;time 0;counts?;")
    lab.wait(0.2)
    lab.close()
    for name in ("alice", "bob"):
        times_ps, _ = read_truth(tmp_path / f"truth.{name}")
        assert times_ps.size == lab.truth[name].counts.sum() > 1000


def test_the_true_parameters_and_clocks_are_in_a_file_beside_the_tags(tmp_path: Path) -> None:
    lab = two_sites(tmp_path / "truth")
    lab.wait(0.1)
    lab.world.detectors["bob_click"].change(dark_rate_hz=777.0)
    lab.wait(0.4)
    lab.close()
    lines = parameter_file(tmp_path / "truth").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    changes = [e for e in entries if e["node"] == "bob_click" and "dark_rate_hz" in e["values"]]
    assert [e["values"]["dark_rate_hz"] for e in changes] == [100.0, 777.0]
    assert changes[1]["time_ps"] == 100_000_000_000
    clock = [e for e in entries if e["node"] == "clock of bob"][-1]
    # Noted at 0.4 s, when the clock has gained 1 us/s for so long.
    assert clock["time_ps"] == 400_000_000_000
    assert clock["values"]["present_offset_ps"] == pytest.approx(400_000, abs=2)


def test_a_mistake_in_an_instruments_options_leaves_no_file_open(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="burst_words"):
        two_sites(tmp_path / "truth", burst_words=0)
