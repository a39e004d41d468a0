from __future__ import annotations

import pickle

import pytest

from labctl import errors
from labctl.errors import LabError, LimitError, LinkError, ReplyTimeoutError, nearest

KINDS = [getattr(errors, name) for name in errors.__all__ if name != "nearest"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_lab_error_that_reads_as_a_sentence(kind: type[LabError]) -> None:
    error = kind("it failed.", device="pump", address="tcp://a:1", hint="Try again.")
    assert isinstance(error, LabError)
    assert str(error) == "pump: it failed. [tcp://a:1] Try again."


def test_an_error_does_not_repeat_what_its_message_already_says() -> None:
    error = LabError("pump at tcp://a:1 failed", device="pump", address="tcp://a:1")
    assert str(error) == "pump at tcp://a:1 failed"


@pytest.mark.parametrize(
    ("kind", "standard"),
    [(LimitError, ValueError), (LinkError, OSError), (ReplyTimeoutError, TimeoutError)],
)
def test_code_that_knows_no_labctl_catches_the_standard_exception(
    kind: type[LabError], standard: type[Exception]
) -> None:
    with pytest.raises(standard, match="no luck"):
        raise kind("no luck")


def test_a_device_named_later_appears_in_the_text() -> None:
    error = LinkError("the link was lost")
    error.device = "tagger"
    assert str(error) == "tagger: the link was lost"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_to_another_process(kind: type[LabError]) -> None:
    error = kind("it failed", device="pump", hint="Try again.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (type(copy), str(copy)) == (kind, str(error))


def test_nearest_names_the_likely_word_and_stays_silent_about_unlikely_ones() -> None:
    assert nearest("powr_mw", ["power_mw", "emission"]) == ' (did you mean "power_mw"?)'
    assert nearest("xyz", ["power_mw", "emission"]) == ""
    assert nearest("x", []) == ""
