"""Points and results as columns: numbers with units and uncertainties, words beside them."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.storage.plain import to_json_text
from labctl.units import unit_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Table", "flat", "suffix_of"]

Column: TypeAlias = NDArray[Any]

_SIGMA: Final = "sigma"
#: Units of what is measured between two detectors. Other suffixes belong to a detector's name:
#: `alice_h-bob_v` are coincidences of the vertical output, not volts.
_UNITS_OF_PAIRS: Final = frozenset(("hz", "ps", "ns", "us", "ms", "s", "percent"))
#: Where a column of whole numbers lacks one, it becomes a column of floats.
_LARGEST_EXACT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length by name, in the order of the rows they were made of.

    Numbers are int64 or float64 (NaN where a row lacks one), truth values bool, and everything
    else is text ("" where a row lacks it). The unit of a column is that of its name's suffix.
    """

    columns: Mapping[str, Column]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Table:
        """Return the table of these rows.

        A mapping gives a column per entry (`counts.1-2`), a list becomes JSON text.
        """
        plain = [flat(row) for row in rows]
        names = dict.fromkeys(name for row in plain for name in row)
        return cls({name: _column([row.get(name) for row in plain]) for name in names})

    @classmethod
    def of_quantities(cls, rows: Iterable[Mapping[str, Any]]) -> Table:
        """Return a row per thing for rows of (of, quantity, value, sigma), as results have them.

        Each quantity is a column, its uncertainty another one: `rate_hz` and `rate_sigma_hz`.
        """
        things: dict[str, dict[str, Any]] = {}
        for row in rows:
            quantity = str(row["quantity"])
            thing = things.setdefault(str(row["of"]), {"of": str(row["of"])})
            thing[quantity] = _float(row.get("value"))
            thing[sigma_name(quantity)] = _float(row.get("sigma"))
        return cls.of_rows(list(things.values()))

    def __len__(self) -> int:
        return max((column.size for column in self.columns.values()), default=0)

    @property
    def numeric(self) -> dict[str, Column]:
        """The columns of numbers and truth values."""
        return {name: column for name, column in self.columns.items() if column.dtype.kind in "ifb"}

    def groups(self, by: str) -> dict[str, Table]:
        """Return the rows of each text in column `by`, in the order of their first rows."""
        column = self.columns[by]
        return {
            text: Table({name: values[column == text] for name, values in self.columns.items()})
            for text in dict.fromkeys(column.tolist())
        }

    def sigma_of(self, name: str) -> str | None:
        """Return the name of the column with the uncertainties of another, if there is one."""
        sigma = sigma_name(name)
        return sigma if sigma in self.numeric else None

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas DataFrame; needs the extra `export`."""
        import pandas as pd  # noqa: PLC0415 - an extra, and half a second to import

        return pd.DataFrame(dict(self.columns))


def suffix_of(name: str) -> str:
    """Return the suffix that names the unit of a column, or an empty text."""
    suffix = name.rpartition("_")[2]
    is_unit = bool(unit_of(name)) and ("-" not in name or suffix in _UNITS_OF_PAIRS)
    return suffix if is_unit else ""


def sigma_name(name: str) -> str:
    """Return what the uncertainty of a quantity is called: `rate_hz` has `rate_sigma_hz`."""
    suffix = suffix_of(name)
    return f"{name.removesuffix(suffix)}{_SIGMA}_{suffix}" if suffix else f"{name}_{_SIGMA}"


def flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the row with its inner mappings spread out and its lists as JSON text."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            plain |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            plain[f"{prefix}{name}"] = to_json_text(value)
        else:
            plain[f"{prefix}{name}"] = value
    return plain


def _column(values: list[Any]) -> Column:
    known = [value for value in values if value is not None]
    if not known:
        return np.full(len(values), math.nan)
    is_complete = len(known) == len(values)
    if is_complete and all(isinstance(value, bool) for value in known):
        return np.array(values, np.bool_)
    if all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in known):
        if is_complete and all(isinstance(v, int) and abs(v) <= _LARGEST_EXACT for v in known):
            return np.array(values, np.int64)
        return np.array([math.nan if value is None else float(value) for value in values])
    return np.array(["" if value is None else str(value) for value in values], np.str_)


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, numbers.Real) else None
