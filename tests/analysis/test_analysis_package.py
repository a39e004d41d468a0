from __future__ import annotations

import subprocess
import sys

import pytest

from labctl import analysis

LIGHT = """
import sys
import labctl.analysis
from labctl.analysis import *
assert callable(labctl.analysis.accidentals)
analyzer = MatrixAnalyzer(4, 1000)
assert "numba" not in sys.modules, "numba came too early"
count_rates([1], [0], 1)
assert "numba" in sys.modules
"""


def test_numba_is_imported_when_counting_starts() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)


def test_every_public_name_exists_and_is_documented() -> None:
    for name in analysis.__all__:
        value = getattr(analysis, name)
        assert name == "Convention" or value.__doc__
    assert dir(analysis) == sorted(analysis.__all__)
    with pytest.raises(AttributeError, match="no attribute 'coincidense_matrix'"):
        analysis.coincidense_matrix  # noqa: B018 - the access is the test
