"""VISA's search expressions on the simulated library, through PyVISA (VPP-4.3, 4.4.1)."""

from __future__ import annotations

from typing import Any

import pytest
import pyvisa
from pyvisa.constants import StatusCode

from simulated_devices.visa import new_library
from simulated_devices.wire import Port

METER = "USB0::0x1313::0x8078::P0000001::0::INSTR"
LASER = "ASRL/dev/ttyUSB0::INSTR"
SCOPE = "TCPIP0::10.0.0.3::inst0::INSTR"
COUNTER = "TCPIP0::10.0.0.4::5025::SOCKET"
SOURCE = "GPIB0::5::INSTR"
NAMES = (METER, LASER, SCOPE, COUNTER, SOURCE)


@pytest.fixture
def manager() -> Any:
    library = new_library()
    for name in NAMES:
        library.add(name, Port(lambda _: None))
    return pyvisa.ResourceManager(library)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("?*", NAMES),
        ("?*::INSTR", (METER, LASER, SCOPE, SOURCE)),
        ("?*::SOCKET", (COUNTER,)),
        ("ASRL?*", (LASER,)),
        ("gpib[0-9]*::?*", (SOURCE,)),
        ("GPIB0::[^5]::INSTR", ()),
        ("(USB|GPIB)0::?*", (METER, SOURCE)),
        ("USB?*|ASRL?*", (METER, LASER)),
        ("GPIB0", ()),
        (r"TCPIP0::10\.0\.0\.3::?*", (SCOPE,)),
        ("?*{VI_ATTR_MANF_ID == 0x1313}", (METER,)),
        ("?*{VI_ATTR_TCPIP_PORT > 5000 && VI_ATTR_TCPIP_PORT <= 5025}", (COUNTER,)),
        (
            "?*{VI_ATTR_INTF_TYPE == VI_INTF_GPIB || VI_ATTR_INTF_TYPE == VI_INTF_ASRL}",
            (LASER, SOURCE),
        ),
        ("?*INSTR{!(VI_ATTR_INTF_TYPE == VI_INTF_USB)}", (LASER, SCOPE, SOURCE)),
        ('?*{VI_ATTR_TCPIP_ADDR != "10.0.0.3"}', (COUNTER,)),
        ("?*{VI_ATTR_RSRC_LOCK_STATE == VI_EXCLUSIVE_LOCK}", (SCOPE,)),
    ],
)
def test_resources_are_found_by_visa_s_expressions(
    manager: Any, expression: str, found: tuple[str, ...]
) -> None:
    locked = manager.open_resource(SCOPE)
    locked.lock_excl()
    assert manager.list_resources(expression) == found


@pytest.mark.parametrize(
    "expression",
    [
        "(",
        "?*{",
        "?*{VI_ATTR_NONSENSE == 1}",
        "?*{__import__}",
        "?*{VI_ATTR_TMO_VALUE == 0}",
        "?*{VI_ATTR_INTF_NUM ==}",
        "?*{VI_ATTR_INTF_NUM < 'a'}",
        "?*{VI_ATTR_INTF_NUM + 1}",
    ],
)
def test_an_expression_that_makes_no_sense_is_refused(manager: Any, expression: str) -> None:
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.list_resources(expression)
    assert caught.value.error_code == StatusCode.error_invalid_expression
