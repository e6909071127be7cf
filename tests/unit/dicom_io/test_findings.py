import numpy as np
import pytest

from dicom_io.findings import Algorithm, Mask, Segment


def test_a_version_names_the_exact_weights() -> None:
    assert Algorithm("m", "1.2.0", "0123456789abcdef").full_version == "1.2.0+w01234567"


def test_a_mask_cannot_be_changed_after_it_was_made() -> None:
    mask = Mask(np.zeros((2, 3, 4), np.uint8), (Segment(1, "flair_abnormality"),), "1.2")

    with pytest.raises(ValueError, match="read-only"):
        mask.array[0, 0, 0] = 1
