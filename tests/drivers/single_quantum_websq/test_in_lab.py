"""The detectors as a part of the default bench: configuration, operator's words, other devices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from drivers.s15_tdc1 import Tdc1
from drivers.single_quantum_websq import SingleQuantumWebSq
from labctl.errors import ConfigError
from labctl.lab import Lab, bench_path, load_bench
from simulated_devices.world import World, expected_singles_hz

SNSPD = """
[instruments.snspd]
driver = "single_quantum_websq"
address = "tcp://192.168.1.1:12000"
set = {{ {set_} }}
limits = {{ bias_ua = [0, 12] }}
"""
WriteBench = Callable[..., Path]


@pytest.fixture
def write_bench(tmp_path: Path) -> WriteBench:
    def write(set_: str = "bias_ua = [9, 10, 10, 11.5]") -> Path:
        # The bench may have an instrument of this name by now; this one takes its place.
        own = ("[instruments.snspd]", "[simulation.instruments.snspd]")
        text = "\n\n".join(
            part
            for part in bench_path("default").read_text().split("\n\n")
            if not any(table in part for table in own)
        )
        file = tmp_path / "instruments.toml"
        file.write_text(text + SNSPD.format(set_=set_))
        return file

    return write


@pytest.fixture
def lab(write_bench: WriteBench) -> Iterator[Lab]:
    with Lab(write_bench(), simulated=True, speed=0) as lab:
        yield lab


def tags_of_one_second(lab: Lab) -> dict[int, int]:
    """Tags on each channel of the tagger in one second of bench time."""
    tagger = cast("Tdc1", lab.devices["tagger"])
    decoder = tagger.start_stream()
    lab.clock.wait(1.0)
    counts = np.zeros(5, dtype=np.int64)
    while data := lab.simulation.instruments["tagger"].port.host_read(1 << 20, 0.0):
        block = decoder.feed(data)
        if block is not None:
            counts += np.bincount(block.channels, minlength=5)
    tagger.stop_stream()
    return dict(enumerate(counts.tolist()))


def test_the_configuration_sets_the_bias(lab: Lab) -> None:
    assert lab.get("snspd.bias_ua") == (9.0, 10.0, 10.0, 11.5)
    assert str(lab.identities["snspd"]) == "Single Quantum WebSQ with 4 detectors"


def test_an_operator_sets_the_bias_by_numbers_and_commas(lab: Lab) -> None:
    assert lab.set("snspd.bias_ua", "8,9.5,10,11") == (8.0, 9.5, 10.0, 11.0)


def test_the_tagger_sees_the_bias(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.clock.wait(1.0)
    lab.set("snspd.bias_ua", "6,10,10,10")
    lab.clock.wait(0.1)
    world = cast("World", lab.simulation.world)
    counts = tags_of_one_second(lab)
    # At 6 µA erfc is 1 of 2: half the clicks, to 5 sigma of 25 000 over 50 000.
    ratio = counts[1] / counts[2]
    assert abs(ratio - 0.5) < 5 * ratio * math.sqrt(1 / 25_000 + 1 / 50_000)
    for channel, name in enumerate(("alice_h", "alice_v", "bob_h", "bob_v"), 1):
        expected_hz = expected_singles_hz(world, name)
        assert abs(counts[channel] - expected_hz) < 5 * math.hypot(
            math.sqrt(expected_hz), 0.001 * expected_hz
        )


def test_safe_takes_the_bias_off_and_darkens_the_tagger(lab: Lab) -> None:
    report = lab.make_safe()
    assert "snspd" in report.confirmed
    assert lab.get("snspd.bias_ua") == (0.0,) * 4
    assert sum(tags_of_one_second(lab).values()) <= 3


@pytest.mark.parametrize(
    ("set_", "message"),
    [
        ("bias_ua = [9, 10, 10, 12.5]", r"\[instruments.snspd.set\] bias_ua: .*channel 4 = 12.5"),
        ("bias_ua = 10", "10 is not a list of numbers, one per channel"),
        ("bias_ua = []", "is not a list of numbers"),
        ("detectors_enabled = true", "never switched by a configuration"),
        ("bias_voltage_mv = [1, 2, 3, 4]", "can only be read"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(
    write_bench: WriteBench, set_: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_bench(write_bench(set_))


def test_a_configuration_with_too_few_channels_is_refused_by_the_instrument(
    write_bench: WriteBench,
) -> None:
    with pytest.raises(ValueError, match="has 4 detectors, 2 values were given"):
        Lab(write_bench("bias_ua = [9, 10]"), simulated=True, speed=0)


def test_its_values_reach_the_snapshot(lab: Lab) -> None:
    snapshot: dict[str, Any] = lab.bench.snapshot()["snspd"]
    assert set(snapshot) == set(SingleQuantumWebSq.parameters)
    assert snapshot["bias_ua"] == (9.0, 10.0, 10.0, 11.5)
