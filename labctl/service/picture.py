"""What clients are told of a service that does not change from moment to moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labctl.runs import LabSession
from labctl.service.live import LiveAnalysis

__all__ = ["facts_of", "live_settings_of"]


def facts_of(session: LabSession, folder: Path, started_utc: float) -> dict[str, Any]:
    """Return what stays as it is while the service runs, as JSON carries it."""
    simulated = [name for name in session.devices if session.is_device_simulated(name)]
    return {
        "config": str(session.loaded.path),
        "bench": session.loaded.config.lab.name,
        "simulated": bool(simulated),
        "simulated_instruments": simulated,
        "arms_by_itself": session.arms_by_itself,
        "folder": str(folder),
        "started_utc": started_utc,
        "stations": {
            name: [detector.name for detector in station.detectors]
            for name, station in session.bench.stations.items()
        },
        "detectors": {
            name: {"tagger": d.tagger, "channel": d.channel, "delay_ps": d.delay_ps}
            for name, d in session.bench.detectors.items()
        },
    }


def live_settings_of(live: LiveAnalysis) -> dict[str, Any]:
    """Return what the live display counts, by tagger."""
    return {
        tagger: {
            "pairs": [f"{a}-{b}" for a, b in settings.pairs],
            "window_full_ps": settings.window_full_ps,
            "range_ps": settings.range_ps,
            "bin_ps": settings.bin_ps,
            "interval_s": settings.interval_s,
        }
        for tagger, settings in live.settings().items()
    }
