"""Folders are named as people name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.gui.runs_index import short_path


def test_a_folder_of_the_user_begins_with_a_tilde_and_another_one_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert short_path(Path("/home/anna/lab/runs")) == "~/lab/runs"
    assert short_path(Path("/home/annabel/runs")) == "/home/annabel/runs"
    assert short_path(Path("/data")) == "/data"
