"""A run's tags and points in the formats of other programs.

`plan_export` looks through the run first: what is there, and whether the format can hold it. So a
refusal comes before anything is written, and `Export.write` knows how far it is. A run that still
grows is exported up to what was committed when the plan was made.

Tags are written as they were recorded, times in ps. Losses, flags and covered intervals have a
place in Photon-HDF5 only, below `/user`; the plan's `warnings` say how many there are.
"""

from labctl.storage.export.exporting import (
    POINT_FORMATS,
    TAG_FORMATS,
    Export,
    default_path,
    plan_export,
)
from labctl.storage.export.new_file import check_target

__all__ = ["POINT_FORMATS", "TAG_FORMATS", "Export", "check_target", "default_path", "plan_export"]
