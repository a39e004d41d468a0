"""Fields of Photon-HDF5 0.5: each has its official description as the attribute TITLE.

The texts are those of photon-hdf5_specs.json in phconvert 0.10, which validators compare with.
Everything below a group `user` is free (photon-hdf5.readthedocs.io, "Photon-HDF5 format
definition").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

__all__ = [
    "FORMAT_NAME",
    "FORMAT_URL",
    "FORMAT_VERSION",
    "add_field",
    "add_group",
    "describe",
    "is_photon_hdf5",
]

FORMAT_NAME: Final = "Photon-HDF5"
FORMAT_VERSION: Final = "0.5"
FORMAT_URL: Final = "http://photon-hdf5.org/"

#: What stands for `photon_data` in names with a number (`photon_data0`).
_PHOTON_DATA: Final = "photon_data"
_TITLES: Final = {
    "": (
        "A file format for photon-counting detector based single-molecule spectroscopy experiments."
    ),
    "acquisition_duration": "Measurement duration in seconds.",
    "description": "A user-defined comment describing the data file.",
    "photon_data": "Group containing arrays of photon-data.",
    "photon_data/timestamps": (
        "Array of photon timestamps. Units specified in timestamps_units (defined in "
        "timestamps_specs/)."
    ),
    "photon_data/detectors": "Array of pixel IDs for each timestamp.",
    "photon_data/timestamps_specs": "Specifications for timestamps.",
    "photon_data/timestamps_specs/timestamps_unit": (
        "Value of 1-unit timestamp-increment in seconds."
    ),
    "photon_data/measurement_specs": (
        "Metadata necessary for interpretation of the particular type of measurement."
    ),
    "photon_data/measurement_specs/measurement_type": (
        "Name of the measurement the data represents."
    ),
    "photon_data/measurement_specs/detectors_specs": (
        "Mapping between the pixel IDs and the detection channels."
    ),
    "setup": "Information about the experimental setup.",
    "setup/num_pixels": "Total number of detector pixels.",
    "setup/num_spots": 'Number of excitation (or detection) "spots" in the sample.',
    "setup/num_spectral_ch": "Number of distinct spectral bands which are acquired.",
    "setup/num_polarization_ch": "Number of distinct polarization states which are acquired.",
    "setup/num_split_ch": (
        "Number of distinct detection channels detecting the same spectral band and "
        "polarization. This value is > 1 when using a non-polarizing beam splitter."
    ),
    "setup/modulated_excitation": (
        "True (i.e. 1) if there is any form of excitation modulation of excitation wavelength "
        "(as in us-ALEX or PAX) or polarization. This field is also True for pulse-interleaved "
        "excitation (PIE) or ns-ALEX measurements."
    ),
    "setup/excitation_alternated": (
        "New in version 0.5. Indicates whether each excitation source is alternated (True, or "
        "1) or not alternated (False, or 0)."
    ),
    "setup/lifetime": (
        "True (i.e. 1) if the measurement includes a nanotimes array of photon arrival times "
        "with respect to a laser pulse (as in TCSPC measurements)."
    ),
    "setup/excitation_cw": (
        "For each excitation source, this field indicates whether excitation is continuous wave "
        "(CW), True (i.e. 1), or pulsed, False (i.e. 0)."
    ),
    "setup/detectors": (
        "Metadata relative to each detector's pixel. Each field is an array with size equal to "
        "the number of the detectors."
    ),
    "setup/detectors/id": "Detector IDs as they appear on /photon_data/detectors.",
    "setup/detectors/id_hardware": (
        "Original IDs assigned by the acquisition hardware to each detector."
    ),
    "setup/detectors/label": "Labels (strings) describing each detector.",
    "setup/detectors/counts": "Total number of counts detected by each detector.",
    "setup/detectors/module": "The module's name each pixel belongs to.",
    "setup/detectors/spot": "Spot number for each pixel in the measurement.",
    "identity": "Information about the Photon-HDF5 data file.",
    "identity/author": "Author of the current data file.",
    "identity/creation_time": "Creation time of the current Photon-HDF5 file.",
    "identity/software": "Name of the software used to create the current Photon-HDF5 file.",
    "identity/software_version": (
        "Version of the software used to create current the Photon-HDF5 file."
    ),
    "identity/format_name": "Name of the file format.",
    "identity/format_version": "Version for the Photon-HDF5 format.",
    "identity/format_url": "Official URL for the Photon-HDF5 format.",
    "provenance": "Information about the original data file.",
    "provenance/filename": (
        "File name of the original data file before conversion to Photon-HDF5."
    ),
    "provenance/filename_full": (
        "File name (with full path) of the original data file before conversion to Photon-HDF5."
    ),
    "provenance/creation_time": "Creation time of the original data file.",
    "provenance/modification_time": "Time of last modification of the original data file.",
    "provenance/software": "Software used to save the original data file.",
    "provenance/software_version": ("Version of the software used to save the original data file."),
    "sample": "Information about the measured sample.",
    "sample/sample_name": "A descriptive name for the sample.",
}


def add_group(parent: h5py.Group, name: str, title: str = "") -> h5py.Group:
    """Return a new group with its official description, or `title` below a group `user`."""
    group = parent.create_group(name)
    describe(group, title)
    return group


def add_field(parent: h5py.Group, name: str, value: Any, title: str = "") -> h5py.Dataset:
    """Return a new dataset of this value, described as a group is; text becomes UTF-8 bytes."""
    is_text = isinstance(value, str)
    # Text of no length cannot be stored; a space is what other writers put there.
    data = np.bytes_(value.encode("utf-8") or b" ") if is_text else value
    field = parent.create_dataset(name, data=data)
    describe(field, title)
    if is_text:
        # Without it PyTables reads an array, and readers expect text.
        field.attrs["FLAVOR"] = np.bytes_(b"python")
    return field


def describe(node: h5py.Group | h5py.Dataset, title: str = "") -> None:
    """Write the attribute TITLE."""
    first, *rest = node.name.strip("/").split("/")
    if first.startswith(_PHOTON_DATA):
        first = _PHOTON_DATA
    node.attrs["TITLE"] = np.bytes_((title or _TITLES["/".join([first, *rest])]).encode("utf-8"))


def is_photon_hdf5(path: Path) -> bool:
    """Return whether the file says that it is Photon-HDF5, whoever wrote it."""
    try:
        with h5py.File(path, "r") as file:
            return bytes(file.attrs.get("format_name", b"")) == FORMAT_NAME.encode()
    except (OSError, RuntimeError, TypeError):
        return False
