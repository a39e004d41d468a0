"""NeXus groups of HDF5: plain facts, and tables as NXdata that every viewer can draw.

Class and attribute names are those of the NeXus manual (2024.02): NXdata with `signal`,
`auxiliary_signals`, `axes` and `<name>_errors`. Axes are HDF5 dimension scales as well, which is
how netCDF readers (xarray) name their dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import h5py
import numpy as np

from labctl.storage.default_plot import DefaultPlot
from labctl.storage.plain import to_json_text
from labctl.storage.table import Column, Table, suffix_of

__all__ = ["new_group", "nexus_name", "write_facts", "write_table", "write_text"]

#: NeXus wants units as UDUNITS writes them; the suffixes that are not spelled so already.
_UNITS: Final = {
    "hours": "h",
    "hz": "Hz",
    "mw": "mW",
    "dbm": "dBm",
    "db": "dB",
    "k": "K",
    "degc": "degC",
    "v": "V",
    "mv": "mV",
    "ma": "mA",
    "ua": "uA",
}
_TEXT: Final = h5py.string_dtype()


def nexus_name(name: str) -> str:
    """Return a name that HDF5 and NeXus accept; the original goes into `long_name`."""
    return name.replace("/", "_per_") if name.strip("./") else f"_{name.replace('/', '_per_')}"


def new_group(parent: h5py.Group, name: str, nx_class: str) -> h5py.Group:
    """Return a new group of this NeXus class."""
    group: h5py.Group = parent.create_group(nexus_name(name))
    group.attrs["NX_class"] = nx_class
    return group


def write_text(parent: h5py.Group, name: str, text: str) -> h5py.Dataset:
    """Write one text; what HDF5 cannot hold in it is escaped."""
    # Lone surrogates have no UTF-8, and HDF5 ends a text at its first zero.
    whole = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return parent.create_dataset(nexus_name(name), data=whole, dtype=_TEXT)


def write_facts(parent: h5py.Group, facts: Mapping[str, Any]) -> None:
    """Write each value under its name: numbers with their unit, the rest as text or JSON."""
    for name, value in facts.items():
        if isinstance(value, str):
            write_text(parent, name, value)
            continue
        array = _numbers(value)
        if array is None:
            write_text(parent, name, to_json_text(value))
            continue
        dataset = parent.create_dataset(nexus_name(name), data=array)
        _name_unit(dataset, name)


def write_table(parent: h5py.Group, name: str, table: Table, axis: str) -> h5py.Group:
    """Write the table as NXdata without a plot; column `axis` becomes the dimension's scale."""
    group = new_group(parent, name, "NXdata")
    group.attrs["axes"] = nexus_name(axis)
    scale = _write_column(group, nexus_name(axis), axis, table.columns[axis])
    scale.make_scale(nexus_name(axis))
    sigmas = {table.sigma_of(column): column for column in table.numeric}
    texts = [nexus_name(column) for column in table.columns if column not in table.numeric]
    for column, values in table.columns.items():
        if column == axis:
            continue
        quantity = sigmas.get(column)
        stored = nexus_name(column) if quantity is None else f"{nexus_name(quantity)}_errors"
        dataset = _write_column(group, stored, column, values)
        dataset.dims[0].attach_scale(scale)
        if texts and stored not in texts:
            # The netCDF convention (CF, section 5) for words that go with the numbers.
            dataset.attrs["coordinates"] = " ".join(text for text in texts if " " not in text)
    return group


def draw(group: h5py.Group, plot: DefaultPlot, title: str) -> None:
    """Tell viewers what of the NXdata group to draw."""
    group.attrs["signal"] = nexus_name(plot.signal)
    group.attrs["axes"] = nexus_name(plot.axis)
    if plot.others:
        group.attrs["auxiliary_signals"] = np.array(
            [nexus_name(name) for name in plot.others], _TEXT
        )
    write_text(group, "title", title)


def _write_column(group: h5py.Group, stored: str, name: str, values: Column) -> h5py.Dataset:
    kind = values.dtype.kind
    if kind == "U":
        texts = [text.replace("\0", "\\0") for text in values.tolist()]
        return group.create_dataset(stored, data=texts, dtype=_TEXT)
    # Truth values as numbers: HDF5's enumerations are not known to netCDF readers.
    dataset = group.create_dataset(stored, data=values.astype(np.int8) if kind == "b" else values)
    _name_unit(dataset, name)
    return dataset


def _name_unit(dataset: h5py.Dataset, name: str) -> None:
    dataset.attrs["long_name"] = _long_name(name)
    unit = _unit(name)
    if unit:
        dataset.attrs["units"] = unit


def _unit(name: str) -> str:
    suffix = suffix_of(name)
    return _UNITS.get(suffix, suffix)


def _long_name(name: str) -> str:
    suffix = suffix_of(name)
    words = name.removesuffix(f"_{suffix}").replace("_", " ")
    return f"{words} ({_unit(name)})" if suffix else words


def _numbers(value: Any) -> Column | None:
    """Return a number, truth value or list of numbers as an array; None for anything else."""
    if value is None or isinstance(value, (dict, bytes)):
        return None
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        return None
    is_plain = array.dtype.kind in "if" and array.ndim <= 1 and array.size
    if array.dtype.kind == "b" and array.ndim == 0:
        return array
    return array if is_plain else None
