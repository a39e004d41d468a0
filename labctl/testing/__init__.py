"""Test a lab's own scripts against simulated instruments, with pytest.

Installing labctl is enough: pytest finds the plugin by its entry point. Fixtures:

- `simulated_lab`: an open laboratory in which nothing is real; checked for leaks at the end.
- `run_script`: runs a script file unedited against the simulated bench.
- `simulated_environment`: `labctl.open_lab()` without arguments opens the simulated bench.
- `simulated_bench`: the configuration, to be overridden; by default the packaged bench.
- `run_folder`: where the run files of the test are.

Markers: `labctl_bench(configuration, seed=..., speed=...)` chooses, `labctl_may_leave(kind, ...)`
allows a leak that is deliberate (`labctl.testing.leaks.KINDS`). `labctl.testing.contracts` has
what every driver of a kind must keep, for packages of your own.

Decisions that may be questioned:

- A test that uses one of these fixtures runs with LABCTL_SIMULATED_ONLY=1, so it can open no
  real instrument whatever the script does. Other tests are left alone unless the ini option
  `labctl_simulated_only = true` says so for the whole session: a plugin that is merely
  installed must change nothing, and some labs test on the bench.
- The seed of the simulated world comes from the test's name (CRC-32), so that a test sees the
  same tags on every machine and in every order, and two tests see different ones.
- The bench is a copy in a temporary folder: no calibration stands beside it, and
  `labctl run delays --apply` in a test cannot change the one of the real bench.
- Time is stepped (speed 0): it passes only while a run waits.
- A leak fails the test, where the test itself did not fail before.
- The plugin imports nothing but pytest until a fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.testing.scripts import ScriptResult, ScriptRunner

__all__ = ["ScriptResult", "ScriptRunner"]

__getattr__, __dir__ = lazy_exports(__name__, {"scripts": ("ScriptResult", "ScriptRunner")})
