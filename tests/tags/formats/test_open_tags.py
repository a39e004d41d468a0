"""Finding the format of a file, and saying why there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.formats import open_tags
from labctl.tags.formats.a1 import FORMAT as A1
from labctl.tags.formats.ptu import FORMAT as PTU
from labctl.tags.formats.qutag import FORMAT as QUTAG

Writer = Callable[..., bytes]
#: Nine tags, as a quTAG would record them.
NINE = [(10**15 + n * 10**9, 1 + n % 2) for n in range(9)]

PLUGIN = """
from pathlib import Path

class Format:
    name = "plugged"
    description = "a format of another package"

    def recognizes(self, path, head):
        return {claim}

    def open(self, path):
        return Source()

class Source:
    format_name = "plugged"

FORMAT = Format()
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install another package with a format, the way pip leaves it on the path."""

    def install(claim: str, target: str) -> None:
        site = tmp_path / "site"
        meta = site / "labctl_test_plugin-1.0.dist-info"
        meta.mkdir(parents=True)
        (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: labctl-test-plugin\n")
        (meta / "entry_points.txt").write_text(f"[labctl.formats]\nplugged = {target}\n")
        (site / "labctl_test_plugin.py").write_text(PLUGIN.format(claim=claim))
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "labctl_test_plugin", raising=False)

    return install


def test_a_ptu_file_is_known_by_its_magic_whatever_its_name(
    tmp_path: Path, ptu_bytes: Writer
) -> None:
    path = tmp_path / "misnamed.qutag"
    path.write_bytes(ptu_bytes([5]))

    assert open_tags(path).format_name == "ptu"


def test_a_qutag_file_is_known_by_its_extension(tmp_path: Path, qutag_bytes: Writer) -> None:
    path = tmp_path / "short.QUTAG"
    path.write_bytes(qutag_bytes(NINE[:1]))

    assert open_tags(str(path)).format_name == "qutag"


def test_a_qutag_file_without_extension_is_known_by_its_records(
    tmp_path: Path, qutag_bytes: Writer
) -> None:
    path = tmp_path / "timestamps.bin"
    path.write_bytes(qutag_bytes([*NINE, (NINE[-1][0] - 85_918, 100)]))

    assert open_tags(path).format_name == "qutag"


@pytest.mark.parametrize(
    "tags",
    [
        NINE[:7],
        [*NINE, (NINE[-1][0], 21)],
        [*NINE, (NINE[-1][0], -1)],
        [(-5, 1), *NINE],
        NINE[::-1],
        [(0, 0)] * 9,
        [*NINE, (NINE[-1][0] + 3_601 * 10**12, 1)],
    ],
    ids=["few", "channel", "negative", "before 0", "backward", "zeros", "hours apart"],
)
def test_records_that_do_not_look_like_a_qutag_are_not_taken_for_one(
    tmp_path: Path, qutag_bytes: Writer, tags: list[tuple[int, int]]
) -> None:
    path = tmp_path / "timestamps.bin"
    path.write_bytes(qutag_bytes(tags))

    with pytest.raises(RunFileError, match="is not a tag file that labctl reads"):
        open_tags(path)


@settings(deadline=None)
@given(st.binary(min_size=120, max_size=512))
def test_random_content_is_not_taken_for_a_known_format(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.bin"
    path.write_bytes(content)

    assert not A1.recognizes(path, content)
    assert not PTU.recognizes(path, content)
    assert not QUTAG.recognizes(path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"time_ps,channel\n" + b"1000,1\n" * 72,
        b"PQHISTO\0" + bytes(532),
        bytes(540),
        b"\x7fELF" * 135,
    ],
    ids=["csv", "histogram", "zeros", "program"],
)
def test_a_foreign_file_is_an_error_that_lists_what_can_be_read(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "foreign.bin"
    path.write_bytes(content)

    with pytest.raises(RunFileError) as caught:
        open_tags(path)

    message = str(caught.value)
    assert str(path) in message
    assert "a1 (S-Fifteen TDC1 and TDC2 events" in message
    assert "ptu (PicoQuant PTU, T2 mode)" in message
    assert "qutag (qutools quTAG binary, 10 bytes per tag)" in message


@pytest.mark.parametrize("magic", [b"\x89HDF\r\n\x1a\n", b"PQTTTR\0\0", b"PQHISTO\0"])
def test_the_extension_does_not_make_a_file_with_a_foreign_magic_a_qutag_file(
    tmp_path: Path, magic: bytes
) -> None:
    path = tmp_path / "renamed.qutag"
    path.write_bytes(magic + bytes(532))

    assert not QUTAG.recognizes(path, path.read_bytes())


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match=r"nowhere\.ptu: there is no such file"):
        open_tags(tmp_path / "nowhere.ptu")


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="is a folder"):
        open_tags(tmp_path)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.qutag"
    path.touch()

    with pytest.raises(RunFileError, match=r"empty\.qutag: is empty \(0 bytes\)"):
        open_tags(path)


def test_a_pipe_is_an_error_and_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.qutag"
    os.mkfifo(path)

    with pytest.raises(RunFileError, match="is not a regular file"):
        open_tags(path)


def test_a_format_of_another_package_plugs_in(
    tmp_path: Path, plugin: Callable[[str, str], None]
) -> None:
    plugin("path.suffix == '.plugged'", "labctl_test_plugin:FORMAT")
    path = tmp_path / "file.plugged"
    path.write_bytes(b"anything")

    assert open_tags(path).format_name == "plugged"


def test_a_file_claimed_by_two_formats_is_an_error_that_names_them(
    tmp_path: Path, plugin: Callable[[str, str], None], qutag_bytes: Writer
) -> None:
    plugin("True", "labctl_test_plugin:FORMAT")
    path = tmp_path / "two.qutag"
    path.write_bytes(qutag_bytes(NINE))

    with pytest.raises(RunFileError, match=r"claimed by several formats \(plugged, qutag\)"):
        open_tags(path)


@pytest.mark.parametrize("target", ["labctl_no_such_module:FORMAT", "labctl_test_plugin:ABSENT"])
def test_a_broken_format_is_named_and_does_not_hide_the_others(
    tmp_path: Path, plugin: Callable[[str, str], None], qutag_bytes: Writer, target: str
) -> None:
    plugin("True", target)
    readable, foreign = tmp_path / "good.qutag", tmp_path / "foreign.bin"
    readable.write_bytes(qutag_bytes(NINE))
    foreign.write_bytes(b"nothing known")

    assert open_tags(readable).format_name == "qutag"
    with pytest.raises(RunFileError, match=r"Installed but not usable: plugged \("):
        open_tags(foreign)


def test_importing_the_formats_loads_neither_numba_nor_hdf5() -> None:
    program = (
        "import sys, labctl.tags.formats.ptu, labctl.tags.formats.qutag, labctl.tags.formats.a1;"
        "print([name for name in ('numba', 'h5py') if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
