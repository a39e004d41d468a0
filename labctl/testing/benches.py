"""Which bench a test runs on, and with which seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from labctl.lab import bench_path, benches

__all__ = ["Choice", "folders_of", "marked_bench", "seed_of", "text_of"]

_MARKER = "labctl_bench"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the marker `labctl_bench` of a test chooses.

    Attributes:
        bench: a file or the name of a packaged bench; empty for the default.
        seed: of the simulated world.
        speed: of its time.
    """

    bench: str
    seed: int
    speed: float

    @classmethod
    def of(cls, item: pytest.Item) -> Self:
        """Return the choice of a test; a marker on a test comes before that of its class.

        Raises:
            pytest.UsageError: the marker's arguments are not what it takes.
        """
        chosen: dict[str, Any] = {}
        for marker in item.iter_markers(_MARKER):
            try:
                given = _arguments(*marker.args, **marker.kwargs)
            except TypeError as error:
                raise pytest.UsageError(
                    f"@pytest.mark.{_MARKER} of {item.nodeid}: {error}; it takes a "
                    "configuration, seed= and speed="
                ) from None
            chosen = {k: v for k, v in given.items() if v is not None} | chosen
        return cls(
            str(chosen.get("configuration", "")),
            int(chosen.get("seed", seed_of(item.name))),
            float(chosen.get("speed", 0.0)),
        )


def _arguments(
    configuration: str | Path | None = None, *, seed: int | None = None, speed: float | None = None
) -> dict[str, Any]:
    return {"configuration": configuration, "seed": seed, "speed": speed}


def seed_of(name: str) -> int:
    """Return the seed of the test called `name`, parameters included; the same everywhere."""
    return zlib.crc32(name.encode())


def folders_of(item: pytest.Item) -> tuple[Path, ...]:
    """Return where the files that a test names are looked for: beside it, then at the root."""
    return item.path.parent, item.config.rootpath


def marked_bench(item: pytest.Item) -> Path:
    """Return the configuration that a test is marked with, else the packaged default bench.

    Raises:
        pytest.UsageError: there is no such file and no such packaged bench.
    """
    name = Choice.of(item).bench
    if not name:
        return bench_path("default")
    for folder in folders_of(item):
        if (folder / name).is_file():
            return folder / name
    if name in benches():
        return bench_path(name)
    looked = ", ".join(str(folder) for folder in dict.fromkeys(folders_of(item)))
    raise pytest.UsageError(
        f'@pytest.mark.{_MARKER}("{name}") of {item.nodeid}: no such file in {looked}, and no '
        f"packaged bench of this name; packaged are: {', '.join(benches())}"
    )


def text_of(bench: Path | str) -> str:
    """Return the configuration's text; what has several lines is one already.

    Raises:
        pytest.UsageError: the file cannot be read.
    """
    if isinstance(bench, str) and "\n" in bench:
        return bench
    try:
        return Path(bench).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise pytest.UsageError(
            f"simulated_bench is {str(bench)!r}, which cannot be read ({error}); it is a file or "
            "the text of a configuration"
        ) from error
