"""The run file: a recorder that never loses what it acknowledged, and a reader for everyone.

`Recorder` writes one run, `open_run` reads it at any time, also while it grows and after kill -9.
The layout, readable with h5py alone, is written down in `labctl.storage.schema`. HDF5 is used in
this package only.

SWMR (HDF5's append-only mode) was chosen over plain HDF5 because 20 of 25 plain files were
unreadable after kill -9 and none of 80 SWMR files. Its price: everything must be created before the
first tag, and text that is known only later goes into byte streams with an index.
Names are loaded on first use: who names a column needs no HDF5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.storage.archiving import Archived, archive_run
    from labctl.storage.header import RunHeader, TaggerHeader
    from labctl.storage.master import write_master
    from labctl.storage.names import new_uid, run_parts, run_path
    from labctl.storage.part_recovery import recover_parts, recover_parts_in_place
    from labctl.storage.reader import RunFile, RunStatus, open_part, open_run
    from labctl.storage.recorder import EndStatus, Recorder
    from labctl.storage.recovery import Recovery, recover_run, recover_run_in_place
    from labctl.storage.stream_summary import StreamSummary
    from labctl.storage.table import Table
    from labctl.storage.tag_table import OnDamage
    from labctl.storage.verifying import Damage, TagSums, Verification, verify_parts, verify_run
    from labctl.storage.writer import Acknowledgement

__all__ = [
    "Acknowledgement",
    "Archived",
    "Damage",
    "EndStatus",
    "OnDamage",
    "Recorder",
    "Recovery",
    "RunFile",
    "RunHeader",
    "RunStatus",
    "StreamSummary",
    "Table",
    "TagSums",
    "TaggerHeader",
    "Verification",
    "archive_run",
    "new_uid",
    "open_part",
    "open_run",
    "recover_parts",
    "recover_parts_in_place",
    "recover_run",
    "recover_run_in_place",
    "run_parts",
    "run_path",
    "verify_parts",
    "verify_run",
    "write_master",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "archiving": ("Archived", "archive_run"),
        "header": ("RunHeader", "TaggerHeader"),
        "master": ("write_master",),
        "names": ("new_uid", "run_parts", "run_path"),
        "part_recovery": ("recover_parts", "recover_parts_in_place"),
        "reader": ("RunFile", "RunStatus", "open_part", "open_run"),
        "recorder": ("EndStatus", "Recorder"),
        "recovery": ("Recovery", "recover_run", "recover_run_in_place"),
        "stream_summary": ("StreamSummary",),
        "table": ("Table",),
        "tag_table": ("OnDamage",),
        "verifying": ("Damage", "TagSums", "Verification", "verify_parts", "verify_run"),
        "writer": ("Acknowledgement",),
    },
)
