"""The driver on its simulator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.thorlabs_pm100d import Pm100d
from labctl.device import PowerMeter
from labctl.errors import InstrumentError, LimitError, LinkError
from simulated_devices.devices import thorlabs_pm100d
from simulated_devices.lab import SimulatedLab

Start = Callable[..., SimulatedLab]
Connect = Callable[[SimulatedLab], Pm100d]


def at_405_nm(meter: Pm100d) -> PowerMeter:
    meter.wavelength_nm = 405.0
    return meter


def test_it_identifies_itself(start_meter: Start, meter_of: Connect) -> None:
    assert str(meter_of(start_meter()).identify()) == "Thorlabs PM100D serial P0000001"


def test_it_measures_its_part_of_the_pump(start_meter: Start, meter_of: Connect) -> None:
    meter = at_405_nm(meter_of(start_meter(pickoff_fraction=0.02)))
    assert meter.power_mw == pytest.approx(5.0 * 0.02)


def test_the_reading_follows_the_laser(start_meter: Start, meter_of: Connect) -> None:
    lab = start_meter(dark_offset_mw=1e-5)
    meter = at_405_nm(meter_of(lab))
    lab.world.pump.emitting = False
    assert meter.power_mw == pytest.approx(1e-5)


def test_a_forgotten_wavelength_shows_in_the_reading(start_meter: Start, meter_of: Connect) -> None:
    meter = meter_of(start_meter())
    # Responsivity proportional to the wavelength: P times true over set wavelength.
    assert meter.wavelength_nm == 635.0
    assert meter.power_mw == pytest.approx(0.05 * 405.0 / 635.0)


def test_dbm_on_the_display_does_not_change_the_reading(
    start_meter: Start, meter_of: Connect
) -> None:
    lab = start_meter()
    meter = at_405_nm(meter_of(lab))
    device = lab.instruments["meter"]
    assert isinstance(device, thorlabs_pm100d.Pm100d)
    device.unit = "DBM"
    assert meter.power_mw == pytest.approx(0.05)


def test_a_wavelength_the_sensor_is_not_calibrated_for_is_refused(
    start_meter: Start, meter_of: Connect
) -> None:
    meter = meter_of(start_meter())
    with pytest.raises(LimitError, match=r"1550 nm is outside 400 to 1100 nm.*S120C"):
        meter.wavelength_nm = 1550.0
    with pytest.raises(LimitError, match="outside 185 to 25000 nm"):
        meter.wavelength_nm = 100.0
    assert meter.wavelength_nm == 635.0


def test_what_the_meter_refuses_is_told_and_later_replies_are_right(
    start_meter: Start, meter_of: Connect
) -> None:
    meter = meter_of(start_meter())
    for _ in range(3):
        with pytest.raises(InstrumentError, match=r"refuses: -222 Data out of range"):
            meter.range_mw = 1e6
        assert meter.wavelength_nm == 635.0
        assert meter.sensor_model == "S120C"
    meter.auto_range = True


def test_errors_of_an_earlier_user_are_not_ours(start_meter: Start, meter_of: Connect) -> None:
    meter = meter_of(start_meter())
    meter.link.write(b"NONSENSE 1")
    meter.identify()
    meter.auto_range = False
    assert meter.auto_range is False


def test_a_range_is_the_smallest_that_holds_the_power(
    start_meter: Start, meter_of: Connect
) -> None:
    meter = meter_of(start_meter())
    meter.wavelength_nm = 405.0
    meter.range_mw = 0.05
    # 50 uA over 0.8 x 405 / 1239.84 A/W.
    assert meter.range_mw == pytest.approx(0.05 / (0.8 * 405.0 / 1239.84))
    assert meter.auto_range is False
    meter.range_mw = meter.range_mw
    assert meter.range_mw == pytest.approx(0.1913, rel=1e-3)


def test_a_power_over_range_is_an_error_and_auto_range_helps(
    start_meter: Start, meter_of: Connect
) -> None:
    meter = meter_of(start_meter())
    meter.wavelength_nm = 405.0
    meter.range_mw = 0.001
    with pytest.raises(InstrumentError, match="outside the measuring range"):
        _ = meter.power_mw
    assert meter.snapshot()["power_mw"] is None
    meter.auto_range = True
    assert meter.power_mw == pytest.approx(0.05)


def test_a_snapshot_holds_settings_and_sensor(start_meter: Start, meter_of: Connect) -> None:
    snapshot = meter_of(start_meter()).snapshot()
    assert snapshot["wavelength_nm"] == 635.0
    assert snapshot["sensor_model"] == "S120C"
    assert snapshot["sensor_serial"] == "1100701"


def test_a_pulled_cable_is_a_lost_link_and_reconnecting_helps(
    start_meter: Start, meter_of: Connect
) -> None:
    lab = start_meter()
    meter = at_405_nm(meter_of(lab))
    assert isinstance(meter, Pm100d)
    port = lab.instruments["meter"].port
    port.unplug()
    with pytest.raises(LinkError):
        _ = meter.power_mw
    port.plug()
    meter.link.reconnect()
    assert meter.identify().model == "PM100D"
    assert meter.power_mw == pytest.approx(0.05)
