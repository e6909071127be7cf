"""Does an explanation point at the lesion? Attention maps against true masks, with chance beside every figure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.explain.attention import attention_map
from inference.explain.evidence import Score
from inference.explain.head import head_of

Explain = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A picture (rows, columns, channels) -> its attention map (rows, columns), 0..1."""

TOLERANCE = 5.0
"""Pixels by which a point may miss a mask, as the pointing game allows (Zhang et al. 2016: 15 on photographs)."""


def pointing_figures(
    score: Score,
    images: NDArray[np.float32],
    masks: NDArray[np.bool_],
    label: int,
    methods: Sequence[str] = ("lime", "occlusion"),
    others: Mapping[str, Explain] | None = None,
) -> Mapping[str, object]:
    """Explain every picture by every method and return how well the maps point, as ``compare`` does.

    Parameters
    ----------
    score, label
        As ``attention_map`` takes them.
    images
        (n, rows, columns, channels), as the network sees them.
    masks
        (n, rows, columns): the lesion; pictures with none are left out.
    others
        Further ways to explain a picture, by name: of a gradient, for example, which a score does not have.

    Raises
    ------
    ValueError
        When no picture has a lesion.
    """
    marked = masks.any(axis=(1, 2))
    images, masks = images[marked], masks[marked]
    ways: dict[str, Explain] = {one: partial(attention_map, score, label=label, method=one) for one in methods}
    ways |= others or {}
    maps = {name: np.array([way(image) for image in images]) for name, way in ways.items()}
    return compare(maps, images, masks)


def compare(
    maps: Mapping[str, NDArray[np.floating]],
    images: NDArray[np.floating],
    masks: NDArray[np.bool_],
    tolerance: float = TOLERANCE,
) -> Mapping[str, object]:
    """Return figures of attention maps (n, rows, columns) by method, and of chance.

    Each method, and ``chance`` (a point, or even attention, anywhere in the head) and ``centre`` (the middle of every
    head), has ``inside`` (share of pictures whose highest point lies in the mask), ``near`` (the same, within
    ``tolerance`` pixels) and ``energy`` (mean share of the attention that lies in the mask). A map of zeros points
    nowhere: it counts as a miss, and as ``silent``.

    Raises
    ------
    ValueError
        When there are no pictures, or one has an empty mask.
    """
    if not len(masks) or not masks.any(axis=(1, 2)).all():
        raise ValueError("pointing is measured on pictures that have a mask")
    heads = [head_of(image) | mask for image, mask in zip(images, masks, strict=True)]
    away = [ndimage.distance_transform_edt(~mask) for mask in masks]
    figures: dict[str, object] = {
        "pictures": len(masks),
        "tolerance_pixels": tolerance,
        "chance": {
            "inside": _mean(mask[head].mean() for mask, head in zip(masks, heads, strict=True)),
            "near": _mean((far[head] <= tolerance).mean() for far, head in zip(away, heads, strict=True)),
            "energy": _mean(mask[head].mean() for mask, head in zip(masks, heads, strict=True)),
        },
        "centre": _hits([_middle(head) for head in heads], away, tolerance),
    }
    for method, several in maps.items():
        figures[method] = _hits([peak_of(one) for one in several], away, tolerance) | {
            "energy": _mean(
                float(one[mask].sum() / one.sum()) if one.any() else 0.0
                for one, mask in zip(several, masks, strict=True)
            ),
            "silent": sum(not one.any() for one in several),
        }
    return figures


def peak_of(attention: NDArray[np.floating]) -> tuple[int, int] | None:
    """Return the (row, column) where a map is highest; None where it is 0 everywhere.

    Of a plateau, such as a superpixel: the place in it that is farthest from its edge.
    """
    if not attention.any():
        return None
    top = np.pad(attention >= attention.max(), 1)
    deepest = ndimage.distance_transform_edt(top)[1:-1, 1:-1]
    row, column = np.unravel_index(int(deepest.argmax()), attention.shape)
    return int(row), int(column)


def _hits(
    points: Sequence[tuple[int, int] | None], away: Sequence[NDArray[np.float64]], tolerance: float
) -> dict[str, object]:
    """Return the shares of points in their masks and near them; ``away`` is each pixel's distance to its mask."""
    missed = [np.inf if point is None else float(far[point]) for point, far in zip(points, away, strict=True)]
    return {"inside": _mean(far == 0 for far in missed), "near": _mean(far <= tolerance for far in missed)}


def _middle(head: NDArray[np.bool_]) -> tuple[int, int]:
    row, column = ndimage.center_of_mass(head)
    return round(row), round(column)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
