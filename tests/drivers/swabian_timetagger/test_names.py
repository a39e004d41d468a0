"""Every name and signature that the driver uses and the stand-in has, against the real package.

The real classes come from SWIG. Where their Python signature is `(*args, **kwargs)`, the
parameters are those of the docstring (`:param NAME:`, and `:type NAME: ..., optional`).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drivers.swabian_timetagger
import labctl.transport.library
from drivers.swabian_timetagger.frames import EVENT, EventType
from simulated_devices.devices.swabian.library import TimeTaggerLibrary
from simulated_devices.devices.swabian.measurements import IteratorBase
from simulated_devices.devices.swabian.stream import TimeTagStreamBuffer
from simulated_devices.devices.swabian.tagger import TimeTagger

real = importlib.import_module("Swabian.TimeTagger")

#: What the simulated board needs of the stand-in's objects; no user's script knows them.
OURS = {"board", "channels", "delivers_tags", "receive"}
CLASSES = ("TimeTagger", "TimeTagStream", "TimeTagStreamBuffer", "Countrate", "Counter")
ENUMS = ("ChannelEdge", "Resolution", "TagType")
FUNCTIONS = tuple(
    name
    for name in vars(TimeTaggerLibrary)
    if not name.startswith("_") and name not in (*CLASSES, *ENUMS, "CHANNEL_UNUSED", "IteratorBase")
)
#: Objects of the driver by the names of its variables -> the class whose methods it calls.
VARIABLES = {
    "library": "",
    "module": "",
    "tagger": "TimeTagger",
    "_tagger": "TimeTagger",
    "_source": "TimeTagStream",
    "buffer": "TimeTagStreamBuffer",
}
SOURCES = (
    *Path(drivers.swabian_timetagger.__file__).parent.glob("*.py"),
    Path(labctl.transport.library.__file__),
)

Parameters = list[tuple[str, bool]]
"""Names in order, and whether each may be left out."""


def public(owner: type) -> dict[str, Any]:
    """The members of a class and its bases that a script may use, with its constructor."""
    members = {
        name: value
        for base in reversed(owner.__mro__[:-1])
        for name, value in vars(base).items()
        if not name.startswith("_") and name not in OURS
    }
    if issubclass(owner, IteratorBase):
        members["__init__"] = vars(owner)["__init__"]
    return members


def written(function: Callable[..., Any]) -> Parameters:
    found = [
        (parameter.name, parameter.default is not parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return [entry for entry in found if entry[0] != "self"]


def documented(function: Callable[..., Any]) -> Parameters:
    # Overloads of a function come one after the other; the last is the general one here.
    text = (inspect.getdoc(function) or "").split("*Overload ")[-1]
    names = re.findall(r":param (\w+):", text)
    optional = set(re.findall(r":type (\w+): .*, optional", text))
    return [(name, name in optional) for name in names]


def parameters_of(function: Callable[..., Any]) -> Parameters:
    is_open = any(
        parameter.kind is parameter.VAR_POSITIONAL
        for parameter in inspect.signature(function).parameters.values()
    )
    return documented(function) if is_open else written(function)


def check_function(ours: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    assert written(ours) == parameters_of(theirs)
    known = inspect.signature(theirs).parameters
    for name, parameter in inspect.signature(ours).parameters.items():
        if name in known and known[name].default is not inspect.Parameter.empty:
            assert parameter.default == known[name].default, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_the_parameters_of_the_real_one(name: str) -> None:
    check_function(getattr(TimeTaggerLibrary, name), getattr(real, name))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (owner, name)
        for owner in CLASSES
        for name, value in public(getattr(TimeTaggerLibrary, owner)).items()
        if inspect.isfunction(value)
    ],
)
def test_every_method_has_the_parameters_of_the_real_one(owner: str, name: str) -> None:
    ours = getattr(getattr(TimeTaggerLibrary, owner), name)
    check_function(ours, getattr(getattr(real, owner), name))


def test_what_is_no_method_is_an_attribute_of_the_real_class_too() -> None:
    for owner in CLASSES:
        for name, value in public(getattr(TimeTaggerLibrary, owner)).items():
            assert inspect.isfunction(value) or hasattr(getattr(real, owner), name), name
    attributes = [n for n in TimeTagStreamBuffer.__annotations__ if not n.startswith("_")]
    assert len(attributes) == 4
    assert all(hasattr(real.TimeTagStreamBuffer, name) for name in attributes)


@pytest.mark.parametrize("name", ENUMS)
def test_enumerations_have_the_real_names_and_values(name: str) -> None:
    ours = {key: int(value) for key, value in getattr(TimeTaggerLibrary, name).__members__.items()}
    theirs = {key: int(value) for key, value in getattr(real, name).__members__.items()}
    assert ours == theirs


def test_numbers_are_the_real_ones() -> None:
    assert TimeTaggerLibrary.CHANNEL_UNUSED == real.CHANNEL_UNUSED
    assert sorted(int(kind) for kind in EventType) == sorted(int(k) for k in real.TagType)
    for kind in EventType:
        assert real.TagType[kind.name.title().replace("_", "")] == kind


def test_an_event_of_a_frame_has_the_fields_of_the_class_tag() -> None:
    assert all(hasattr(real.Tag, name) for name in ("type", "reserved", "missed_events", "time"))
    # C++ lays out a byte enum, a char, an unsigned short, an int and a long long without gaps.
    assert EVENT.itemsize == 16
    tag = real.Tag(real.Tag.Type_MissedEvents, 0, 65_535, -3, 1 << 62)
    assert (tag.missed_events, tag.channel, tag.time) == (65_535, -3, 1 << 62)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("TimeTagStreamBuffer", "getTimestamps"),
        ("TimeTagStreamBuffer", "getChannels"),
        ("TimeTagStreamBuffer", "getEventTypes"),
        ("TimeTagStreamBuffer", "getMissedEvents"),
    ],
)
def test_arrays_have_the_numbers_that_the_real_ones_declare(owner: str, name: str) -> None:
    declared = inspect.signature(getattr(getattr(real, owner), name)).return_annotation
    kind = re.fullmatch(r"ArgOutCallback< (.+),size_t >", declared)
    assert kind is not None
    dtype = {"long long": np.int64}.get(kind[1]) or np.dtype(kind[1].removesuffix("_t"))
    empty = TimeTagStreamBuffer(0, False, 0, 0)
    assert getattr(empty, name)().dtype == dtype


def used() -> Iterator[tuple[str, str, ast.Call | None]]:
    """Yield class, name and call of every use of the library in the sources."""
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            base = node.value
            name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            if source.name == "library.py" and name in {"_library", "library"}:
                # There it is our own description of a vendor's library.
                continue
            if name in VARIABLES:
                yield VARIABLES[name], node.attr, calls.get(id(node))


def ours_and_theirs(owner: str) -> tuple[Any, Any]:
    if not owner:
        return TimeTaggerLibrary, real
    return getattr(TimeTaggerLibrary, owner), getattr(real, owner)


def test_every_name_the_driver_uses_is_real_and_stood_in_for() -> None:
    found = {(owner, name) for owner, name, _ in used()}
    # If the scan found little, the sources have other names for the library now.
    assert len(found) > 25
    for owner, name in found:
        ours, theirs = ours_and_theirs(owner)
        assert hasattr(theirs, name), f"{owner}.{name} is not real"
        fields = getattr(ours, "__annotations__", {})
        assert hasattr(ours, name) or name in fields, f"{owner}.{name} is not stood in for"


def test_every_call_of_the_driver_fits_the_signature() -> None:
    checked = 0
    for owner, name, call in used():
        ours, _ = ours_and_theirs(owner)
        function = getattr(ours, name, None)
        if call is None or function is None:
            continue
        signature = inspect.signature(function)
        # A class takes no self, and a function of the module or a method does.
        itself = [] if inspect.isclass(function) else [None]
        keywords = {word.arg: None for word in call.keywords if word.arg}
        signature.bind(*itself, *call.args, **keywords)
        checked += 1
    assert checked > 20


def test_the_stand_in_is_of_the_version_that_is_installed() -> None:
    # Newer versions may add names; this says which ones the signatures were written from.
    major, minor = real.getVersion().split(".")[:2]
    assert (int(major), int(minor)) >= (2, 22)
    assert TimeTagger.__name__ == real.TimeTagger.__name__
