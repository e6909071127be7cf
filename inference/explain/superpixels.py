"""LIME: superpixels of a picture are hidden at random, and a linear model of the score says what each is worth.

Ribeiro et al. 2016, with the weights and the linear model of the package ``lime``.
"""

import numpy as np
from lime.lime_base import LimeBase
from numpy.typing import NDArray
from skimage.segmentation import slic

from inference.explain.evidence import Measure
from inference.explain.head import head_of, smeared, width_of

SEGMENTS = 60
SAMPLES = 400
HIDDEN = 0.3
KERNEL_WIDTH = 0.25
SMEAR = 0.12
COMPACTNESS = 0.1
BATCH = 32


def superpixel_map(measure: Measure, image: NDArray[np.float32], seed: int = 0) -> NDArray[np.float64]:
    """Return what each pixel's superpixel adds to the score, (rows, columns); 0 outside the head.

    Hidden superpixels are smeared with their surroundings. The same picture and seed give the same map.

    Parameters
    ----------
    image
        (rows, columns, channels), as the network sees it.
    """
    head = head_of(image)
    segments = superpixels(image, head)
    count = int(segments.max())
    hidden = smeared(image, head, SMEAR * width_of(head))
    shown = np.random.default_rng(seed).random((SAMPLES, count)) >= HIDDEN
    shown[0] = True
    scores = np.concatenate(
        [measure(_pictures(image, hidden, segments, shown[n : n + BATCH])) for n in range(0, SAMPLES, BATCH)]
    )
    worth = np.zeros(count + 1)
    worth[1:] = _linear(shown.astype(np.float64), scores.astype(np.float64), seed)
    return worth[segments]


def superpixels(image: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return superpixels of the head, numbered from 1 without gaps; 0 is what is not head (rows, columns)."""
    grey = image.mean(axis=-1, dtype=np.float64)
    low, high = np.percentile(grey[head], (1, 99))
    scaled = ((grey - low) / max(high - low, 1e-9)).clip(0, 1)
    found = slic(scaled, SEGMENTS, COMPACTNESS, sigma=1, mask=head, channel_axis=None, start_label=1)
    _, numbers = np.unique(np.where(head, found, 0), return_inverse=True)
    numbered: NDArray[np.int64] = numbers.reshape(head.shape).astype(np.int64) + int(head.all())
    return numbered


def _pictures(
    image: NDArray[np.float32], hidden: NDArray[np.float32], segments: NDArray[np.int64], shown: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the picture once for each row of ``shown``, with the other superpixels hidden."""
    visible = np.concatenate([np.ones((len(shown), 1), bool), shown], axis=1)[:, segments]
    return np.where(visible[..., None], image, hidden)


def _linear(shown: NDArray[np.float64], scores: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Fit LIME's weighted ridge regression and return a coefficient per superpixel."""
    distances = 1 - np.sqrt(shown.mean(axis=1))  # the cosine distance of zeros and ones from ones alone
    model = LimeBase(_kernel, random_state=np.random.RandomState(seed))
    _, pairs, _, _ = model.explain_instance_with_data(
        shown, scores[:, None], distances, 0, shown.shape[1], feature_selection="none"
    )
    worth = np.zeros(shown.shape[1])
    for number, value in pairs:
        worth[number] = value
    return worth


def _kernel(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    weights: NDArray[np.float64] = np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2))
    return weights
