from pathlib import Path

import numpy as np
from PIL import Image

from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from node.demo.montage import BAND, COLUMNS, GAP, TILE, Panel, write_montage

CORONAL = Geometry((0.0, 0.0, 0.0), column_step=(1.0, 0.0, 0.0), row_step=(0.0, 0.0, -1.0), slice_step=(0.0, 1.0, 0.0))


def volume_of(array: np.ndarray) -> Volume:
    header = SeriesHeader("1", "1.1", "", "MR", "", "1", "flair")
    return Volume(
        array.astype(np.float32), CORONAL, header, tuple(SourceFrame(Path("x"), k, "") for k in range(len(array)))
    )


def test_the_overlay_lies_where_the_mask_is_in_a_coronal_series(tmp_path: Path) -> None:
    array = np.full((40, 40, 40), 100.0)
    mask = np.zeros(array.shape, dtype=np.uint8)
    mask[4:12, 10:30, 24:36] = 1  # in front, at mid-height, to the patient's left

    write_montage([Panel("a title", volume_of(array), mask)], tmp_path / "m.png")

    picture = np.asarray(Image.open(tmp_path / "m.png")).astype(int)
    assert picture.shape[1] == COLUMNS * (TILE + GAP) - GAP
    overlay = picture[BAND + TILE + GAP : BAND + 2 * TILE + GAP, :TILE]
    coloured = overlay[..., 0] - overlay[..., 2] > 20
    rows, columns = np.nonzero(coloured)
    assert abs(rows.mean() / TILE - 8 / 40) < 0.02
    assert abs(columns.mean() / TILE - 30 / 40) < 0.02
    plain = picture[BAND : BAND + TILE, :TILE]
    assert (plain[..., 0] == plain[..., 2]).all()


def test_a_finding_without_a_mask_has_one_row(tmp_path: Path) -> None:
    write_montage([Panel("t", volume_of(np.full((10, 12, 12), 5.0)), None)], tmp_path / "m.png")

    assert Image.open(tmp_path / "m.png").height == BAND + TILE + GAP + BAND
