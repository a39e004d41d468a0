"""Names that are loaded on first use are all there, and none is hidden by a module."""

from __future__ import annotations

import importlib
import inspect

import pytest

from labctl.lazy import lazy_exports

PACKAGES = ("", ".analysis", ".lab", ".runs", ".service", ".storage")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_name_is_found_and_is_no_module(package: str) -> None:
    exporting = importlib.import_module(f"labctl{package}")
    found = {name: getattr(exporting, name) for name in exporting.__all__}
    assert [name for name, value in found.items() if inspect.ismodule(value)] == []


def test_a_name_that_its_module_would_hide_is_refused() -> None:
    with pytest.raises(ValueError, match="surviving"):
        lazy_exports("labctl.runs", {"surviving": ("surviving",)})


def test_an_unknown_name_is_refused_as_of_any_module() -> None:
    get, _ = lazy_exports("labctl.runs", {"run": ("Run",)})
    with pytest.raises(AttributeError, match="no attribute 'Rum'"):
        get("Rum")
