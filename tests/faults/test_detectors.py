"""Row 9, the device's half: latched, dead, dark counts tenfold, a hung controller, its errors."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from drivers.single_quantum_websq import SingleQuantumWebSq
from labctl.errors import InstrumentError
from labctl.runs import LabSession

DARK_RATE_HZ = 100.0


@pytest.fixture
def snspd(lab: LabSession) -> SingleQuantumWebSq:
    return cast("SingleQuantumWebSq", lab.devices["snspd"])


def counts_in(lab: LabSession, duration_s: float) -> list[int]:
    """Clicks of the four channels at the tagger's inputs, in the dark."""
    pump = lab.bench.pumps["tagger"]
    before = lab.simulation.truth["tagger"].counts.copy()
    pump.start()
    lab.clock.wait(duration_s)
    pump.stop()
    counts: list[int] = (lab.simulation.truth["tagger"].counts - before)[1:5].tolist()
    return counts


def test_a_latched_channel_is_told_is_blind_and_comes_back_once_its_bias_was_cycled(
    lab: LabSession, snspd: SingleQuantumWebSq
) -> None:
    lab.simulation.fault("snspd", "latch", channel=2)
    assert snspd.latched_channels() == (2,)
    counts = counts_in(lab, 1.0)
    assert counts[1] == 0
    assert all(counts[n] > 0 for n in (0, 2, 3))
    for wait_s in snspd.rearm_latched():
        lab.clock.wait(wait_s)
    assert snspd.latched_channels() == ()
    assert counts_in(lab, 1.0)[1] > 0


def test_a_dead_channel_does_not_click_and_does_not_look_latched(
    lab: LabSession, snspd: SingleQuantumWebSq
) -> None:
    lab.simulation.fault("snspd", "dead", channel=3)
    counts = counts_in(lab, 1.0)
    assert counts[2] == 0
    assert all(counts[n] > 0 for n in (0, 1, 3))
    assert snspd.latched_channels() == ()
    assert snspd.latest_rates_hz()[2] == 0.0
    lab.simulation.fault("snspd", "dead", channel=3, is_dead=False)
    assert counts_in(lab, 1.0)[2] > 0


def test_dark_counts_rise_by_their_factor_at_the_tagger_and_in_the_rates(
    lab: LabSession, snspd: SingleQuantumWebSq
) -> None:
    lab.simulation.fault("snspd", "darks", channel=1, factor=10.0)
    counts = counts_in(lab, 4.0)
    expected = np.array([10.0, 1.0, 1.0, 1.0]) * DARK_RATE_HZ * 4.0
    # Poisson counts: five standard deviations.
    assert np.all(np.abs(counts - expected) < 5.0 * np.sqrt(expected))
    lines = snspd.read_counts()
    told = np.sum([line.counts for line in lines], axis=0)
    assert np.all(np.abs(told - expected) < 5.0 * np.sqrt(expected))


def test_a_hung_controller_is_noticed_where_a_command_is_not_carried_out(
    lab: LabSession, snspd: SingleQuantumWebSq
) -> None:
    lab.simulation.fault("snspd", "hang")
    assert snspd.bias_ua == (10.0,) * 4, "it still answers"
    with pytest.raises(InstrumentError, match="reads back"):
        snspd.bias_ua = (9.0,) * 4
    report = lab.make_safe()
    assert "COULD NOT BE CONFIRMED ZERO" in report.failures["snspd"]
    lab.simulation.fault("snspd", "hang", is_hung=False)
    assert lab.make_safe().is_safe


def test_a_fault_that_the_instrument_reports_is_told_once_with_its_words(
    lab: LabSession, snspd: SingleQuantumWebSq
) -> None:
    lab.simulation.fault("snspd", "report_error", text="cryostat is warm")
    with pytest.raises(InstrumentError, match="cryostat is warm"):
        _ = snspd.bias_ua
    assert snspd.bias_ua == (10.0,) * 4
