from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.errors import ConfigError
from labctl.lab import Lab, bench_path, benches, find_config, load_bench


@pytest.mark.parametrize("name", sorted(benches()))
def test_every_packaged_bench_is_sound_and_opens_on_simulated_instruments(name: str) -> None:
    with Lab(bench_path(name), simulated=True, speed=0) as lab:
        assert set(lab.identities) == set(lab.loaded.config.instruments)


def test_the_default_bench_is_the_one_at_the_top_of_the_repository() -> None:
    top = Path(__file__).parents[2] / "instruments.toml"

    assert bench_path("default").read_bytes() == top.read_bytes()


def test_an_unknown_bench_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r'unknown bench "defalt" \(did you mean "default"\?\)'):
        bench_path("defalt")


def test_the_file_in_this_folder_goes_before_the_packaged_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None) == bench_path("default")

    (tmp_path / "instruments.toml").write_text("version = 1\n[instruments]\n")

    assert load_bench().path == tmp_path / "instruments.toml"
    assert find_config("other.toml") == Path("other.toml")


def test_a_missing_file_is_refused_and_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*absent\.toml.*labctl init"):
        load_bench(tmp_path / "absent.toml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_bench(tmp_path)


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text("version = 1\n[instruments.pump\n")

    with pytest.raises(ConfigError, match=r"bench\.toml is not valid TOML: .*line 2"):
        load_bench(file)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_bytes("version = 1 # für\n".encode("latin-1"))

    with pytest.raises(ConfigError, match=r"bench\.toml cannot be read: .*utf-8"):
        load_bench(file)


def test_an_empty_file_lacks_what_is_required(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text("")

    with pytest.raises(ConfigError) as refused:
        load_bench(file)

    assert "version: this key is required" in str(refused.value)
    assert "instruments: this key is required" in str(refused.value)


def test_the_text_is_kept_verbatim_with_its_checksum(edited: Callable[..., Path]) -> None:
    file = edited()

    loaded = load_bench(file)

    assert loaded.text.encode() == file.read_bytes()
    checksum = subprocess.run(["/usr/bin/sha256sum", file], capture_output=True, check=True)
    assert loaded.sha256.encode() == checksum.stdout.split()[0]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (('state = "phi_plus"', 'state = "phi_minos"'), "[simulation] source.state"),
        (("visibility = 0.95", "visibility = 1.5"), "[simulation] source.visibility"),
        (("dark_rate_hz = 100.0", "dark_rate = 100.0"), "[simulation] detectors.alice_h.dark_rate"),
        (('plus = "alice_h"', 'plus = "alice_hh"'), 'is not a detector (did you mean "alice_h"?)'),
    ],
    ids=["a word", "a number outside its range", "an unknown key", "a reference"],
)
def test_a_mistake_about_the_simulated_world_is_told_with_its_file_and_key(
    edit: tuple[str, str], said: str, edited: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError) as refused:
        Lab(edited(edit), simulated=True, speed=0)

    assert "instruments.toml: " in str(refused.value)
    assert said in str(refused.value)


def test_every_mistake_about_the_simulated_world_is_told_at_once(
    edited: Callable[..., Path],
) -> None:
    file = edited(
        ('state = "phi_plus"', 'state = "phi_minos"'), ("visibility = 0.95", "visibility = 1.5")
    )

    with pytest.raises(ConfigError) as refused:
        Lab(file, simulated=True, speed=0)

    assert "source.state" in str(refused.value)
    assert "source.visibility" in str(refused.value)


def test_the_speed_of_time_is_refused_where_real_instruments_are(
    edited: Callable[..., Path],
) -> None:
    with pytest.raises(ConfigError, match=r"speed = 0 needs a fully simulated bench.*: pump"):
        Lab(edited(), speed=0)
