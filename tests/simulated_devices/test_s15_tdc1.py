"""The conversation of the manufacturer's public client (pyS15 ba5faee) with the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simulated_devices.lab import SimulatedLab
from simulated_devices.truth import read_truth
from simulated_devices.wire import Port

StartLab = Callable[..., SimulatedLab]
PAIRS = ((1, 3), (1, 4), (2, 3), (2, 4))


def light_up(lab: SimulatedLab) -> Port:
    lab.world.pump.target_mw = 5.0
    lab.world.pump.emitting = True
    return lab.instruments["tagger"].port


@pytest.fixture
def port(start_lab: StartLab) -> Port:
    return light_up(start_lab())


def ask(port: Port, command: bytes) -> bytes:
    port.host_write(command)
    return port.host_read(1000, 0.0)


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"*IDN?\r\n", b"S-Fifteen Instruments TDC1 TDC1_00121\r\n"),
        (b"*idn?;", b"S-Fifteen Instruments TDC1 TDC1_00121\r\n"),
        (b"time 500;time?\r\n", b"500\r\n"),
        (b"singles;mode?;", b"0\r\n"),
        (b"pairs;mode?;", b"1\r\n"),
        (b"timestamp;mode?\r\n", b"3\r\n"),
        (b"NIM;level?;", b"-0.500 V\r\n"),
        (b"TTL;level?;", b"+2.000 V\r\n"),
        (b"NEG -0.7;level?;", b"-0.700 V\r\n"),
        (b"POS 1.5;level?;", b"+1.500 V\r\n"),
        (b"REFCLK 2;REFCLK?\r\n", b"2\r\n"),
        (b"REFCLK 3;REFCLK?\r\n", b"0\r\n"),
        (b"ECLOCK?\r\n", b"0\r\n"),
        (b"time 500", b""),
        (b"nonsense\r\n", b""),
        (b"\xff\xfe;;\r\n", b""),
        (b"NEG high;level?\r\n", b"-0.500 V\r\n"),
    ],
)
def test_commands_end_with_a_semicolon_or_a_line_end_and_setters_are_silent(
    port: Port, sent: bytes, reply: bytes
) -> None:
    assert ask(port, sent) == reply


def test_the_time_is_printed_as_a_signed_number(port: Port) -> None:
    """The public client adds 65536 to a negative answer."""
    assert ask(port, b"time 40000;time?\r\n") == b"-25536\r\n"
    assert ask(port, b"time 65535;time?\r\n") == b"-1\r\n"
    assert ask(port, b"time 65536;time?\r\n") == b"-1\r\n"


def truth_between(path: Path, start_ps: int, stop_ps: int) -> list[tuple[int, int]]:
    times_ps, channels = read_truth(path)
    chosen = (start_ps <= times_ps) & (times_ps < stop_ps)
    return list(zip(times_ps[chosen].tolist(), channels[chosen].tolist(), strict=True))


@pytest.fixture
def truth(start_lab: StartLab, tmp_path: Path) -> list[tuple[int, int]]:
    """What a streaming tagger of the same seed sends in the interval that others count."""
    lab = start_lab(truth_file=tmp_path / "truth")
    light_up(lab).host_write(b"timestamp;INPKT;time 0;counts?\r\n")
    lab.wait(1.0)
    lab.close()
    return truth_between(tmp_path / "truth", 10**11, 6 * 10**11)


@pytest.mark.parametrize("mode", [b"singles", b"pairs"])
def test_counts_come_after_the_integration_time_and_are_those_of_the_clicks(
    start_lab: StartLab, truth: list[tuple[int, int]], mode: bytes
) -> None:
    lab = start_lab()
    port = light_up(lab)
    lab.wait(0.1)
    assert ask(port, mode + b";time 500;counts?\r\n") == b""
    lab.wait(0.49)
    assert port.waiting == 0
    lab.wait(0.01)
    counts = [int(number) for number in port.host_read(1000, 0.0).split()]
    channels = [channel for _, channel in truth]
    assert counts[:4] == [channels.count(n) for n in (1, 2, 3, 4)]
    assert min(counts[:4]) > 1000
    clicks = set(truth)
    in_same_step = [sum((time, b) in clicks for time, c in truth if c == a) for a, b in PAIRS]
    assert counts[4:] == (in_same_step if mode == b"pairs" else [])
    if mode == b"pairs":
        assert max(in_same_step) > 100


def test_counting_begins_anew_with_each_question(start_lab: StartLab) -> None:
    lab = start_lab(dark_rate_hz=10_000.0)
    port = lab.instruments["tagger"].port
    sums = []
    for _ in range(2):
        port.host_write(b"singles;time 1000;counts?\r\n")
        lab.wait(1.0)
        sums.append(sum(int(number) for number in port.host_read(1000, 0.0).split()))
    # Four inputs at 10 kHz for 1 s; 5 standard deviations of the Poisson law.
    assert sums == [pytest.approx(40_000, abs=5 * 200)] * 2


def test_abort_ends_counting_without_an_answer(start_lab: StartLab) -> None:
    lab = start_lab()
    port = light_up(lab)
    port.host_write(b"singles;time 100;counts?\r\nabort\r\n")
    lab.wait(0.2)
    assert port.host_read(1000, 0.0) == b""


def test_a_stream_of_given_length_ends_by_itself(start_lab: StartLab, tmp_path: Path) -> None:
    """`INPKT;time 200;counts?;`, then the client reads for 220 ms and aborts."""
    lab = start_lab(truth_file=tmp_path / "truth")
    port = light_up(lab)
    port.host_write(b"timestamp\r\nINPKT;time 200;counts?;\r\n")
    lab.wait(0.22)
    port.host_write(b"abort\r\n")
    words = np.frombuffer(port.host_read(1 << 30, 0.0), dtype="<u4")
    times_ps, channels = read_truth(tmp_path / "truth")
    assert times_ps.max() < 200 * 10**9
    clicks = words[(words & 0x10) == 0]
    # As the client decodes: time in bits 31-5 (within the first period), inputs in bits 3-0.
    decoded = {
        (int(word >> 5) * 2000, channel)
        for word in clicks
        for channel in (1, 2, 3, 4)
        if word >> (channel - 1) & 1
    }
    assert decoded == set(zip(times_ps.tolist(), channels.tolist(), strict=True))
    lab.wait(0.1)
    assert port.waiting == 0


def test_each_rollover_is_marked_by_a_word_without_clicks(start_lab: StartLab) -> None:
    lab = start_lab(dark_rate_hz=0.0)
    port = lab.instruments["tagger"].port
    port.host_write(b"timestamp;time 0;counts?\r\n")
    lab.wait(1.0)
    # At 0, 268.4, 536.9 and 805.3 ms.
    assert port.host_read(1000, 0.0) == b"\x10\x00\x00\x00" * 4
