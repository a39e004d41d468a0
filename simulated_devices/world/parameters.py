"""The `[simulation]` table of instruments.toml: what the simulated bench is made of.

The defaults describe one laboratory: a 405 nm pump, degenerate pairs at 810 nm in metres of
single-mode fibre, superconducting detectors. At 5 mW they give 50 k clicks/s per detector and
25 k coincidences/s in all. Each default that is not a definition states its reason.

Light goes from the source (or a light) to what `signal`, `idler` and `to` name: optics, an arm
with its analyzer, or a bare detector; optics name in turn what follows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, model_validator

from labctl.errors import nearest
from simulated_devices.world.arm_parameters import AnalyzerOutputs, ArmParameters
from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.light import LightParameters
from simulated_devices.world.optics import OpticsParameters
from simulated_devices.world.pump_parameters import PumpParameters
from simulated_devices.world.source_parameters import SourceParameters
from simulated_devices.world.table import Table

__all__ = [
    "AnalyzerOutputs",
    "ArmParameters",
    "DetectorParameters",
    "LightParameters",
    "OpticsParameters",
    "PumpParameters",
    "SourceParameters",
    "WorldParameters",
]


class WorldParameters(Table):
    """The whole simulated bench: pump, source, optics, arms, detectors."""

    source: SourceParameters = Field(
        default_factory=SourceParameters, description="The source of photon pairs."
    )
    pump: PumpParameters = Field(
        default_factory=PumpParameters, description="The light of the pump laser."
    )
    optics: dict[str, OpticsParameters] = Field(
        default_factory=dict, description="Everything between the source and the arms, by name."
    )
    arms: dict[str, ArmParameters] = Field(
        default_factory=dict, description="Analyzers with their detectors, by name."
    )
    lights: dict[str, LightParameters] = Field(
        default_factory=dict, description="Lasers and lamps besides the source, by name."
    )
    detectors: dict[str, DetectorParameters] = Field(description="All detectors by name.")

    def entrance(self, photon: Literal["signal", "idler"]) -> str:
        """Return the name of what the photon enters when it leaves the source."""
        named = self.source.signal if photon == "signal" else self.source.idler
        if named is not None:
            return named
        return next(name for name, arm in self.arms.items() if arm.photon == photon)

    @model_validator(mode="after")
    def _each_name_is_one_thing(self) -> WorldParameters:
        owners: dict[str, str] = {}
        tables: dict[str, Iterable[str]] = {
            "optics": self.optics,
            "arms": self.arms,
            "detectors": self.detectors,
        }
        for table, names in tables.items():
            for name in names:
                if name in owners:
                    raise ValueError(
                        f"{table}.{name} has the name of {owners[name]}; light must know "
                        "where to go, so give them different names"
                    )
                owners[name] = f"{table}.{name}"
        return self

    @model_validator(mode="after")
    def _each_photon_has_one_way(self) -> WorldParameters:
        for photon in ("signal", "idler"):
            named = getattr(self.source, photon)
            arms = [name for name, arm in self.arms.items() if arm.photon == photon]
            ways = [*(f"arms.{name}" for name in arms), *([f"source.{photon}"] if named else [])]
            if len(ways) != 1:
                found = ", ".join(f"{name}: {arm.photon}" for name, arm in self.arms.items())
                raise ValueError(
                    f"arms ({found or 'none'}): a pair has exactly two photons; give one arm "
                    'photon = "signal" and one photon = "idler", or name in [simulation.source] '
                    f"what they enter ({photon} has {len(ways)} ways: {', '.join(ways) or 'none'})"
                )
        return self

    @model_validator(mode="after")
    def _outputs_lead_to_detectors(self) -> WorldParameters:
        owners: dict[str, str] = {}
        for arm_name, arm in self.arms.items():
            for side, detector in (("plus", arm.outputs.plus), ("minus", arm.outputs.minus)):
                if detector is None:
                    continue
                output = f"arms.{arm_name}.outputs.{side}"
                if detector not in self.detectors:
                    raise ValueError(
                        f'{output} = "{detector}" is not a detector'
                        f"{nearest(detector, self.detectors)}; "
                        f"known: {', '.join(self.detectors) or 'none'}"
                    )
                if detector in owners:
                    raise ValueError(
                        f'{output} = "{detector}" is already behind {owners[detector]}; '
                        "a detector looks at one output"
                    )
                owners[detector] = output
        return self
