from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from labctl.storage import new_uid, run_path

START = datetime(2026, 11, 23, 7, 15, 2, 999_000, tzinfo=UTC)


def test_the_name_says_when_what_and_which() -> None:
    assert run_path(Path("data"), "chsh", "1a2b3c", START) == Path(
        "data/2026-11-23/2026-11-23T07-15-02_chsh_1a2b3c.h5"
    )


def test_names_are_in_utc() -> None:
    tokyo = START.astimezone(timezone(timedelta(hours=9)))
    assert run_path(Path(), "x", "0", tokyo) == run_path(Path(), "x", "0", START)


@pytest.mark.parametrize(
    ("experiment", "part"),
    [("../../etc/x", "_etc_x_"), ('a:b*"c"', "_a_b_c_"), ("", "_run_"), ("x" * 300, "x" * 48)],
)
def test_any_experiment_gives_a_portable_name(experiment: str, part: str) -> None:
    path = run_path(Path("data"), experiment, "1a2b3c", START)
    assert part in path.name
    assert len(path.name) <= 80
    assert path.parent == Path("data/2026-11-23")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        run_path(Path(), "x", "0", START.replace(tzinfo=None))


def test_uids_are_six_hexadecimal_digits() -> None:
    uid = new_uid()
    assert len(uid) == 6
    assert int(uid, 16) >= 0
