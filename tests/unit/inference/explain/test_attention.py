import numpy as np
import pytest
from support.spotted import blind, bright_share, picture, spot_of

from inference.explain.attention import METHODS, attention_map


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("middle", [(24, 40), (44, 22)])
def test_attention_lies_on_the_spot_that_the_score_sees(method: str, middle: tuple[int, int]) -> None:
    shown = attention_map(bright_share, picture(middle), 1, method)

    assert (shown.dtype, shown.shape, shown.min(), shown.max()) == (np.float32, (64, 64), 0.0, 1.0)
    near = spot_of(middle, 9)
    assert shown[near].mean() > 4 * shown[~near].mean()


@pytest.mark.parametrize("method", METHODS)
def test_the_same_picture_gives_the_identical_map(method: str) -> None:
    first, second = (attention_map(bright_share, picture(), 1, method) for _ in range(2))

    assert np.array_equal(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_a_score_that_sees_nothing_has_no_attention(method: str) -> None:
    assert not attention_map(blind, picture(), 1, method).any()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="lime, occlusion"):
        attention_map(blind, picture(), 1, "guess")


def test_a_picture_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        attention_map(blind, picture()[..., 0], 1, "lime")
