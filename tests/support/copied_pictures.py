"""A tiny "Brain Tumor MRI Dataset" in which some pictures are copies of others."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

CLASSES = ("glioma", "meningioma", "notumor", "pituitary")


def picture(seed: int) -> Image.Image:
    """Return a smooth random picture, 64 x 64."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(64, 64)), 3)
    return Image.fromarray(((noise - noise.min()) / np.ptp(noise) * 255).astype(np.uint8))


def write_copied_pictures(folder: Path) -> Path:
    """Write ten pictures a class for training and two for testing; numbers 0 and 1 of each class are special.

    Number 0 is mirrored in Testing, number 1 is in Training twice; gliomas have numbers, one window of 60 each.
    """
    rows = ["kaggle_split,kaggle_class,kaggle_file,figshare_number"]
    for position, name in enumerate(CLASSES):
        for half in ("Training", "Testing"):
            (folder / half / name).mkdir(parents=True)
        pictures = [picture(100 * position + number) for number in range(10)]
        for number, one in enumerate(pictures):
            one.save(folder / "Training" / name / f"Tr-{name}_{number}.jpg")
            if name == "glioma":
                rows.append(f"Training,glioma,Tr-glioma_{number}.jpg,{60 * number + 30}")
        pictures[1].resize((50, 50)).save(folder / "Training" / name / f"Tr-{name}_copy.jpg")
        pictures[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "Testing" / name / f"Te-{name}_0.jpg")
        picture(100 * position + 50).save(folder / "Testing" / name / f"Te-{name}_1.jpg")
    (folder / "kaggle_to_figshare.csv").write_text("\n".join(rows))
    return folder
