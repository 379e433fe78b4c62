"""What a decoder merely warns of is read, by every door: an image is complete where all of its pixels are."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af

pytest.importorskip("keras")

from augfuse.keras import ImageDataGenerator
from doors import DOORS


def photo(height: int = 72, width: int = 104, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = [(x * 5 + y) % 256, (y * 9) % 256, (x * 2 + y * 3 + 40) % 256, 255 - (x + y) % 200]
    noise = np.random.default_rng(0).integers(0, 30, (height, width, channels))
    return ((np.stack(planes[:channels], -1) + noise) % 256).astype(np.uint8)


def encoded(format: str = "JPEG", image: Image.Image | None = None, **options: object) -> bytes:
    buffer = BytesIO()
    (image or Image.fromarray(photo())).save(buffer, format, **options)
    return buffer.getvalue()


def scan_header(raw: bytes, parameters: bytes) -> bytes:
    """Other spectral selection and approximation in every scan header."""
    position = 0
    while (position := raw.find(b"\xff\xda", position)) >= 0:
        place = position + 5 + 2 * raw[position + 4]
        raw = raw[:place] + parameters + raw[place + 3 :]
        position = place
    return raw


def before_marker(raw: bytes, marker: int, junk: bytes, which: int = 0) -> bytes:
    places = [i for i in range(raw.index(b"\xff\xda"), len(raw) - 1) if raw[i] == 0xFF and raw[i + 1] == marker]
    return raw[: places[which]] + junk + raw[places[which] :]


PLAIN, RESTARTS = encoded(), encoded(restart_marker_blocks=3)
PROGRESSIVE, RGB, PNG = encoded(progressive=True), encoded(subsampling=0, keep_rgb=True), encoded("PNG")
CMYK = encoded(image=Image.fromarray(photo(channels=4), "CMYK"))
GRAY = encoded(image=Image.fromarray(photo()[:, :, 0]), restart_marker_blocks=1)
ICC = b"\xff\xe2\0\x13ICC_PROFILE\0\x07\x02bad"


def all_restarts(raw: bytes, junk: bytes) -> bytes:
    start = raw.index(b"\xff\xda")
    body = raw[start:]
    for marker in range(0xD0, 0xD8):
        body = body.replace(bytes([0xFF, marker]), junk + bytes([0xFF, marker]))
    return raw[:start] + body


ODD = {
    "scan header 0 0 0": (scan_header(PLAIN, b"\0\0\0"), PLAIN),
    "scan header 0 0 0, with restarts": (scan_header(RESTARTS, b"\0\0\0"), RESTARTS),
    "scan header 1 63 0": (scan_header(GRAY, b"\1\x3f\0"), GRAY),
    "228 bytes before the end": (PLAIN[:-2] + b"\x12" * 228 + PLAIN[-2:], PLAIN),
    "7 bytes before the end": (PLAIN[:-2] + bytes(range(1, 8)) + PLAIN[-2:], PLAIN),
    "2000 zeros before the end": (CMYK[:-2] + bytes(2000) + CMYK[-2:], CMYK),
    "bytes before the end of a progressive one": (PROGRESSIVE[:-2] + b"\x55" * 99 + PROGRESSIVE[-2:], PROGRESSIVE),
    "bytes between scans": (before_marker(PROGRESSIVE, 0xDA, b"\x21" * 300, 2), PROGRESSIVE),
    "200 bytes before a restart": (before_marker(RESTARTS, 0xD3, b"\x12" * 200), RESTARTS),
    "bytes before every restart": (all_restarts(GRAY, b"\0" * 40), GRAY),
    "bytes before restarts and the end": (
        all_restarts(RESTARTS, b"\x77" * 17)[:-2] + b"\7" * 99 + b"\xff\xd9",
        RESTARTS,
    ),
    "JFIF revision 0.00": (PLAIN.replace(b"JFIF\0\1\1", b"JFIF\0\0\0"), PLAIN),
    "JFIF revision 2.55": (PROGRESSIVE.replace(b"JFIF\0\1\1", b"JFIF\0\2\x37"), PROGRESSIVE),
    "unknown Adobe transform": (CMYK.replace(CMYK[CMYK.index(b"Adobe") :][:12], b"Adobe\0d\0\0\0\0\7", 1), None),
    "broken profile and bytes before the end": (PLAIN[:2] + ICC + PLAIN[2:-2] + bytes(50) + PLAIN[-2:], PLAIN),
    "no end marker": (PLAIN[:-2], PLAIN),
    "half an end marker": (GRAY[:-1], GRAY),
    "PNG without its end chunk": (PNG[:-12], PNG),
    "PNG with half of its end chunk": (PNG[:-5], PNG),
    "PNG without the checksum of its data": (PNG[:-16], PNG),
    "PNG with bytes behind": (PNG + b"more", PNG),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ODD)
def test_the_pixels_are_those_of_the_file_without_the_oddity(name: str, door: str, tmp_path: Path) -> None:
    odd, whole = ODD[name]
    path = tmp_path / "a.jpg"
    path.write_bytes(odd)
    found = DOORS[door](path)
    if whole is not None:
        np.testing.assert_array_equal(found, af.decode(whole, color="rgb"))
    if name not in ("PNG with half of its end chunk", "no end marker", "half an end marker"):  # Pillow wants them
        with Image.open(path) as image:
            np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


def test_a_folder_of_odd_jpegs_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    names = [name for name in ODD if "PNG" not in name]
    for number, name in enumerate(names):
        (tmp_path / f"a/{number}.jpg").write_bytes(ODD[name][0])
    iterator = ImageDataGenerator().flow_from_directory(tmp_path, batch_size=len(names), target_size=(72, 104))
    assert next(iterator)[0].shape == (len(names), 72, 104, 3) and not iterator.skipped
    loader = af.Loader(af.from_directory(tmp_path), af.Recipe([]), batch_size=len(names))
    assert next(iter(loader)).images.shape == (len(names), 72, 104, 3)


@pytest.mark.parametrize("junk", [1, 7, 100])
@pytest.mark.parametrize("progressive", [False, True])
def test_oddities_do_not_hide_damage(junk: int, progressive: bool) -> None:
    """A file that is odd and cut is an error, whichever the decoder speaks of first."""
    raw = encoded(progressive=progressive).replace(b"JFIF\0\1\1", b"JFIF\0\0\0")
    for share in (0.3, 0.6, 0.9):
        cut = raw[: int(len(raw) * share)] + b"\x12" * junk
        for end in (b"", b"\xff\xd9"):
            if progressive and end and share > 0.5:
                continue  # a legal file: the first scans of a picture
            with pytest.raises(af.DecodeError):
                af.decode(cut + end)
    with pytest.raises(af.DecodeError):  # a restart interval less, and bytes before the others
        af.decode(all_restarts(RESTARTS.replace(b"\xff\xd1", b"", 1), b"\x12" * 40))
