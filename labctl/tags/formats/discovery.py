"""Finds the format that reads a tag file, among all installed ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from labctl.errors import RunFileError
from labctl.tags.formats.source import TagFileFormat, TagSource

__all__ = ["GROUP", "HEAD_BYTES", "open_tags"]

GROUP = "labctl.formats"
#: Enough for every magic number and for some dozens of records.
HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class _Installed:
    """The formats that could be loaded, and for each of the others the reason why not."""

    formats: tuple[TagFileFormat, ...]
    broken: tuple[str, ...]

    def __str__(self) -> str:
        readable = "; ".join(f"{one.name} ({one.description})" for one in self.formats)
        listed = f"Readable formats: {readable or 'none is installed, reinstall labctl'}."
        if not self.broken:
            return listed
        return f"{listed} Installed but not usable: {'; '.join(self.broken)}."


def open_tags(path: str | Path) -> TagSource:
    """Return the tags of a recorded file of any installed format.

    Raises:
        RunFileError: the file is missing, empty, of no installed format, claimed by several
            formats, or damaged.
    """
    path = Path(path)
    head = _head(path)
    installed = _installed_formats()
    claims = [one for one in installed.formats if one.recognizes(path, head)]
    if not claims:
        raise RunFileError(f"{path}: is not a tag file that labctl reads.", hint=str(installed))
    if len(claims) > 1:
        names = ", ".join(one.name for one in claims)
        raise RunFileError(
            f"{path}: is claimed by several formats ({names}).",
            hint="Uninstall the package whose format is wrong here.",
        )
    return claims[0].open(path)


def _head(path: Path) -> bytes:
    """Return the first bytes of a file that is there and has some."""
    if path.is_dir():
        raise RunFileError(f"{path}: is a folder.", hint="Name a tag file inside it.")
    if not path.exists():
        raise RunFileError(f"{path}: there is no such file.", hint="Check the name and folder.")
    if not path.is_file():
        # A pipe or device would block the read below or has no beginning to return to.
        raise RunFileError(f"{path}: is not a regular file.", hint="Copy its content to a file.")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}.") from error
    if not head:
        raise RunFileError(
            f"{path}: is empty (0 bytes).", hint="The recording wrote nothing, or the copy failed."
        )
    return head


def _installed_formats() -> _Installed:
    """Load every registered format; one that cannot be imported does not hide the others."""
    formats: list[TagFileFormat] = []
    broken: list[str] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            formats.append(entry.load())
        except (ImportError, AttributeError) as error:
            broken.append(f"{entry.name} ({error})")
    return _Installed(tuple(formats), tuple(broken))
