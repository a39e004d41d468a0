"""The base of all tables of parameters."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Table"]


class Table(BaseModel):
    """A frozen table; an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=True)
