"""How large an image may be: one limit, on decoded bytes; huge photographs are read, small bombs take no memory."""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
import fuzz_decode as fuzz
from augfuse.data.decoding import limits
from augfuse.data.decoding.decode import Color

HUGE = [(9248, 6936), (12000, 9000), (16000, 8000)]


def flat(width: int, height: int, format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = BytesIO()
    color = {"RGB": (10, 90, 200), "L": 90, "I;16": 9000}[mode]
    Image.new(mode, (width, height), color).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("width", "height"), HUGE)
def test_photographs_of_64_megapixels_and_more_are_read(width: int, height: int, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/phone.jpg").write_bytes(flat(width, height, "JPEG"))
    assert af.from_directory(tmp_path)[0].image.shape == (height, width, 3)


def test_they_are_read_by_keras_doors_too(tmp_path: Path) -> None:
    keras = pytest.importorskip("augfuse.keras")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/phone.jpg").write_bytes(flat(9248, 6936, "JPEG"))
    assert keras.load_img(tmp_path / "a/phone.jpg", target_size=(8, 8)).size == (8, 8)
    iterator = keras.ImageDataGenerator().flow_from_directory(tmp_path, target_size=(8, 8))
    assert next(iterator)[0].shape == (1, 8, 8, 3) and not iterator.skipped


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_max_bytes_counts_what_is_decoded(format: str) -> None:
    raw = flat(40, 30, format)
    assert af.decode(raw, max_bytes=40 * 30 * 3).shape == (30, 40, 3)
    with pytest.raises(af.DecodeError, match=r"40 x 30 pixels, 3,600 bytes.*limit of 3,599 bytes.*larger max_bytes"):
        af.decode(raw, max_bytes=40 * 30 * 3 - 1)
    assert af.decode(raw, color="rgba", max_bytes=40 * 30 * 4).shape == (30, 40, 4)
    with pytest.raises(af.DecodeError, match="max_bytes"):
        af.decode(raw, color="rgba", max_bytes=40 * 30 * 3)


def test_16_bits_count_twice_and_gray_once() -> None:
    gray, deep = flat(40, 30, "PNG", "L"), flat(40, 30, "PNG", "I;16")
    assert af.decode(gray, max_bytes=1200).shape == (30, 40, 1)
    for limit, raw in ((1199, gray), (2399, deep)):
        with pytest.raises(af.DecodeError, match="max_bytes"):
            af.decode(raw, max_bytes=limit)


@pytest.mark.parametrize("value", [0, -1, "2e9", float("nan")])
def test_limits_that_are_none(value: object) -> None:
    with pytest.raises(af.DataError, match="max_bytes"):
        af.decode(flat(4, 3, "PNG"), max_bytes=value)  # type: ignore[arg-type]


def test_one_setting_for_everything_that_reads_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(flat(40, 30, "PNG"))
    monkeypatch.setenv("AUGFUSE_MAX_IMAGE_BYTES", "3599")
    with pytest.raises(af.DecodeError, match=r"a\.png: .*3,599 bytes.*AUGFUSE_MAX_IMAGE_BYTES=3600"):
        af.from_directory(tmp_path)[0]
    with pytest.raises(af.DecodeError, match="AUGFUSE_MAX_IMAGE_BYTES"):
        next(iter(af.Loader(af.from_directory(tmp_path), af.Recipe([]))))
    monkeypatch.setenv("AUGFUSE_MAX_IMAGE_BYTES", "3.6e3")
    assert af.from_directory(tmp_path)[0].image.shape == (30, 40, 3)
    monkeypatch.setenv("AUGFUSE_MAX_IMAGE_BYTES", "2 GB")
    with pytest.raises(af.DataError, match="AUGFUSE_MAX_IMAGE_BYTES: got '2 GB', wanted a number of bytes"):
        af.from_directory(tmp_path)[0]


# --- few bytes never take much memory ---------------------------------------------------------------------------------


def bombs() -> dict[str, bytes]:
    """Small files that would be far above the limit."""
    jpeg, tiff = flat(40, 30, "JPEG"), flat(40, 30, "TIFF")
    frame = jpeg.index(b"\xff\xc0") + 5
    text = b"comment\0\0" + zlib.compress(bytes(100 * 2**20))
    png = flat(40, 30, "PNG")
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    strips, screen = bytearray(tiff), (60000, 60000)
    struct.pack_into("<I", strips, fuzz._entries(tiff, "<")[273][0] + 4, 10**9)
    return {
        "png text": png[:33] + chunk + png[33:],
        "jpeg": jpeg[:frame] + struct.pack(">HH", 65000, 65000) + jpeg[frame + 4 :] + bytes(2_200_000) + b"\xff\xd9",
        "gif": b"GIF89a" + struct.pack("<HHBBB", *screen, 0, 0, 0) + b",\0\0\0\0" + struct.pack("<HHBB", *screen, 0, 2),
        "gif frame": b"GIF89a\x28\0\x1e\0\0\0\0,\0\0\0\0" + struct.pack("<HHBB", *screen, 0, 2),
        "tiff strips": bytes(strips),
        "webp": b"RIFF\0\0\0\0WEBPVP8L\x20\0\0\0\x2f" + b"\xff\xff\xff\x0f" + bytes(40),
        "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 8, 1, 0, 0, 0, 0, 0),
    }  # fmt: skip


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that the process held more than before, at most, while it worked."""
    before = fuzz._forget_peak()
    work()
    return fuzz._peak() - before


SMALL, LARGE = dict(fuzz.bombs(16)), dict(fuzz.bombs(3000))
needs_proc = pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")


BOMBS = bombs()


@needs_proc
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_take_no_memory(name: str) -> None:
    raw = BOMBS[name]

    def work() -> None:
        if name == "png text":
            assert af.decode(raw).shape == (30, 40, 3)
            return
        with pytest.raises(af.DecodeError):
            af.decode(raw)

    work()
    assert peak_of(work) < 64 * 2**20


@needs_proc
@pytest.mark.parametrize("color", [None, "grayscale"])
@pytest.mark.parametrize("name", SMALL)
def test_memory_stays_within_a_few_bytes_a_pixel(name: str, color: Color | None) -> None:
    raw = LARGE[name]
    af.decode(SMALL[name], color=color)  # compiles and imports what it needs
    outcome, wrong = fuzz.check(raw, color)
    assert outcome == "delivered" and (not wrong or wrong.endswith(" s"))


def test_large_images_wait_for_each_other() -> None:
    running, most, lock = 0, 0, threading.Lock()
    finished = []

    def work(size: float) -> None:
        nonlocal running, most
        share = limits.reserve(size)
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        limits.release(share)
        finished.append(size)

    for size, together in ((2e9, 1), (5e8, 2)):
        most = 0
        threads = [threading.Thread(target=work, args=(size,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 1 <= most <= together
    assert len(finished) == 12
    assert limits.reserve(1000.0) == 0  # small ones never wait


def test_many_threads_decode_large_images() -> None:
    raw, found = flat(3000, 3000, "PNG"), []
    threads = [threading.Thread(target=lambda: found.append(af.decode(raw).shape)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(3000, 3000, 3)] * 8
    np.testing.assert_array_equal(af.decode(raw)[0, 0], (10, 90, 200))
