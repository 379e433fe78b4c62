"""decode: damaged and hostile files, and a collection of odd ones."""

from __future__ import annotations

import csv
import pickle
import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from augfuse.data.codecs import jpeg, pillow, png, tiff, webp
from augfuse.data.decoding import limits
from augfuse.data.decoding.decode import decode, sniff
from augfuse.errors import DataError, DecodeError, ImageTypeError
from decode_cases import encoded, exif_block, insert_segment, photo, png_chunks, png_header
from places import DATA

ODD_FILES = DATA / "odd_files"


# What Pillow says of these files and what we say differ, on purpose.
NOT_READ = {"hopper_bad_exif.jpg": "blocks of the picture are missing: other decoders return it with broken rows"}


READ_ALL_THE_SAME = {
    "unknown_compression_method.png": "only its colour profile is broken, and that is not read",
    "png_decompression_dos.png": "only its text chunk is hostile, and that is not read",
    "made_last_bytes_missing.jpg": "all blocks of its one scan are there, only the end marker is not",
}


OTHER_PIXELS = {
    "basi0g16.png": "16-bit, Pillow cuts it",
    "basn2c16.png": "16-bit, Pillow cuts it",
    "basn6a16.png": "16-bit, Pillow cuts it",
    "i_trns.png": "16-bit, Pillow cuts it",
    "apng_mode_16bit.png": "16-bit, Pillow cuts it",
    "16bit.cropped.tif": "16-bit, Pillow cuts it",
    "tiff_16bit_RGBa.tiff": "16-bit, Pillow cuts it",
    "hopper_16bit.pgm": "16-bit, Pillow cuts it",
    "10ct_32bit_128.tiff": "32-bit floats as they are, Pillow cuts them at 255",
}


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["group3", "tiff_lzw", "raw"])
@pytest.mark.parametrize(
    "entry", [(262, 11, 2**23 + 1, 1), (284, 12, 2**20, 8), (338, 5, 2**31, 0), (296, 3, 2**30, 9)]
)
def test_tags_that_cannot_lie_in_the_file(compression: str, entry: tuple[int, int, int, int]) -> None:
    """Pillow leaves such a tag out and warns: here it is left out, and where no pixel needs it, nothing is said."""
    written = BytesIO()
    Image.fromarray(photo(20, 30)[..., 0] > 128).save(written, "TIFF", compression=compression)
    raw = written.getvalue()
    (start,) = struct.unpack_from("<I", raw, 4)
    (count,) = struct.unpack_from("<H", raw, start)
    entries = [struct.unpack_from("<HHII", raw, start + 2 + 12 * i) for i in range(count)]
    tags = {one[0]: one for one in entries} | {entry[0]: entry}
    directory = (
        struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tags[tag]) for tag in sorted(tags)) + bytes(4)
    )
    moved = raw[:4] + struct.pack("<I", len(raw)) + raw[8:] + directory
    try:
        found = decode(moved)
    except DecodeError as error:
        assert entry[0] == 262 and compression != "group3", error
    else:
        assert found.shape == decode(raw).shape
        assert entry[0] == 262 or np.array_equal(found, decode(raw))


# How many bytes behind the last pixel a file ends with at most: markers, checksums and directories.
BEHIND = {"JPEG": 2, "PNG": 21, "WEBP": 1, "BMP": 0, "GIF": 3, "TIFF": 300}


@pytest.mark.parametrize("format", BEHIND)
def test_every_cut_is_an_error_or_the_whole_picture(format):
    raw = encoded(photo(), format)
    whole = decode(raw)
    for length in range(0, len(raw), 1 if format == "JPEG" else 7):
        try:
            found = decode(raw[:length], path="cut")
        except DecodeError as error:
            assert str(error).startswith("cut: ") and error.path == "cut"
        else:
            assert length >= len(raw) - BEHIND[format], f"{length} of {len(raw)} bytes gave a picture"
            np.testing.assert_array_equal(found, whole)


def test_damage_inside_a_jpeg_scan_is_an_error():
    raw = bytearray(encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG"))
    middle = len(raw) // 2
    raw[middle : middle + 64] = bytes(range(64))
    with pytest.raises(DecodeError, match="damaged or cut short"):
        decode(bytes(raw))


def test_damage_outside_the_picture_is_not():
    raw = encoded(photo(), "JPEG")
    wanted = decode(raw)
    scan = raw.index(b"\xff\xda")
    with_junk = raw[:scan] + b"\x01\x02\x03" + raw[scan:]
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(with_junk)  # the strict decoder alone would refuse it
    bad_profile = insert_segment(raw, 0xE2, b"ICC_PROFILE\0\x07\x02bad")
    for odd in (with_junk, bad_profile, raw + b"\xff\xda" * 500, raw + bytes(1000)):
        np.testing.assert_array_equal(decode(odd), wanted)


def test_png_checksums_and_missing_data_are_errors():
    raw = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "PNG")
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 1
    half = zlib.compress(b"".join(b"\0" + bytes(30) for _ in range(5)))
    missing_rows = png_chunks(png_header(10, 10), (b"IDAT", half), (b"IEND", b""))
    endless = png_chunks(png_header(4, 4)) + struct.pack(">I4s", 0x7FFFFFFF, b"IDAT") + bytes(40)
    for damaged in (bytes(flipped), missing_rows, endless, png_chunks(png_header(10, 10), (b"IEND", b""))):
        with pytest.raises(DecodeError):
            decode(damaged)


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><p>404", "web page"),
        (b'{"error": 1}', "error message"),
        (b"\0" * 100, "wanted JPEG, PNG, WebP, BMP, GIF or TIFF"),
        (b"\xff\xd8\xff\xd9", "before its picture data"),
        (b"\x89PNG\r\n\x1a\n", "header"),
        (b"BM", "cut short"),
        (b"GIF89a\0\0\x05\0", "no pixels"),
        (b"RIFF\0\0\0\0WEBPnope", "damaged"),
    ],
)
def test_what_is_not_an_image_is_named(raw, words):
    with pytest.raises(DecodeError, match=words) as caught:
        decode(raw, path="a/b.jpg")
    assert str(caught.value).startswith("a/b.jpg: ")
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.path == "a/b.jpg" and str(again) == str(caught.value)


def test_wrong_arguments():
    with pytest.raises(DataError, match=r"color: got 'rbg'.*Did you mean 'rgb'"):
        decode(b"", color="rbg")  # type: ignore[arg-type]
    with pytest.raises(ImageTypeError, match="read_bytes"):
        decode("photo.jpg")  # type: ignore[arg-type]


# --- hostile files: refused by the header walk, before any decoder sees them -----------------------------------------


def hostile_files() -> dict[str, bytes]:
    plain = encoded(photo(), "JPEG")
    frame = plain.index(b"\xff\xc0") + 5
    progressive = encoded(photo(), "JPEG", progressive=True)
    scans = progressive.index(b"\xff\xda")
    next_scan = progressive.index(b"\xff", scans + 2)
    one_scan = progressive[scans:next_scan]
    page = bytearray(encoded(photo(), "TIFF"))
    entry = page.index(struct.pack("<HH", 256, 4)) if struct.pack("<HH", 256, 4) in page else page.index(b"\0\1\3\0")
    page[entry : entry + 12] = struct.pack("<HHII", 256, 4, 1, 10**8)
    bmp = bytearray(encoded(photo(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 40_000, -40_000)
    many = b"".join(struct.pack(">I4sI", 0, b"tIME", zlib.crc32(b"tIME")) for _ in range(70_000))
    small = png_chunks(png_header(4, 4))
    return {
        "jpeg 65500 x 65500": plain[:frame] + struct.pack(">HH", 65500, 65500) + plain[frame + 4 :],
        "jpeg 8000 x 8000 in 1 kB": plain[:frame] + struct.pack(">HH", 8000, 8000) + plain[frame + 4 :],
        "jpeg of no height": plain[:frame] + struct.pack(">HH", 0, 36) + plain[frame + 4 :],
        "jpeg of 400 scans": progressive[:next_scan] + one_scan * 400 + progressive[next_scan:],
        "jpeg of 70,000 segments": plain[:2] + b"\xff\xe5\0\2" * 70_000 + plain[2:],
        "png 30000 x 30000": png_chunks(png_header(30_000, 30_000, 1, 0), (b"IDAT", bytes(200)), (b"IEND", b"")),
        "png 8000 x 8000 in 100 bytes": png_chunks(png_header(8000, 8000), (b"IDAT", bytes(100)), (b"IEND", b"")),
        "png text of 2 GB": small + struct.pack(">I4s", 0x7FFFFFFF, b"tEXt") + bytes(40),
        "png of 70,000 chunks": small + many,
        "gif 65535 x 65535": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(100),
        "webp 16384 x 16384": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + bytes(40),
        "webp lossless 16384 x 16384": b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + b"\xff\xff\xff\x0f" + bytes(40),
        "bmp 40000 x 40000": bytes(bmp),
        "tiff 100000000 wide": bytes(page),
        "larger than the limit": plain + bytes(2**20),
    }


@pytest.mark.parametrize("name", hostile_files())
def test_hostile_headers_never_reach_a_decoder(name, monkeypatch):
    for codec in (jpeg, png, webp, tiff, pillow):
        monkeypatch.delattr(codec, "decode")
    if name == "larger than the limit":
        monkeypatch.setattr(limits, "HEADROOM", 2**16)
        monkeypatch.setattr(limits, "SMALL_FILE", 2**16)
        monkeypatch.setenv(limits.VARIABLE, "1000")
    with pytest.raises(DecodeError) as caught:
        decode(hostile_files()[name])
    assert "AttributeError" not in str(caught.value)


def test_sniff_agrees_with_the_decoders_on_size():
    for format in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"):
        header = sniff(encoded(photo(), format))
        assert (header.format, header.width, header.height) == (format, 36, 24)
    assert sniff(encoded(photo(), "WEBP", lossless=True))[1:3] == (36, 24)
    assert sniff(encoded(photo(channels=4), "WEBP"))[1:3] == (36, 24)


SEEDS = [
    encoded(photo(16, 16), "JPEG"),
    encoded(photo(16, 16), "JPEG", progressive=True),
    insert_segment(encoded(photo(16, 16), "JPEG"), 0xE1, b"Exif\0\0" + exif_block(6)),
    encoded(photo(16, 16), "PNG"),
    encoded(photo(16, 16, 4), "PNG"),
    cv2.imencode(".png", photo(8, 8).astype(np.uint16) * 257)[1].tobytes(),
    encoded(photo(16, 16), "GIF"),
    encoded(photo(16, 16), "BMP"),
    encoded(photo(16, 16), "TIFF"),
    encoded(photo(16, 16), "WEBP"),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        action = draw(st.sampled_from(("flip", "set", "insert", "delete", "cut", "number")))
        if action == "flip" and raw:
            raw[place] ^= 1 << draw(st.integers(0, 7))
        elif action == "set":
            raw[place : place + 1] = bytes([draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xC0, 0xD9, 0xDA, 0xE1, 0xFF)))])
        elif action == "insert":
            raw[place:place] = draw(st.binary(min_size=1, max_size=12))
        elif action == "delete":
            del raw[place : place + draw(st.integers(1, 12))]
        elif action == "number":
            raw[place : place + 4] = draw(st.sampled_from((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0")))
        elif action == "cut":
            del raw[max(1, place) :]
    if raw.startswith(b"\x89PNG") and draw(st.booleans()):  # with right checksums the mutation gets further
        raw = bytearray(with_right_checksums(bytes(raw)))
    return bytes(raw)


def with_right_checksums(raw: bytes) -> bytes:
    position, chunks = 8, [raw[:8]]
    while position + 12 <= len(raw):
        end = position + 8 + int.from_bytes(raw[position : position + 4], "big")
        chunks += [raw[position:end], struct.pack(">I", zlib.crc32(raw[position + 4 : end]))]
        position = end + 4
    return b"".join(chunks)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.sampled_from((None, "rgb", "grayscale", "rgba")))
def test_mutated_files_give_an_array_or_a_decode_error(raw, color):
    try:
        found = decode(raw, color=color, path="fuzz")
    except DecodeError:
        return
    assert found.ndim == 3 and found.dtype in (np.uint8, np.uint16) and found.size > 0
    assert found.shape[2] in {None: (1, 3, 4), "rgb": (3,), "grayscale": (1,), "rgba": (4,)}[color]


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from((b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0"))
)
def test_random_bytes_give_a_decode_error(body, magic):
    with pytest.raises(DecodeError):
        decode(magic + body)


# --- a collection of odd files ----------------------------------------------------------------------------------------


def odd_files() -> list[dict[str, str]]:
    manifest = ODD_FILES / "manifest.csv"
    return list(csv.DictReader(manifest.read_text().splitlines())) if manifest.is_file() else []


needs_odd_files = pytest.mark.skipif(not odd_files(), reason="needs the odd files: set AUGFUSE_TEST_DATA")


@needs_odd_files
@pytest.mark.filterwarnings("ignore:Truncated File Read:UserWarning")
@pytest.mark.parametrize("entry", odd_files(), ids=lambda entry: entry["file"])
def test_odd_files(entry):
    name = entry["file"]
    raw = (ODD_FILES / name).read_bytes()
    expected = entry["expected"] == "decodes"
    assert not (name in NOT_READ and not expected) and not (name in READ_ALL_THE_SAME and expected)
    if name in NOT_READ or not (expected or name in READ_ALL_THE_SAME):
        with pytest.raises(DecodeError, match="^.*" + name.split(".")[0]):
            decode(raw, path=name)
        return
    found = decode(raw, color="rgb", path=name)
    if name in READ_ALL_THE_SAME:
        return
    width, height = int(entry["width"]), int(entry["height"])
    if found.shape != (height, width, 3):
        # Only the orientation may turn it; for TIFF, the manifest's size has been turned already.
        assert found.shape == (width, height, 3)
        assert entry["exif_orientation"] in "5678"
    if name == "truncated_end_chunk.png":  # Pillow wants the end chunk
        raw = raw[:-8] + b"\0\0\0\0IEND\xaeB`\x82"
    with Image.open(BytesIO(raw)) as image:
        reference = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").convert("RGB"))
    if name in OTHER_PIXELS:
        assert found.dtype == np.uint16 or not np.array_equal(found, reference)
    else:
        np.testing.assert_array_equal(found, reference)
