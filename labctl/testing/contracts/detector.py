"""What every instrument that biases detectors must keep, beside what every device must."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

from typing import cast

import pytest

from labctl.device import Detector, Device
from labctl.lab import Lab
from labctl.testing.contracts.device import DeviceContract

__all__ = ["DetectorContract"]

#: Longer than any instrument needs to tell new rates twice.
_SOON_S = 2.0


class DetectorContract(DeviceContract):
    """Biased detectors click, safe ones do not, and what is told is never an old truth."""

    @pytest.fixture
    def detector(self, device: Device) -> Detector:
        """Return the instrument as a detector, biased as its simulator starts."""
        return cast("Detector", device)

    def test_it_has_channels_and_none_is_latched(self, detector: Detector) -> None:
        assert detector.detector_count >= 1
        assert detector.latched_channels() == ()

    def test_before_any_time_has_passed_there_are_no_rates(self, detector: Detector) -> None:
        assert detector.latest_rates_hz() == ()

    def test_biased_detectors_click(self, lab: Lab, detector: Detector) -> None:
        assert detector.detectors_enabled
        lab.clock.wait(_SOON_S)
        rates_hz = detector.latest_rates_hz()
        assert len(rates_hz) == detector.detector_count
        # Thousands of dark counts a second are in the world: none at all is no fluctuation.
        assert all(rate_hz > 0 for rate_hz in rates_hz)

    def test_asking_for_rates_takes_no_bench_time(self, lab: Lab, detector: Detector) -> None:
        lab.clock.wait(_SOON_S)
        began_s = lab.clock.now_s()
        assert detector.latest_rates_hz() == detector.latest_rates_hz() != ()
        assert lab.clock.now_s() == began_s

    def test_made_safe_they_do_not_click(self, lab: Lab, detector: Detector) -> None:
        lab.clock.wait(_SOON_S)
        detector.make_safe()
        lab.clock.wait(_SOON_S)
        assert detector.latest_rates_hz() == (0.0,) * detector.detector_count
        assert detector.latched_channels() == ()

    def test_switched_off_they_do_not_click(self, lab: Lab, detector: Detector) -> None:
        detector.detectors_enabled = False
        assert not detector.detectors_enabled
        lab.clock.wait(_SOON_S)
        assert detector.latest_rates_hz() == (0.0,) * detector.detector_count
