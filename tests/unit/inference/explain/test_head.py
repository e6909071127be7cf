import numpy as np
import pytest
from support.spotted import SIZE, SPOT, picture

from inference.explain.head import head_of, smeared, width_of


def test_the_head_is_found_whatever_the_unit() -> None:
    image = picture()

    assert np.array_equal(head_of(image), head_of(image * 900 - 50))
    assert head_of(image).sum() == pytest.approx(np.pi * 28 * 24, rel=0.05)


def test_holes_belong_to_the_head_and_specks_in_air_do_not() -> None:
    image = picture(bright=0.0)
    image[2, 2] = 1.0

    head = head_of(image)

    assert head[SPOT]
    assert not head[2, 2]


def test_all_of_an_empty_picture_is_taken_for_the_head() -> None:
    assert head_of(np.zeros((8, 8, 1), np.float32)).all()


def test_the_width_is_that_of_a_circle_of_the_same_area() -> None:
    assert width_of(head_of(picture())) == pytest.approx(2 * np.sqrt(28 * 24), rel=0.03)


def test_what_is_smeared_looks_like_its_surroundings_and_air_stays() -> None:
    image = picture()
    head = head_of(image)

    blurred = smeared(image, head, 8.0)

    assert blurred[SPOT] < 0.6
    edge = blurred[32, np.flatnonzero(head[32])[0]]
    assert edge == pytest.approx(0.4, abs=0.05)
    assert np.array_equal(blurred[~head], image[~head])
    assert blurred.shape == (SIZE, SIZE, 1)
