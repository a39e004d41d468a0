from __future__ import annotations

from pathlib import Path

import numpy as np

from simulated_devices.truth import TruthLog, read_truth


def test_the_list_holds_what_was_written(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth")
    log.write(np.array([1, 2**62]), np.array([1, 255], np.uint8))
    log.write(np.array([], np.int64), np.array([], np.uint8))
    log.write(np.array([7]), np.array([1], np.uint8))
    log.close()
    log.close()
    times_ps, channels = read_truth(tmp_path / "truth")
    assert times_ps.tolist() == [1, 2**62, 7]
    assert channels.tolist() == [1, 255, 1]
    assert log.counts[[0, 1, 255]].tolist() == [0, 2, 1]


def test_tags_are_in_the_file_before_the_log_is_closed(tmp_path: Path) -> None:
    """The process may be killed at any moment."""
    log = TruthLog(tmp_path / "truth")
    log.write(np.array([5]), np.array([2], np.uint8))
    assert read_truth(tmp_path / "truth")[0].tolist() == [5]
    log.close()


def test_an_incomplete_last_record_is_left_out(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth")
    log.write(np.array([5, 6]), np.array([2, 2], np.uint8))
    log.close()
    data = (tmp_path / "truth").read_bytes()
    for length in range(len(data)):
        (tmp_path / "truth").write_bytes(data[:length])
        assert read_truth(tmp_path / "truth")[0].tolist() == [5, 6][: length // 9]


def test_without_a_file_tags_are_counted_only() -> None:
    log = TruthLog()
    log.write(np.array([5, 6]), np.array([2, 3], np.uint8))
    assert log.counts.sum() == 2
    log.close()


def test_what_the_device_loses_is_counted_apart(tmp_path: Path) -> None:
    log = TruthLog(tmp_path / "truth")
    log.write(np.array([5, 6]), np.array([2, 3], np.uint8))
    log.lose(np.array([3, 3, 4], np.uint8))
    log.close()
    assert log.counts[:5].tolist() == [0, 0, 1, 1, 0]
    assert log.lost[:5].tolist() == [0, 0, 0, 2, 1]
    assert log.detected[:5].tolist() == [0, 0, 1, 3, 1]
    assert read_truth(tmp_path / "truth")[0].tolist() == [5, 6]
