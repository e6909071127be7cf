"""The picture of an answer: outlines, evidence and words, and no side named where none is known."""

from io import BytesIO

import numpy as np
from PIL import Image
from support.volumes import geometry_of, volume_of

from dicom_io.codes import segment_codes
from dicom_io.findings import Algorithm, Attention, Findings, Mask, Score, Segment
from dicom_io.measure import measures
from dicom_io.picture import strip
from dicom_io.volume import Volume
from node.predict.overlay import of_still, of_volume, png

LABEL = "flair_abnormality"
LETTER = (255, 196, 64)


def head(shape: tuple[int, int, int] = (6, 50, 40)) -> Volume:
    array = np.zeros(shape, np.float32)
    array[:, 8:-8, 8:-8] = np.random.default_rng(0).random((shape[0], shape[1] - 16, shape[2] - 16)) + 1
    return volume_of(array, geometry_of(np.eye(3)[:, ::-1], (5.0, 4.0, 4.0), (0, 0, 0), shape))


def findings(volume: Volume, *, mask: bool = False, attention: bool = False) -> Findings:
    uid, shape = volume.header.series_instance_uid, volume.array.shape
    box, heat = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    box[shape[0] // 2, 20:30, 15:25] = 1
    heat[shape[0] // 2, 20:30, 15:25] = 1.0
    return Findings(
        algorithm=Algorithm("detect", "1.0.0", "0" * 64),
        task="detection",
        series_instance_uid=uid,
        present=True,
        scores=(Score("tumour", 0.9), Score("no_tumour", 0.1)),
        mask=Mask(box, (Segment(1, LABEL),), uid) if mask else None,
        summary="Tumour found",
        attention=Attention(heat, "tumour", "occlusion", uid) if attention else None,
    )


def count(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def warm(picture: np.ndarray) -> int:
    """Count pixels that are far more red than blue: the colours of high evidence, and letters."""
    return int((picture[..., 0].astype(int) - picture[..., 2] > 60).sum())


def test_a_mask_is_outlined_in_the_colour_of_its_segment() -> None:
    volume = head()
    found = findings(volume, mask=True)
    assert found.mask is not None

    picture = of_volume(volume, found, measures(found.mask, volume.geometry), ("A note",))
    without = of_volume(volume, findings(volume), (), ("A note",))

    colour = segment_codes(LABEL).colour
    assert count(picture, colour) > 300
    assert count(without, colour) == 0
    assert picture.shape[0] > without.shape[0] + 300  # plain, and below it outlined


def test_evidence_is_shown_as_colour_beside_the_plain_slice() -> None:
    volume = head()

    with_heat = of_volume(volume, findings(volume, attention=True), (), ())
    without = of_volume(volume, findings(volume), (), ())

    assert warm(with_heat) > warm(without) + 1000


def test_a_single_picture_is_shown_with_its_evidence_and_without_sides() -> None:
    volume = head((1, 50, 40))
    lettered = strip(volume, None, (0,), ("",))

    plain = of_still(volume, findings(volume), ("A note",))
    heated = of_still(volume, findings(volume, attention=True), ("A note",))

    middle = slice(100, -140)  # without the words above and below
    assert count(lettered, LETTER) > 0
    assert count(plain[middle], LETTER) == 0
    assert warm(heated) > warm(plain) + 1000


def test_a_picture_file_is_the_picture_and_the_same_again() -> None:
    volume = head()
    picture = of_volume(volume, findings(volume), (), ())

    assert np.array_equal(np.asarray(Image.open(BytesIO(png(picture)))), picture)
    assert png(picture) == png(of_volume(volume, findings(volume), (), ()))
