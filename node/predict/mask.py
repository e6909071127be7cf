"""A mask as a NIfTI file on the grid of the file that it was found on, labelled as what it is."""

# nibabel says that it is typed, but its classes are not.
# mypy: disable-error-code="no-untyped-call"

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from dicom_io.findings import Mask
from dicom_io.volume import Geometry
from inference.preprocess.nifti import write_nifti
from node.predict.answer import DISCLAIMER


def write_mask(mask: Mask, geometry: Geometry, path: Path) -> None:
    """Write the numbers of the segments, uint8, and the disclaimer as the file's description.

    The same mask gives the same bytes.
    """
    write_nifti(mask.array, geometry, path)
    written: Any = nibabel.load(path)
    image = nibabel.Nifti1Image(np.asarray(written.dataobj), written.affine, written.header)
    image.header["descrip"] = DISCLAIMER
    nibabel.save(image, path)
