"""Where configurations are: the user's file, and the benches that come with labctl.

Apart from what reads them, because a client only asks which file a service has.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from labctl.errors import ConfigError, nearest

__all__ = ["DEFAULT_FILE", "bench_path", "benches", "find_config"]

DEFAULT_FILE = "instruments.toml"


def benches() -> dict[str, Path]:
    """Return the benches that come with labctl, by name."""
    folder = Path(str(resources.files("labctl.lab") / "benches"))
    found = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    # In a source checkout the default bench is the repository's own instruments.toml.
    in_checkout = folder.parent.parent.parent / DEFAULT_FILE
    if "default" not in found and in_checkout.is_file():
        found["default"] = in_checkout
    return dict(sorted(found.items()))


def bench_path(name: str) -> Path:
    """Return the file of the packaged bench `name`.

    Raises:
        ConfigError: there is no such bench.
    """
    known = benches()
    if name not in known:
        raise ConfigError(
            f'unknown bench "{name}"{nearest(name, known)}; known are: {", ".join(known)}'
        )
    return known[name]


def find_config(path: Path | str | None) -> Path:
    """Return `path`, else ./instruments.toml, else the packaged default bench."""
    if path is not None:
        return Path(path)
    here = Path(DEFAULT_FILE)
    return here if here.is_file() else bench_path("default")
