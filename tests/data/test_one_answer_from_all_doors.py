"""A file is read by every door or by none: real odd files, other forms of TIFF, and Pillow's own test images."""

from __future__ import annotations

import csv
import os
import struct
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

import augfuse as af
from places import DATA

pytest.importorskip("keras")

from augfuse.keras import load_img
from doors import DOORS, eight_bits

ODD_FILES = DATA / "odd_files"
MANIFEST = ODD_FILES / "manifest.csv"
ROWS = list(csv.DictReader(MANIFEST.read_text().splitlines())) if MANIFEST.is_file() else []
needs_odd_files = pytest.mark.skipif(not ROWS, reason="needs the odd files: set AUGFUSE_TEST_DATA")
# Blocks of this picture are missing, and codes in it do not exist: rows of what other decoders return are noise.
LACKS_BLOCKS = {"hopper_bad_exif.jpg"}
pytestmark = [
    pytest.mark.filterwarnings("ignore::augfuse.errors.AugfuseWarning"),  # what differs from Keras, said once
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
]


@needs_odd_files
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_each_odd_file_does_as_its_row_says(row: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / row["file"]
    path.write_bytes((ODD_FILES / row["file"]).read_bytes())
    answers = {}
    for name, read in DOORS.items():
        try:
            answers[name] = eight_bits(read(path))
        except af.DecodeError as error:
            answers[name] = None
            assert row["file"] in str(error) or name in ("source", "doctor")
    is_read = answers["decode"] is not None
    assert {answer is not None for answer in answers.values()} == {is_read}
    if row["expected"] != "either":
        assert is_read == (row["expected"] == "decodes" and row["file"] not in LACKS_BLOCKS)
    if not is_read:
        return
    if row["width"]:
        assert sorted(answers["decode"].shape[:2]) == sorted((int(row["height"]), int(row["width"])))
    for name, answer in answers.items():  # load_img is of 8 bits, and 32-bit numbers are cut at 255
        assert np.abs(answer.clip(0, 255) - answers["decode"].clip(0, 255)).max() <= 1, name


def picture(mode: str = "RGB") -> Image.Image:
    y, x = np.mgrid[:45, :70]
    pixels = np.stack([x * 3 % 256, y * 5 % 256, (x + y) % 256], -1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def stored(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def planar() -> bytes:
    """Each channel in strips of its own."""
    pixels = np.asarray(picture())
    tags = [
        (256, 3, 1, 70), (257, 3, 1, 45), (258, 3, 3, 182), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 3, 188),
        (277, 3, 1, 3), (278, 3, 1, 45), (279, 4, 3, 200), (284, 3, 1, 2),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHIHH" if kind == 3 and n == 1 else "<HHII", tag, kind, n, value, *([0] * (kind == 3 and n == 1)))
        for tag, kind, n, value in tags
    )
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    head = head.ljust(182, b"\0") + struct.pack("<HHH", 8, 8, 8)
    size = 45 * 70
    head += struct.pack("<III", *(212 + i * size for i in range(3))) + struct.pack("<III", size, size, size)
    return head + b"".join(pixels[:, :, i].tobytes() for i in range(3))


TIFFS = {
    "big": stored(picture(), big_tiff=True),
    "big, lzw": stored(picture(), big_tiff=True, compression="tiff_lzw"),
    "big, gray, strips": stored(picture("L"), big_tiff=True, tiffinfo={278: 4}),
    "big, fax": stored(picture("1"), big_tiff=True, compression="group4"),
    "big, cmyk": stored(picture("CMYK"), big_tiff=True, compression="tiff_adobe_deflate"),
    "planar": planar(),
    "palette": stored(picture().quantize(32)),
    "jpeg": stored(picture(), compression="jpeg"),
    "jpeg, strips": stored(picture(), compression="jpeg", tiffinfo={278: 16}),
    "packbits": stored(picture("1"), compression="packbits"),
    "group 3": stored(picture("1"), compression="group3"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", TIFFS)
def test_other_forms_of_tiff(name: str, door: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(TIFFS[name])
    with Image.open(path) as image:
        wanted = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(DOORS[door](path), wanted)


@pytest.mark.parametrize("door", DOORS)
def test_bigtiff_with_the_high_byte_first_is_refused_by_all(door: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"MM\0+\0\x08\0\0" + struct.pack(">QQ", 16, 0) + bytes(64))
    with pytest.raises(af.DecodeError, match="BigTIFF with the high byte first"):
        DOORS[door](path)


@pytest.mark.parametrize("packing", [1, 5, 8, 32773])
def test_16_bit_colour_is_the_same_from_all_doors(packing: int, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    path = tmp_path / "deep.tif"
    path.write_bytes(cv2.imencode(".tif", image, [cv2.IMWRITE_TIFF_COMPRESSION, packing])[1].tobytes())
    for name, read in DOORS.items():
        assert np.abs(eight_bits(read(path)) - image[:, :, ::-1] / 257).max() <= 0.5, name


# --- Pillow's own test images -----------------------------------------------------------------------------------------

PILLOW = os.environ.get("AUGFUSE_PILLOW_IMAGES")
# The reasons of docs/images.md: what is refused though Pillow returns something.
REFUSED = {
    "12bit.cropped.tif": "12 bits per channel",
    "hopper_bad_exif.jpg": "blocks of the picture are missing",
    "tiff_strip_cmyk_16l_jpeg.tif": "16 bits per channel in a form that is not read",
    "tiff_strip_planar_16bit_RGB.tiff": "16 bits per channel in a form that is not read",
    "tiff_strip_planar_16bit_RGBa.tiff": "16 bits per channel in a form that is not read",
    "tiff_tiled_planar_16bit_RGB.tiff": "16 bits per channel in a form that is not read",
    "tiff_tiled_planar_16bit_RGBa.tiff": "16 bits per channel in a form that is not read",
}
# Read with 16 bits, of which Pillow keeps 8; or with the transparency that Pillow leaves in a note.
BETTER = {"mode_16bit.png", "tiff_16bit_RGB.tiff", "tiff_16bit_RGBa.tiff", "i_trns.png"}


def as_stored(raw: bytes) -> np.ndarray | None:
    """What Pillow makes of a file, upright, with the channels that `augfuse.decode` keeps; None where it refuses."""
    try:
        image = ImageOps.exif_transpose(Image.open(BytesIO(raw)))
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return np.asarray(image)[:, :, None]
        if image.has_transparency_data:
            return np.asarray(image.convert("RGBA"))
        return (
            np.asarray(image.convert("L"))[:, :, None] if image.mode in ("1", "L") else np.asarray(image.convert("RGB"))
        )
    except Exception:  # its tests hold everything that has ever broken a decoder
        return None


@pytest.mark.skipif(not PILLOW, reason="set AUGFUSE_PILLOW_IMAGES to Tests/images of Pillow's source archive")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_pillows_own_test_images_are_equal_to_pillow_or_refused_for_a_listed_reason() -> None:
    counts = {"equal": 0, "better": 0, "refused": 0}
    for path in sorted(Path(PILLOW or "").rglob("*")):
        raw = path.read_bytes() if path.is_file() else b""
        wanted = as_stored(raw)
        if wanted is None:
            continue
        if path.name in REFUSED:
            for read in (af.decode, lambda raw: load_img(BytesIO(raw))):
                with pytest.raises(af.DecodeError, match=REFUSED[path.name]):
                    read(raw)
            counts["refused"] += 1
            continue
        found = af.decode(raw)
        loaded = np.asarray(load_img(BytesIO(raw)))
        rgb = af.decode(raw, color="rgb")
        scaled = eight_bits(rgb) if rgb.dtype == np.uint16 else rgb.clip(0, 255)
        assert np.abs(loaded.astype(float) - scaled).max() < 1, path.name
        if path.name in BETTER:
            counts["better"] += 1
            continue
        np.testing.assert_array_equal(found, wanted, err_msg=path.name)
        counts["equal"] += 1
    assert counts["refused"] <= len(REFUSED) and counts["equal"] > 700, counts
