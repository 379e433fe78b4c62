"""Pillow's two switches hold where a program has set them, by every door, and that is said once."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

import augfuse as af

pytest.importorskip("keras")

from augfuse.keras import ImageDataGenerator, load_img
from doors import DOORS

pytestmark = pytest.mark.usefixtures("notices_anew")


def cut(format: str, share: float, **options: object) -> bytes:
    y, x = np.mgrid[:90, :120]
    pixels = np.stack([x * 2 % 256, y * 2 % 256, (x + y) % 256], -1).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 40, pixels.shape).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels // 2 + noise).save(buffer, format, **options)
    raw = buffer.getvalue()
    return raw[: int(len(raw) * share)]


CUT = {
    "jpeg": cut("JPEG", 0.6),
    "progressive jpeg": cut("JPEG", 0.7, progressive=True),
    "jpeg without end marker, progressive": cut("JPEG", 1, progressive=True)[:-2],
    "png": cut("PNG", 0.5),
    "bmp": cut("BMP", 0.7),
    "gif": cut("GIF", 0.8),
}


@pytest.mark.parametrize("name", CUT)
def test_truncated_files_are_errors_by_default(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(CUT[name])
    for door, read in DOORS.items():
        with pytest.raises(af.DecodeError):
            read(path)
        assert door


@pytest.mark.parametrize("name", CUT)
def test_and_give_what_pillow_sees_of_them_under_the_switch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    path = tmp_path / "a.jpg"
    path.write_bytes(CUT[name])
    with Image.open(path) as image:
        seen = np.asarray(image.convert("RGB"))
    for read in DOORS.values():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", af.AugfuseWarning)
            np.testing.assert_array_equal(read(path), seen)


def test_it_is_said_once_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    (tmp_path / "a").mkdir()
    for number, name in enumerate(("jpeg", "png", "bmp")):
        (tmp_path / f"a/{number}.jpg").write_bytes(CUT[name])
    iterator = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(9, 9), shuffle=False)
    with pytest.warns(af.AugfuseWarning, match=r"[012]\.jpg: .*cut short.*LOAD_TRUNCATED_IMAGES") as caught:  # threads
        assert next(iterator)[0].shape == (3, 9, 9, 3)
    assert len(caught) == 1 and not iterator.skipped
    load_img(tmp_path / "a/1.jpg")
    af.from_directory(tmp_path)[2]


def test_what_is_no_image_stays_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    for raw in (b"", b"<html>", CUT["jpeg"][:100], b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(af.DecodeError):
            af.decode(raw)


def flat(width: int, height: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_smaller_limit_of_pixels_refuses_as_in_pillow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    path = tmp_path / "a.png"
    path.write_bytes(flat(40, 30))
    for read in DOORS.values():
        with pytest.raises(af.DecodeError, match=r"PIL\.Image\.MAX_IMAGE_PIXELS = 500"):
            read(path)
    path.write_bytes(flat(40, 25))  # Pillow only warns up to twice as many
    for read in DOORS.values():
        assert read(path).shape == (25, 40, 3)


@pytest.mark.parametrize("pixels", [None, 10**9])
def test_a_larger_limit_of_pixels_takes_the_place_of_ours(
    pixels: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from augfuse.data.decoding import limits

    monkeypatch.setattr(limits, "MAX_IMAGE_BYTES", 3000)
    path = tmp_path / "a.png"
    path.write_bytes(flat(40, 30))
    with pytest.raises(af.DecodeError, match="limit of 3,000 bytes"):
        af.decode(path.read_bytes())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
    with pytest.warns(af.AugfuseWarning, match=f"MAX_IMAGE_PIXELS to {pixels}") as caught:
        assert af.decode(path.read_bytes()).shape == (30, 40, 3)
    assert len(caught) == 1
    for read in DOORS.values():
        assert read(path).shape == (30, 40, 3)
    monkeypatch.setenv("AUGFUSE_MAX_IMAGE_BYTES", "3500")  # what is set for augfuse itself comes first
    with pytest.raises(af.DecodeError, match="limit of 3,500 bytes"):
        af.decode(path.read_bytes())
