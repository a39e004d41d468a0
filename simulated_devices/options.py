"""The options of a simulated instrument: its table `[simulation.instruments.NAME]`."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import ConfigError
from simulated_devices.instrument import Surroundings

__all__ = ["InstrumentOptions", "checked_options"]


class InstrumentOptions(BaseModel):
    """The base of an instrument's options; an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


OptionsT = TypeVar("OptionsT", bound=InstrumentOptions)


def checked_options(model: type[OptionsT], surroundings: Surroundings) -> OptionsT:
    """Return the instrument's options.

    Raises:
        ConfigError: every mistake in the table, one a line.
    """
    try:
        return model.model_validate(surroundings.options)
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        lines = [
            f"[simulation.instruments.{surroundings.name}] "
            f"{'.'.join(str(part) for part in problem['loc']) or 'table'}: "
            f"{problem['msg']} (got {problem['input']!r}); options are: {known}"
            for problem in error.errors(include_url=False, include_context=False)
        ]
        raise ConfigError("\n".join(lines)) from error
