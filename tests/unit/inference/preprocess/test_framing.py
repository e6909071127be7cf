import numpy as np

from inference.preprocess.framing import HeadFit


def slice_with_head(rows: slice = slice(20, 80), columns: slice = slice(30, 70)) -> np.ndarray:
    image = np.random.default_rng(0).normal(2, 1, (100, 120)).clip(0).astype(np.float32)
    image[rows, columns] += 60 + np.arange(60)[:, None] + np.arange(40)
    return image


def test_the_head_fills_the_square_wherever_it_was() -> None:
    near, far = slice_with_head(), slice_with_head(slice(35, 95), slice(75, 115))

    one, other = (HeadFit.of(image, 60).forward(image) for image in (near, far))

    assert one.shape == (60, 60, 1)
    assert (one[:, 10:50] > 0).mean() > 0.97
    assert not one[:, :10].any()
    np.testing.assert_allclose(one, other, atol=0.1)


def test_a_frame_and_letters_are_no_head() -> None:
    image = slice_with_head()
    image[0] = image[-1] = 200
    image[:, 0] = image[:, -1] = 200
    image[3:7, 3:6] = 200

    fit = HeadFit.of(image, 60)

    assert fit.box == (slice(20, 80), slice(30, 70))


def test_an_empty_slice_is_shown_whole() -> None:
    fit = HeadFit.of(np.zeros((10, 12)), 20)

    assert fit.box == (slice(0, 10), slice(0, 12))
    assert not fit.forward(np.zeros((10, 12))).any()


def test_pixels_that_are_not_square_keep_their_proportions() -> None:
    shown = HeadFit.of(slice_with_head(), 60, (1.0, 1.5)).forward(slice_with_head())

    assert (shown > 0).mean() > 0.97


def test_a_map_comes_back_to_where_it_was_seen() -> None:
    image = slice_with_head()
    fit, spot = HeadFit.of(image, 60), np.zeros_like(image, dtype=bool)
    spot[40:50, 50:60] = True

    back = fit.backward(fit.forward_mask(spot).astype(np.float32))

    assert back.shape == image.shape
    assert (back > 0.5)[42:48, 52:58].all()
    assert not back[:38].any()
    assert not back[:, :30].any()
