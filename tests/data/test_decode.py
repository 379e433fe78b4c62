"""decode: every format and colour, all orientations, damaged and hostile files."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from augfuse.data.decoding.decode import Color, decode, sniff
from decode_cases import encoded, exif_block, insert_segment, photo, png_chunks, png_header

# --- formats and colours ----------------------------------------------------------------------------------------------


def test_jpeg_is_bit_for_bit_what_pillow_decodes():
    raw = encoded(photo(), "JPEG", quality=85)
    found = decode(raw)
    assert found.dtype == np.uint8 and found.flags.c_contiguous and found.flags.writeable
    np.testing.assert_array_equal(found, np.asarray(Image.open(BytesIO(raw))))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_variants(progressive, subsampling):
    raw = encoded(photo(), "JPEG", progressive=progressive, subsampling=subsampling)
    np.testing.assert_array_equal(decode(raw), np.asarray(Image.open(BytesIO(raw))))


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lossless_formats_give_the_pixels_back(format, channels):
    if (channels, format) in ((1, "WEBP"), (4, "BMP")):
        pytest.skip("the format does not have it, or Pillow does not write it")
    image = photo(channels=channels)
    raw = encoded(image, format, **({"lossless": True, "exact": True} if format == "WEBP" else {}))
    np.testing.assert_array_equal(decode(raw), image)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg", "tiff_adobe_deflate"])
def test_tiff_compressions(compression):
    raw = encoded(photo(), "TIFF", compression=compression)
    np.testing.assert_array_equal(decode(raw), np.asarray(Image.open(BytesIO(raw)).convert("RGB")))


def test_gif_gives_the_first_frame():
    frames = [Image.new("RGB", (7, 5), colour) for colour in ("red", "blue")]
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = decode(buffer.getvalue())
    assert found.shape == (5, 7, 3) and (found == (255, 0, 0)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_stays_16_bit_in_every_colour(channels):
    image = np.random.default_rng(0).integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    stored = (
        image if channels == 1 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)
    )
    raw = cv2.imencode(".png", stored)[1].tobytes()
    np.testing.assert_array_equal(decode(raw), image)
    colors: dict[Color, int] = {"rgb": 3, "grayscale": 1, "rgba": 4}
    for color, wanted in colors.items():
        found = decode(raw, color=color)
        assert found.shape == (9, 7, wanted) and found.dtype == np.uint16
    luma = image[..., :3] @ np.array([0.299, 0.587, 0.114]) if channels > 1 else image[..., 0]
    assert np.abs(decode(raw, color="grayscale")[..., 0] - luma).max() <= 0.5
    if channels < 4:
        assert (decode(raw, color="rgba")[..., 3] == 65535).all()


def test_16_bit_gray_tiff_of_either_byte_order():
    image = np.random.default_rng(1).integers(0, 65536, (6, 8), dtype=np.uint16)
    raw = encoded(image[..., None], "TIFF")
    np.testing.assert_array_equal(decode(raw)[..., 0], image)
    ok, big = cv2.imencode(".tiff", image)
    assert ok
    np.testing.assert_array_equal(decode(big.tobytes())[..., 0], image)


def test_16_bit_tiffs_that_pillow_would_spoil_keep_their_pixels():
    image = np.random.default_rng(2).integers(0, 65536, (11, 7, 4), dtype=np.uint16)
    inverted = encoded(image[:, :, :1], "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(decode(inverted)[..., 0], 65535 - image[:, :, 0])
    for packing in (1, 5, 8, 32773):
        options = [cv2.IMWRITE_TIFF_COMPRESSION, packing]
        for predictor in (1, 2):
            stored = [*options, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
            colour = cv2.imencode(".tiff", image[:, :, 2::-1], stored)[1].tobytes()
            np.testing.assert_array_equal(decode(colour), image[:, :, :3])


@pytest.mark.parametrize("color, channels", [("rgb", 3), ("grayscale", 1), ("rgba", 4)])
@pytest.mark.parametrize("stored", [1, 3, 4])
def test_colour_conversions(color, channels, stored):
    image = photo(channels=stored)
    found = decode(encoded(image, "PNG"), color=color)
    assert found.shape == (24, 36, channels) and found.flags.c_contiguous
    rgb = np.repeat(image, 3, 2) if stored == 1 else image[..., :3]
    if color == "grayscale":
        assert np.abs(found[..., 0] - rgb @ np.array([0.299, 0.587, 0.114])).max() <= 0.51
    else:
        np.testing.assert_array_equal(found[..., :3], rgb)
    if color == "rgba":
        np.testing.assert_array_equal(found[..., 3], image[..., 3] if stored == 4 else 255)


@pytest.mark.parametrize("color", [None, "rgb", "grayscale", "rgba"])
def test_gray_jpeg(color):
    raw = encoded(photo(channels=1), "JPEG")
    gray = np.asarray(Image.open(BytesIO(raw)))
    found = decode(raw, color=color)
    assert found.shape[2] == {None: 1, "rgb": 3, "grayscale": 1, "rgba": 4}[color]
    for channel in range(min(3, found.shape[2])):
        np.testing.assert_array_equal(found[..., channel], gray)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_has_one_conversion_in_every_format(format):
    cmyk = (
        Image.fromarray(photo(channels=4), "CMYK") if format == "TIFF" else Image.new("CMYK", (8, 8), (10, 90, 200, 30))
    )
    buffer = BytesIO()
    cmyk.save(buffer, format, **({"quality": 100} if format == "JPEG" else {}))
    stored = np.asarray(Image.open(buffer)).astype(float)
    wanted = (255 - stored[..., :3]) * (255 - stored[..., 3:]) / 255
    assert np.abs(decode(buffer.getvalue()) - wanted).max() <= 0.5


def test_palettes_and_transparent_colours():
    palette = Image.fromarray(photo()).quantize(16)
    buffer = BytesIO()
    palette.save(buffer, "PNG")
    np.testing.assert_array_equal(decode(buffer.getvalue()), np.asarray(palette.convert("RGB")))
    for image, transparent in ((photo(channels=1), 51), (photo(), tuple(photo()[7, 9].tolist())), (palette, 3)):
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image.squeeze())
        buffer = BytesIO()
        picture.save(buffer, "PNG", transparency=transparent)
        wanted = np.asarray(Image.open(buffer).convert("RGBA"))
        assert (wanted[..., 3] == 0).any()
        np.testing.assert_array_equal(decode(buffer.getvalue()), wanted)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_small_gray_depths_reach_full_scale(bits):
    steps = 2**bits
    values = [step * 255 // (steps - 1) for step in range(steps)]
    packed = int("".join(f"{step:0{bits}b}" for step in range(steps)), 2) << (-steps * bits % 8)
    row = b"\0" + packed.to_bytes(-(-steps * bits // 8), "big")
    chunks = [png_header(steps, 1, bits, 0), (b"IDAT", zlib.compress(row)), (b"IEND", b"")]
    np.testing.assert_array_equal(decode(png_chunks(*chunks))[0, :, 0], values)
    chunks.insert(1, (b"tRNS", struct.pack(">H", 1)))
    assert decode(png_chunks(*chunks))[0, :, 3].tolist() == [255, 0, *[255] * (steps - 2)]


def test_the_transparent_colour_of_a_16_bit_png():
    pixels = np.array([[[300, 2, 3], [300, 2, 4]]], np.uint16)
    data = zlib.compress(b"\0" + pixels.astype(">u2").tobytes())
    transparent = b"tRNS", struct.pack(">HHH", 300, 2, 3)
    found = decode(png_chunks(png_header(2, 1, 16, 2), transparent, (b"IDAT", data), (b"IEND", b"")))
    np.testing.assert_array_equal(found, [[[300, 2, 3, 0], [300, 2, 4, 65535]]])


def test_the_content_decides_not_the_name_and_any_bytes_will_do():
    raw = encoded(photo(), "JPEG")
    wanted = decode(raw, path="really_a_jpeg.png")
    np.testing.assert_array_equal(decode(bytearray(raw)), wanted)  # type: ignore[arg-type]
    np.testing.assert_array_equal(decode(memoryview(raw)), wanted)  # type: ignore[arg-type]


# --- orientation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_in_all_formats_that_carry_one(format, orientation):
    if format == "TIFF":
        raw = encoded(photo(), format, tiffinfo={274: orientation})
    else:
        exif = Image.Exif()
        exif[274] = orientation
        raw = encoded(photo(), format, exif=exif, **({"lossless": True} if format == "WEBP" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(raw))))
    found = decode(raw)
    assert found.shape == ((36, 24, 3) if orientation >= 5 else (24, 36, 3))
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, upright)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_either_byte_order(order):
    raw = insert_segment(encoded(photo(), "JPEG"), 0xE1, b"Exif\0\0" + exif_block(6, order))
    assert sniff(raw).orientation == 6
    assert decode(raw).shape == (36, 24, 3)


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", exif_block(0), exif_block(9), exif_block(6)[:-9], b"nonsense" * 20],
    ids=["empty", "no offset", "offset outside", "zero", "nine", "cut", "nonsense"],
)
def test_broken_exif_never_costs_the_picture(block):
    raw = insert_segment(encoded(photo(), "JPEG"), 0xE1, b"Exif\0\0" + block)
    assert sniff(raw).orientation == 1
    assert decode(raw).shape == (24, 36, 3)
