"""A picture becomes a case of one slice; what is none, or shows nothing, is refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.card import Input
from node.decision import Need
from node.predict.errors import InputRefused
from node.predict.material import Kind
from node.predict.still import ALONE, read_picture, still_material

NEEDS = (Need("classify_efficientnetb0", (Input(("t1c", "t1")),)), Need("segment_unet2d", (Input(("t1",)),)))


def grey(height: int = 80, width: int = 70) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    Image.fromarray(pixels, mode).save(path)
    return path


def test_a_picture_goes_to_models_of_single_pictures_alone_and_says_what_it_lacks(tmp_path: Path) -> None:
    path = save(tmp_path / "t1ce.png", grey())

    found = still_material(path, NEEDS, ())

    (question,) = found.questions
    case = question.read()
    assert (found.kind, question.model) == (Kind.PICTURE, "classify_efficientnetb0")
    assert case.volumes["t1c"].array.shape == (1, 80, 70)
    assert case.notes == (ALONE,)
    assert [one.model for one in found.unasked] == ["segment_unet2d"]


def test_a_picture_whose_sequence_no_model_of_pictures_takes_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", grey())

    with pytest.raises(InputRefused, match="classify_efficientnetb0 lacks T1 post contrast or T1"):
        still_material(path, NEEDS, ("t2",))


def test_a_picture_that_does_not_say_what_it_shows_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="say so with --sequence"):
        still_material(save(tmp_path / "x.png", grey()), NEEDS, ())


def test_grey_levels_are_read_as_they_are_eight_bits_or_sixteen(tmp_path: Path) -> None:
    eight, _ = read_picture(save(tmp_path / "8.png", grey()))
    sixteen, notes = read_picture(save(tmp_path / "16.png", grey().astype(np.uint16) * 200))

    assert np.array_equal(eight, grey())
    assert np.array_equal(sixteen, grey().astype(np.float32) * 200)
    assert notes == ()


def test_grey_saved_as_colour_is_grey_and_true_colour_is_converted_and_said(tmp_path: Path) -> None:
    same, silent = read_picture(save(tmp_path / "grey.png", np.repeat(grey()[..., None], 3, axis=-1)))
    tinted = np.stack([grey(), grey() // 2, grey() // 3], axis=-1)
    _, said = read_picture(save(tmp_path / "colour.png", tinted))

    assert np.array_equal(same, grey())
    assert silent == ()
    assert "in colour" in said[0]


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    pixels = np.dstack([np.full((80, 80, 3), 200, np.uint8), np.zeros((80, 80), np.uint8)])
    pixels[20:40, 20:40, 3] = 255

    read, _ = read_picture(save(tmp_path / "a.png", pixels))

    assert (read[0, 0], read[30, 30]) == (0, 200)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    turned = Image.fromarray(grey())
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)

    assert read_picture(tmp_path / "a.jpg")[0].shape == (70, 80)


def test_pictures_that_are_too_small_too_large_blank_or_moving_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="at least 64 x 64"):
        read_picture(save(tmp_path / "small.png", grey(63, 80)))
    with pytest.raises(InputRefused, match="at most 8192 x 8192"):
        read_picture(save(tmp_path / "large.png", np.zeros((64, 9000), np.uint8)))
    with pytest.raises(InputRefused, match="of one colour throughout"):
        read_picture(save(tmp_path / "blank.png", np.full((80, 80), 7, np.uint8)))
    frames = [Image.fromarray(grey()), Image.fromarray(255 - grey())]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(InputRefused, match="several pictures"):
        read_picture(tmp_path / "moving.png")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    save(tmp_path / "bomb.png", grey())
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)

    with pytest.raises(InputRefused, match="too large"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("name", ["t1.png", "t1.jpg"])
def test_what_is_no_picture_or_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    whole = save(tmp_path / name, grey()).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputRefused, match="cannot be read"):
        read_picture(tmp_path / name)

    (tmp_path / name).write_text("hello")
    with pytest.raises(InputRefused, match="neither PNG nor JPEG"):
        read_picture(tmp_path / name)
