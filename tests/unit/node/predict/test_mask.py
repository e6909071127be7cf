"""A mask as NIfTI lies where the input lies, and says what it is."""

from pathlib import Path

import nibabel
import numpy as np

from dicom_io.findings import Mask, Segment
from dicom_io.phantom import axial_geometry
from inference.preprocess.nifti import read_nifti, write_nifti
from node.predict.mask import write_mask


def test_a_mask_is_on_the_grid_of_its_input_voxel_for_voxel(tmp_path: Path) -> None:
    geometry = axial_geometry((4, 20, 18), (5.0, 1.1, 0.9))
    write_nifti(np.zeros((4, 20, 18), np.float32), geometry, tmp_path / "input.nii")
    _, read = read_nifti(tmp_path / "input.nii")
    array = np.random.default_rng(0).integers(0, 2, (4, 20, 18), dtype=np.uint8)

    for name in ("mask.nii.gz", "again.nii.gz"):
        write_mask(Mask(array, (Segment(1, "flair_abnormality"),), "1"), read, tmp_path / name)

    source, mask = nibabel.load(tmp_path / "input.nii"), nibabel.load(tmp_path / "mask.nii.gz")
    assert mask.shape == source.shape
    assert np.array_equal(mask.affine, source.affine)
    assert mask.get_data_dtype() == np.uint8
    assert np.array_equal(read_nifti(tmp_path / "mask.nii.gz")[0], array)
    assert mask.header["descrip"].item() == b"Research use only, not a medical device."
    assert (tmp_path / "mask.nii.gz").read_bytes() == (tmp_path / "again.nii.gz").read_bytes()
