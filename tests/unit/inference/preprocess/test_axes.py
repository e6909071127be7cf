import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.preprocess.axes import along_axes, gaussian_matrix, linear_matrix, mean_matrix


def test_each_axis_is_multiplied_by_its_own_matrix() -> None:
    rng = np.random.default_rng(1)
    array = rng.random((3, 4, 5))
    first, second, third = rng.random((2, 3)), rng.random((6, 4)), rng.random((5, 5))

    product = keras.ops.convert_to_numpy(along_axes(array, [first, second, third]))

    np.testing.assert_allclose(product, np.einsum("ai,bj,ck,ijk->abc", first, second, third, array), rtol=1e-5)


def test_an_axis_without_matrix_stays() -> None:
    array = np.random.default_rng(2).random((3, 4, 5)).astype(np.float32)

    np.testing.assert_array_equal(keras.ops.convert_to_numpy(along_axes(array, [None, None, None])), array)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(1, 40), st.floats(0.05, 6))
def test_a_level_line_stays_level_whatever_is_done_to_it(size: int, wanted: int, sigma: float) -> None:
    matrices = [gaussian_matrix(size, sigma), linear_matrix(size, wanted), mean_matrix(size, min(size, wanted))]

    for matrix in matrices:
        assert (matrix >= 0).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 3.0])
def test_the_variance_of_the_kernel_is_exact_even_where_it_is_narrower_than_a_sample(sigma: float) -> None:
    kernel = gaussian_matrix(61, sigma)[30]

    assert np.sum(kernel * (np.arange(61) - 30.0) ** 2) == pytest.approx(sigma**2, rel=1e-3)
