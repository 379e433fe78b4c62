"""Small image files, read many at a time, give what `decode` gives of each alone: the same pixels, the same errors."""

from __future__ import annotations

import os
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import augfuse as af
import fuzz_decode as fuzz
from augfuse.data.decoding.decode import COLORS, Color
from augfuse.data.decoding.decode_many import plain_files
from augfuse.data.sample import Sample
from augfuse.data.stores.image_files import FileStore

WHOLE = fuzz.originals()
ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="files are read one by one here")


def picture(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng([seed, height, width])
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * np.arange(1, channels + 1)
    return (ramp + rng.integers(0, 1 + seed % 40, (height, width, channels))).astype(np.uint8)


def saved(image: np.ndarray, format: str, mode: str | None = None, **options: object) -> bytes:
    stream = BytesIO()
    made = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    (made if mode is None else made.convert(mode)).save(stream, format, **options)
    return stream.getvalue()


def packed_rows(image: np.ndarray, kind: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    """Rows with this filter number in front (the bytes stay as they are)."""
    packer = zlib.compressobj(6, zlib.DEFLATED, 15, 8, strategy)
    return packer.compress(b"".join(bytes([kind]) + row.tobytes() for row in image)) + packer.flush()


def png(shape: tuple[int, ...], packed: bytes, pieces: int = 1) -> bytes:
    """A PNG of these packed rows, in so many chunks."""
    height, width, channels = shape
    colour = {1: 0, 3: 2, 4: 6}[channels]
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, colour, 0, 0, 0])
    step = -(-len(packed) // pieces)
    parts = [packed[start : start + step] for start in range(0, len(packed), step)]
    chunks = [(b"IHDR", header), *((b"IDAT", part) for part in parts), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big") for name, body in chunks
    )


def plain_kinds() -> dict[str, bytes]:
    """Files that are read without asking `decode`."""
    found: dict[str, bytes] = {}
    for number, (height, width) in enumerate([(1, 1), (1, 9), (7, 1), (16, 16), (33, 70), (64, 64), (211, 97)]):
        for channels in (1, 3, 4):
            image = picture(number * 7, height, width, channels)
            for level in (0, 1, 9):
                found[f"{height}x{width}x{channels} {level}.png"] = saved(image, "PNG", compress_level=level)
        color = picture(number * 7, height, width, 3)
        found[f"{height}x{width} palette.png"] = saved(color, "PNG", "P")
        found[f"{height}x{width} gray.jpg"] = saved(color, "JPEG", "L", quality=80)
        for sampling in (0, 1, 2):
            found[f"{height}x{width} {sampling}.jpg"] = saved(
                color, "JPEG", subsampling=sampling, quality=60 + 13 * sampling
            )
    for channels in (1, 3, 4):
        noise = np.random.default_rng(channels).integers(0, 256, (40, 31, channels), np.uint8)
        for kind in range(5):
            for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY):
                found[f"filter {kind} {strategy} {channels}.png"] = png(
                    noise.shape, packed_rows(noise // 37 * 11, kind, strategy), 1 + kind
                )
    found["restart.jpg"] = saved(picture(3, 50, 50, 3), "JPEG", restart_marker_blocks=2)
    found["comment.jpg"] = saved(picture(3, 50, 50, 3), "JPEG", comment=b"taken by hand")
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "none")
    found["text.png"] = saved(picture(5, 20, 20, 3), "PNG", pnginfo=text)
    return found


def other_kinds() -> dict[str, bytes]:
    """Files that are whole, and about which `decode` has to be asked."""
    image = picture(9, 40, 30, 3)
    turned = Image.Exif()
    turned[274] = 6
    found = {
        "turned.jpg": saved(image, "JPEG", exif=turned), "turned.png": saved(image, "PNG", exif=turned),
        "progressive.jpg": saved(image, "JPEG", progressive=True), "print.jpg": saved(image, "JPEG", "CMYK"),
        "transparent.png": saved(image, "PNG", "P", transparency=3), "large.png": saved(picture(1, 700, 600, 3), "PNG"),
        "one bit.png": saved(image, "PNG", "1"),
        "a.gif": saved(image, "GIF"), "a.bmp": saved(image, "BMP"), "a.webp": saved(image, "WEBP"),
    }  # fmt: skip
    raw = saved(image, "JPEG")
    found["odd.jpg"] = raw[:-2] + b"bytes before the end marker" + raw[-2:]
    return found


def written(folder: Path, files: dict[str, bytes]) -> list[str]:
    folder.mkdir()
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return [str(folder / name) for name in files]


def alone(path: str, color: Color | None) -> np.ndarray | str:
    """What `decode` says of a file."""
    try:
        return af.decode(Path(path).read_bytes(), color=color, path=path)
    except af.DecodeError as error:
        return str(error)


def agree(paths: list[str], color: Color | None, threads: int) -> None:
    store = FileStore("files", None, tuple(paths), color)
    for path, read in zip(paths, store.read(range(len(paths)), threads), strict=True):
        wanted = alone(path, color)
        if isinstance(read, af.DecodeError):
            assert str(read) == wanted
        else:
            assert read.path == path and not isinstance(wanted, str), wanted
            assert read.image.dtype == wanted.dtype
            np.testing.assert_array_equal(read.image, wanted)


@pytest.mark.parametrize("color", [*COLORS, None])
def test_whole_files_have_the_pixels_that_decode_gives(tmp_path: Path, color: Color | None) -> None:
    files = written(tmp_path / "a", plain_kinds()) + written(tmp_path / "b", other_kinds())
    order = np.random.default_rng(0).permutation(len(files))
    for threads in (1, 3):
        agree([files[k] for k in order], color, threads)


@ON_POSIX
@pytest.mark.parametrize("color", ["rgb", "grayscale", None])
def test_plain_files_need_no_further_look_and_others_get_one(tmp_path: Path, color: str | None) -> None:
    paths = written(tmp_path / "a", plain_kinds())
    found = [image for few in plain_files(paths, color) for image in few.images]
    assert [path for path, image in zip(paths, found, strict=True) if image is None] == []
    others = [image for few in plain_files(written(tmp_path / "b", other_kinds()), color) for image in few.images]
    assert others == [None] * len(others)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_refused_as_they_are_alone(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng([seed, 5])
    known = {**WHOLE, **{name: raw for k, (name, raw) in enumerate(plain_kinds().items()) if k % 3 == seed}}
    files = {f"{k}.bin": fuzz.mutated(rng, known)[2] for k in range(250)}
    agree(written(tmp_path / "a", files), fuzz.COLORS[seed], 1 + seed % 2)


@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
def test_damaged_streams_behind_right_checksums(tmp_path: Path, strategy: int) -> None:
    rng = np.random.default_rng(strategy)
    image = picture(3, 23, 31, 3) // 9 * 9
    packed = packed_rows(image, 1, strategy)
    files = {}
    for k in range(300):
        damaged = bytearray(packed)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        files[f"{k}.png"] = png(
            image.shape, bytes(damaged[: rng.integers(2, len(packed) + 1)] if k % 4 == 0 else damaged)
        )
    files["short.png"] = png((24, 31, 3), packed)
    files["long.png"] = png((22, 31, 3), packed)
    files["more.png"] = png(image.shape, packed + b"behind the end")
    agree(written(tmp_path / "a", files), "rgb", 1)


def test_every_cut_and_every_changed_byte_of_a_small_png(tmp_path: Path) -> None:
    image = picture(4, 9, 7, 3)
    raw = png(image.shape, packed_rows(image, 4), 2)
    files = {f"cut {k}": raw[:k] for k in range(len(raw))}
    files |= {f"byte {k}": raw[:k] + bytes([raw[k] ^ 1 << k % 8]) + raw[k + 1 :] for k in range(len(raw))}
    agree(written(tmp_path / "a", files), "rgb", 1)


def test_files_that_cannot_be_read_are_named_and_cost_the_others_nothing(tmp_path: Path) -> None:
    good = saved(picture(2, 30, 30, 3), "PNG")
    paths = written(tmp_path / "a", {"ä ü.png": good, "empty.png": b"", "text.png": b"<html>", "z.png": good})
    (tmp_path / "a" / "folder.png").mkdir()
    paths[1:1] = [str(tmp_path / "missing.png"), str(tmp_path / "a" / "folder.png")]
    store = FileStore("files", None, tuple(paths), "rgb")
    found = store.read(range(len(paths)), 1)
    kinds = [type(one).__name__ for one in found]
    assert kinds == ["Sample", "DecodeError", "DecodeError", "DecodeError", "DecodeError", "Sample"]
    assert [str(found[k]).startswith(paths[k]) for k in range(1, 5)] == [True] * 4


@pytest.mark.parametrize("limit", [100, 2000, 12_000])
def test_the_limit_on_decoded_bytes_holds_for_small_files(
    tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path / "a", plain_kinds())
    monkeypatch.setenv("AUGFUSE_MAX_IMAGE_BYTES", str(limit))
    agree(paths, "rgba", 1)
    found = FileStore("files", None, tuple(paths), "rgba").read(range(len(paths)), 1)
    assert {type(one) for one in found} == {af.DecodeError, Sample}


def test_pillows_own_limit_holds_for_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = written(tmp_path / "a", plain_kinds())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    agree(paths, "rgb", 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_serves_small_and_large_files_of_one_folder(tmp_path: Path, workers: int) -> None:
    files = {**plain_kinds(), **other_kinds()}
    for k, (name, raw) in enumerate(files.items()):
        (tmp_path / f"class{k % 2}").mkdir(exist_ok=True)
        (tmp_path / f"class{k % 2}" / name).write_bytes(raw)
    data = af.from_directory(tmp_path)
    loader = af.Loader(data, training=False, batch_size=16, dtype="uint8", workers=workers, collate="list")
    assert data.paths is not None
    seen = [image for batch in loader for image in batch.images]
    for path, image in zip(data.paths, seen, strict=True):
        np.testing.assert_array_equal(image, alone(path, "rgb"))
