"""A laboratory that can run experiments: what scripts, notebooks and the command line open."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from labctl.bus import Message
from labctl.device import load_plugin
from labctl.errors import ConfigError, RunError
from labctl.lab import Calibration, Lab, save_calibration
from labctl.runs.environment import (
    config_from_environment,
    seed_from_environment,
    simulated_from_environment,
    speed_from_environment,
)
from labctl.runs.mending import fault_policy
from labctl.runs.plan import Experiment
from labctl.runs.recording import default_data_folder
from labctl.runs.run import Run
from labctl.runs.status import RunOutcome, RunState, RunStatus

__all__ = ["LabSession", "load_experiment", "open_lab"]

#: How often a waiting main thread looks for the keyboard.
_POLL_S = 0.2
_UNDER_WAY = {RunState.RUNNING, RunState.PAUSED}


def load_experiment(name: str) -> Experiment[Any]:
    """Return the experiment announced as `name`, or the one in the file `name` ends with .py.

    Raises:
        ConfigError: there is no such experiment, or the file has none.
    """
    if name.endswith(".py"):
        experiment = _from_file(Path(name))
    else:
        experiment = load_plugin("labctl.experiments", name, "experiment")
    if not isinstance(experiment, Experiment):
        raise ConfigError(f'experiment "{name}" is {experiment!r}, which is no labctl Experiment')
    return experiment


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise ConfigError(f"there is no experiment file {path}")
    name = f"labctl_experiment_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ConfigError(f"{path} cannot be imported as Python")
    module = importlib.util.module_from_spec(specification)
    # Dataclasses and pydantic look their module up by its name.
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, "EXPERIMENT"):
        raise ConfigError(f"{path} defines no EXPERIMENT = Experiment(...)")
    return module.EXPERIMENT


class LabSession(Lab):
    """An open laboratory with one run at a time."""

    #: True where somebody can resume a run that pauses by itself; may change at any time.
    has_operator: bool = False
    _run: Run | None = None
    _starting: ClassVar[threading.Lock] = threading.Lock()

    def _handlers(self) -> dict[str, Any]:
        return super()._handlers() | {"abort": self._answer_abort}

    @property
    def run_status(self) -> RunStatus:
        """Where the present or last run is."""
        return self._run.status if self._run is not None else RunStatus(RunState.IDLE)

    def start(
        self,
        experiment: str | Experiment[Any],
        parameters: Mapping[str, Any],
        *,
        folder: Path | str | None = None,
        arm: bool | None = None,
        on_fault: str | None = None,
        parents: tuple[str, ...] = (),
    ) -> Run:
        """Start a run and return at once.

        `arm` lets it switch on the lasers it needs; by default a fully simulated bench is
        armed and a real one is not. `on_fault` is what to do when an instrument is lost:
        "retry", "pause" or "abort"; by default what [runs] in the configuration says.
        `parents` are runs whose recorded tags are replayed.

        Raises:
            ConfigError: unknown experiment, parameters or policy.
            RunError: a run is under way.
        """
        # Two who start at the same time must not both find the bench idle.
        with self._starting:
            if self._run is not None and self._run.status.state in _UNDER_WAY:
                raise RunError(
                    f"run {self._run.status.uid} ({self._run.status.experiment}) is under way; "
                    "abort it or wait for its end"
                )
            found = load_experiment(experiment) if isinstance(experiment, str) else experiment
            parsed = found.parse(parameters)
            if found.check is not None:
                found.check(self.bench, parsed)
            default = default_data_folder(self.loaded.config)
            self._run = Run(
                self,
                found,
                parsed,
                folder=Path(folder) if folder is not None else default,
                arm=(self.arms_by_itself if arm is None else arm) and found.lights(parsed),
                faults=fault_policy(self.loaded.config.runs, on_fault, lambda: self.has_operator),
                parents=parents,
            )
            self._run.start()
            return self._run

    @property
    def arms_by_itself(self) -> bool:
        """True on a bench without a single real instrument."""
        return not any(self.is_device_real(name) for name in self.devices)

    def run(
        self,
        experiment: str | Experiment[Any],
        *,
        folder: Path | str | None = None,
        arm: bool | None = None,
        on_fault: str | None = None,
        **parameters: Any,
    ) -> RunOutcome:
        """Run an experiment to its end and return how it ended.

        An abort (by `labctl safe`, say) is an outcome, not an error. KeyboardInterrupt aborts
        the run, leaves everything safe and goes on to the caller; a second one does not wait.

        Raises:
            ConfigError: unknown experiment or parameters.
            RunError: the plan failed; the run file says how far it came.
        """
        run = self.start(experiment, parameters, folder=folder, arm=arm, on_fault=on_fault)
        try:
            return self._wait(run)
        except KeyboardInterrupt:
            run.abort("interrupted from the keyboard")
            try:
                self._wait(run)
            except KeyboardInterrupt:
                self.make_safe()
            raise

    @staticmethod
    def _wait(run: Run) -> RunOutcome:
        while (outcome := run.wait(_POLL_S)) is None:
            pass
        return outcome

    def end_run(self, reason: str) -> None:
        """Abort the run under way, if there is one, and wait for its end.

        Raises:
            RunError: it failed at the end.
        """
        run = self._run
        if run is not None and run.status.state in _UNDER_WAY:
            run.abort(reason)
            self._wait(run)

    def apply_calibration(self, experiment: str | Experiment[Any], outcome: RunOutcome) -> Path:
        """Write what a calibrating run measured to the bench's calibration file; return it.

        Runs of laboratories opened from now on use it and name it with its age.

        Raises:
            ConfigError: the experiment calibrates nothing, or the run has no result.
        """
        found = load_experiment(experiment) if isinstance(experiment, str) else experiment
        if found.calibrates is None:
            raise ConfigError(f"experiment {found.name} measures no delays that could be applied")
        if outcome.result is None:
            raise ConfigError(f"run {outcome.uid} has no result to apply: it was {outcome.status}")
        delays_ps, sigmas_ps = found.calibrates(outcome.result)
        calibration = Calibration(delays_ps, sigmas_ps, datetime.now(UTC), outcome.uid)
        return save_calibration(self.loaded, calibration)

    def abort(self, reason: str) -> None:
        """Abort the run under way, if there is one."""
        if self._run is not None:
            self._run.abort(reason)

    def pause(self, reason: str = "") -> None:
        """Pause the run under way, if there is one; `reason` goes to the log."""
        if self._run is not None:
            self._run.pause()
            if reason:
                self.bus.publish(Message(source="run", text=f"paused: {reason}"))

    def resume(self, *, arm: bool = False) -> None:
        """Let a paused run go on; `arm` lets it light a laser that went dark with its link.

        Raises:
            InterlockError: a laser would have to be switched on, and `arm` is not given.
        """
        if self._run is not None:
            self._run.resume(arm=arm)

    def watch_rules(self) -> None:
        """Let the rules of `[interlocks]` be watched until the laboratory is closed."""
        if self.loaded.config.interlocks and self.monitor is None:
            from labctl.lab.monitor import Monitor  # noqa: PLC0415  most benches have no rules

            self.monitor = Monitor(self, pause_run=self.pause, abort_run=self.abort)
            self.monitor.start()

    def status(self) -> dict[str, Any]:
        """Return what is open and what runs, as the control endpoint tells it."""
        return {**super().status(), "run": self.run_status.to_dict()}

    def close(self, *, leave_emission: bool = False) -> None:
        """Abort the run under way, leave the instruments safe and release them."""
        try:
            if self._is_open:
                self.end_run("the laboratory was closed")
        finally:
            if self.monitor is not None:
                self.monitor.close()
            super().close(leave_emission=leave_emission)

    def _answer_safe(self) -> dict[str, Any]:
        # The run is told first, so that it does not light up what is being switched off.
        self.abort("all safe was ordered")
        return super()._answer_safe()

    def _answer_abort(self, message: dict[str, Any]) -> dict[str, Any]:
        self.abort(str(message.get("reason") or "aborted from another process"))
        return {"run": self.run_status.to_dict()}


def open_lab(
    config: Path | str | None = None,
    *,
    simulated: bool | None = None,
    seed: int | None = None,
    speed: float | None = None,
    truth_file: Path | None = None,
) -> LabSession:
    """Open the laboratory of a configuration, ready to run experiments.

    Use it as a context manager: on leaving, instruments are left safe and released. The rules of
    `[interlocks]` are watched. What is not given is asked from the environment, so that a script
    for the real bench runs unedited on a simulated one (`labctl.testing` does that).

    Args:
        config: instruments.toml; by default LABCTL_CONFIG, else the one here, else the
            packaged default bench.
        simulated: replace every instrument's link by the simulated laboratory; by default
            what LABCTL_SIMULATED says (0 or 1), else False.
        seed: of the simulated world; equal seeds and equal calls give equal tags. By default
            LABCTL_SEED, else 0.
        speed: of the simulated world's time: 1 as the wall, N faster, 0 stepped by waiting.
            By default LABCTL_SPEED where everything is simulated, else 1.
        truth_file: list of every simulated tag, written before it is sent.

    Raises:
        ConfigError: every mistake in the configuration, or a variable that makes no sense.
        LinkError: an instrument cannot be reached; nothing stays open.
    """
    if simulated is None:
        simulated = simulated_from_environment()
    if speed is None:
        speed = speed_from_environment() if simulated else 1.0
    session = LabSession(
        config if config is not None else config_from_environment(),
        simulated=simulated,
        seed=seed_from_environment() if seed is None else seed,
        speed=speed,
        truth_file=truth_file,
    )
    session.watch_rules()
    return session
