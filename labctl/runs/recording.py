"""From a run to its file: header, folder, and what goes into the streams."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import platformdirs

from labctl.bus import Alarm, Bus, Level, Message, ParameterChanged, Subscription
from labctl.device import plugins
from labctl.errors import RunFileError
from labctl.lab import BenchConfig, Lab
from labctl.runs.environment import data_folder_from_environment
from labctl.runs.plan import Experiment, Result
from labctl.storage import (
    Recorder,
    RunHeader,
    TaggerHeader,
    new_uid,
    open_run,
    run_path,
    write_master,
)

__all__ = [
    "default_data_folder",
    "new_recording",
    "plain",
    "record_events",
    "record_figure",
    "record_master",
]


def default_data_folder(config: BenchConfig) -> Path:
    """Return the folder of run files: LABCTL_DATA_FOLDER, else the configured one.

    Without either it is `labctl` in the user's documents.
    """
    documents = platformdirs.user_documents_path() / "labctl"
    return data_folder_from_environment() or config.data.folder or documents


def new_recording(
    lab: Lab,
    experiment: str,
    parameters: Mapping[str, Any],
    folder: Path,
    planned: int,
    parents: tuple[str, ...] = (),
    **recorder_options: Any,
) -> tuple[Recorder, str]:
    """Create the run file of a run that begins now; return its recorder and the run's uid."""
    start = datetime.now(UTC)
    info = lab.loaded.config.lab
    uid = new_uid()
    header = RunHeader(
        experiment=experiment,
        simulated=any(lab.is_device_simulated(name) for name in lab.devices),
        uid=uid,
        parameters=parameters,
        operator=info.operator,
        project=info.project,
        sample=info.sample,
        configuration=lab.loaded.text,
        instruments={name: _instrument(lab, name) for name in lab.devices},
        calibration=_calibration(lab),
        delays_ps={name: d.delay_ps for name, d in lab.bench.detectors.items()},
        counting_convention=(
            "all_pairs: every pair of tags at most half the full window apart, "
            "after the delays are subtracted"
        ),
        planned=planned,
        parents=parents,
        seed=lab.seed if lab.simulation is not None else None,
        speed=lab.speed if lab.simulation is not None else None,
        start=start,
    )
    taggers = [_tagger(lab, name) for name in lab.bench.pumps]
    path = run_path(folder, experiment, uid, start)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFileError(
            f"the data folder {path.parent} cannot be made ({error.strerror})",
            hint="Name another with --out, or [data] folder in the configuration.",
        ) from error
    limit_bytes = round(lab.loaded.config.data.file_limit_gb * 1e9)
    recorder = Recorder(
        path,
        header,
        taggers,
        file_limit_bytes=limit_bytes,
        on_disk_warning=lambda text: lab.bus.publish(Alarm("recorder", text, "warning")),
        **recorder_options,
    )
    return recorder, uid


def _calibration(lab: Lab) -> dict[str, Any]:
    calibration = lab.bench.calibration
    if calibration is None:
        return {}
    return {"delays": {**calibration.to_dict(), "age_s": calibration.age_s}}


def _instrument(lab: Lab, name: str) -> dict[str, Any]:
    config, identity = lab.loaded.config.instruments[name], lab.identities[name]
    return {
        "driver": config.driver,
        "driver_version": _version_of(config.driver),
        "address": config.address,
        "manufacturer": identity.manufacturer,
        "model": identity.model,
        "serial": identity.serial,
        "firmware": identity.firmware,
        "simulated": lab.is_device_simulated(name),
    }


def _version_of(driver: str) -> str:
    point = plugins("labctl.drivers").get(driver)
    if point is None or point.dist is None:
        return ""
    return f"{point.dist.name} {point.dist.version}"


def _tagger(lab: Lab, name: str) -> TaggerHeader:
    tagger = lab.bench.pumps[name].tagger
    return TaggerHeader(
        name=name,
        resolution_ps=tagger.resolution_ps,
        n_channels=max(tagger.channels) + 1,
        simulated=lab.is_device_simulated(name),
        channel_names={d.channel: d.name for d in lab.bench.detectors.values() if d.tagger == name},
    )


def record_events(recorder: Recorder, events: Subscription) -> None:
    """Write the waiting events of the bus into the run file."""
    if not events.is_waiting:
        return
    for event in events.drain():
        if isinstance(event, ParameterChanged):
            recorder.parameter(event.instrument, event.setting, plain(event.value), event.unit)
        elif isinstance(event, Message):
            recorder.event(event.level.name.lower(), event.source, event.text)
        elif isinstance(event, Alarm):
            recorder.event(event.severity, event.source, event.text)


def record_figure(
    recorder: Recorder, experiment: Experiment[Any], result: Result, *, simulated: bool
) -> None:
    """Draw a result into the run file, where the experiment has a figure."""
    if experiment.figure is None:
        return
    title = recorder.path.stem
    try:
        recorder.figure("result", experiment.figure(result.to_dict(), title, simulated))
    except Exception as error:  # noqa: BLE001  a picture must not cost a run its result
        recorder.event("warning", "run", f"the figure could not be drawn: {error!r}")


def record_master(bus: Bus, path: Path) -> None:
    """Write the master file of a run whose recorder is closed; warn where that fails."""
    try:
        with open_run(path) as run:
            write_master(run)
    except Exception as error:  # noqa: BLE001  it only repeats what the run file holds
        text = f"the run is complete, but its master file is missing: {error}"
        bus.publish(Message(source="run", text=text, level=Level.WARNING))


def plain(value: Any) -> Any:
    """Return `value` as JSON can carry it: choices by their word, tables entry by entry."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value
