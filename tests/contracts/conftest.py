from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.device_contract",
    "tests.contracts.laser_contract",
    "tests.contracts.time_tagger_contract",
)
