"""Fuzz `augfuse.decode`: damaged, hostile and enormous files of every format, with the peak memory of each input.

    python tests/long/fuzz_decode.py --count 20000 --seed 0

For every input: an array or a DecodeError, in less than a second, within its share of memory, with nothing written to
stderr by a codec; and what is delivered of a cut file is the whole picture. Structured damage is refused.
`originals`, `mutated`, `damaged` and `bombs` make the inputs; `check` says what is wrong with one.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from augfuse.data.decoding.decode import Color, decode, sniff
from augfuse.errors import DecodeError

COLORS: tuple[Color | None, ...] = (None, "rgb", "grayscale", "rgba")
HEADROOM = 64 * 2**20
KINDS = ("flip", "set", "insert", "delete", "number", "cut", "tail", "blank", "junk", "zero")
LONGEST = 1.0  # seconds of CPU for one input


def picture(height: int = 37, width: int = 53, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth with some noise: no row and no column is like another."""
    y, x = np.mgrid[:height, :width]
    planes = [(x * 5 + y) % 256, (y * 9 + x) % 256, (x * 2 + y * 3 + 40) % 256, 255 - (x + y) % 200]
    noise = np.random.default_rng(seed).integers(0, 24, (height, width, channels))
    return ((np.stack(planes[:channels], -1) + noise) % 256).astype(np.uint8)


def encoded(image: np.ndarray | Image.Image, form: str, **options: object) -> bytes:
    buffer = BytesIO()
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def originals() -> dict[str, bytes]:
    """Intact files of every format and coding."""
    rgb, gray, rgba = picture(), picture(channels=1), picture(channels=4)
    deep = Image.fromarray(gray[:, :, 0].astype(np.uint16) * 257)
    fax = Image.fromarray(gray[:, :, 0] > 128)
    files = {
        "jpeg": encoded(rgb, "JPEG"),
        "jpeg restart": encoded(rgb, "JPEG", restart_marker_blocks=2, quality=90),
        "jpeg progressive": encoded(rgb, "JPEG", progressive=True),
        "jpeg 444": encoded(rgb, "JPEG", subsampling=0, quality=95),
        "jpeg gray": encoded(gray, "JPEG"),
        "jpeg cmyk": encoded(Image.fromarray(rgba, "CMYK"), "JPEG"),
        "png": encoded(rgb, "PNG"),
        "png gray": encoded(gray, "PNG"),
        "png rgba": encoded(rgba, "PNG"),
        "png 16": encoded(deep, "PNG"),
        "png palette": encoded(Image.fromarray(rgb).quantize(16), "PNG"),
        "png 1": encoded(fax, "PNG"),
        "webp": encoded(rgb, "WEBP"),
        "webp lossless": encoded(rgb, "WEBP", lossless=True),
        "webp alpha": encoded(rgba, "WEBP"),
        "webp animated": encoded(
            Image.fromarray(rgb), "WEBP", save_all=True, append_images=[Image.fromarray(picture(seed=5))]
        ),
        "gif": encoded(rgb, "GIF"),
        "gif interlaced": encoded(Image.fromarray(rgb).quantize(64), "GIF", interlace=1),
        "bmp": encoded(rgb, "BMP"),
        "bmp palette": encoded(Image.fromarray(rgb).quantize(16), "BMP"),
        "bmp rle": _rle_bmp(gray[:, :, 0] // 16),
    }
    for packing in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        files[f"tiff {packing or 'raw'}"] = encoded(rgb, "TIFF", compression=packing)
    files["tiff strips"] = encoded(rgb, "TIFF", compression="tiff_lzw", tiffinfo={278: 8})
    for packing in ("group3", "group4"):
        files[f"tiff {packing}"] = encoded(fax, "TIFF", compression=packing)
    files["tiff 16"] = encoded(deep, "TIFF", compression="tiff_lzw")
    files["tiff big"] = encoded(rgb, "TIFF", big_tiff=True)
    files["tiff cmyk"] = encoded(Image.fromarray(rgba, "CMYK"), "TIFF", compression="tiff_lzw")
    return files


def _rle_bmp(indices: np.ndarray) -> bytes:
    height, width = indices.shape
    rows = b"".join(b"".join(bytes([1, v]) for v in row.tolist()) + b"\0\0" for row in indices[::-1]) + b"\0\1"
    palette = b"".join(bytes([i * 16, i * 8, 255 - i, 0]) for i in range(16))
    start = 14 + 40 + len(palette)
    return (
        b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 16, 0) + palette + rows
    )  # fmt: skip


# --- inputs -----------------------------------------------------------------------------------------------------------


def mutated(rng: np.random.Generator, files: dict[str, bytes]) -> tuple[str, str, bytes]:
    """(name of the original, what was done to it, the bytes)."""
    names = list(files)
    name = names[rng.integers(len(names))]
    raw = bytearray(files[name])
    kind = KINDS[rng.integers(len(KINDS))]
    for _ in range(1 if kind in ("cut", "tail", "blank") else int(rng.integers(1, 6))):
        place = int(rng.integers(len(raw))) if raw else 0
        if kind == "flip":
            raw[place] ^= 1 << int(rng.integers(8))
        elif kind == "set":
            raw[place] = (0, 1, 0x7F, 0x80, 0xC0, 0xD9, 0xDA, 0xFF)[rng.integers(8)]
        elif kind == "insert":
            raw[place:place] = rng.bytes(int(rng.integers(1, 40)))
        elif kind == "delete":
            del raw[place : place + int(rng.integers(1, 40))]
        elif kind == "number":
            raw[place : place + 4] = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\1\0")[
                rng.integers(4)
            ]
        elif kind == "cut":
            del raw[max(1, place) :]
        elif kind == "tail":
            raw[place:] = rng.bytes(len(raw) - place)
        elif kind == "blank":
            raw[place:] = bytes(len(raw) - place)
        elif kind == "junk":
            raw[place : place + 64] = rng.bytes(64)
        elif kind == "zero":
            raw[place : place + 64] = bytes(64)
    if name.startswith("png") and kind not in ("cut", "tail", "blank") and rng.integers(2):
        raw = bytearray(with_right_checksums(bytes(raw)))
    return name, kind, bytes(raw)


def with_right_checksums(raw: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold: mutations get further."""
    position, chunks = 8, [raw[:8]]
    while position + 12 <= len(raw):
        end = position + 8 + int.from_bytes(raw[position : position + 4], "big")
        chunks += [raw[position:end], struct.pack(">I", zlib.crc32(raw[position + 4 : end]))]
        position = end + 4
    return b"".join(chunks)


def png_file(width: int, height: int, bits: int, kind: int, data: bytes, interlace: int = 0) -> bytes:
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlace)), (b"IDAT", data), (b"IEND", b"")
    )  # fmt: skip
    body = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def damaged() -> Iterator[tuple[str, bytes]]:
    """Files that end properly and lack pixels: every one has to be refused."""
    rgb = picture(96, 80)
    for progressive in (False, True):
        raw = encoded(rgb, "JPEG", progressive=progressive)
        scan, end = raw.index(b"\xff\xda") + 14, len(raw) - 2
        for share in (0.2, 0.5, 0.8, 0.97):
            if not progressive:
                yield f"jpeg {share} of its scan, ended", raw[: scan + int((end - scan) * share)] + b"\xff\xd9"
            yield f"jpeg {share}, no end", raw[: scan + int((end - scan) * share)]
        frame = raw.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
        for height in (112, 192, 400):
            yield f"jpeg taller {height}", raw[:frame] + struct.pack(">H", height) + raw[frame + 2 :]
    raw = encoded(rgb, "JPEG", restart_marker_blocks=3)
    starts = [i for i in range(len(raw) - 1) if raw[i] == 0xFF and 0xD0 <= raw[i + 1] <= 0xD7]
    for first in range(len(starts) - 9):
        yield f"jpeg without interval {first}", raw[: starts[first]] + raw[starts[first + 1] :]
        yield f"jpeg without 8 intervals from {first}", raw[: starts[first]] + raw[starts[first + 8] :]
    rows = b"".join(b"\0" + row.tobytes() for row in rgb)
    for count in (1, 40, 95):
        short = zlib.compress(rows[: count * 241])
        yield f"png of {count} rows", png_file(80, 96, 8, 2, short)
        yield f"png of {count} rows, interlaced", png_file(80, 96, 8, 2, short, 1)
    packed = zlib.compress(rows)
    for share in (0.3, 0.6, 0.95):
        yield f"png stream {share}", png_file(80, 96, 8, 2, packed[: int(len(packed) * share)])
    yield from _damaged_tiffs(rgb)
    raw = encoded(rgb, "GIF")
    for share in (0.4, 0.7, 0.95):
        yield f"gif {share}, ended", _gif_cut(raw, share)
    raw = encoded(rgb, "BMP")
    yield "bmp taller", raw[:22] + struct.pack("<i", 120) + raw[26:]
    raw = _rle_bmp(rgb[:, :, 0] // 16)
    yield "bmp rle half", raw[: len(raw) // 2] + b"\0\1"
    yield "bmp rle taller", raw[:22] + struct.pack("<i", 120) + raw[26:]
    for lossless in (False, True):
        raw = encoded(rgb, "WEBP", lossless=lossless)
        for share in (0.3, 0.6, 0.9):
            body = raw[20 : 20 + int((len(raw) - 20) * share) // 2 * 2]
            yield (
                f"webp {share}, lengths mended",
                b"RIFF" + struct.pack("<I", len(body) + 12) + raw[8:16] + struct.pack("<I", len(body)) + body,
            )


def _gif_cut(raw: bytes, share: float) -> bytes:
    """Its blocks up to a share of the data, then the end of the data and of the file."""
    flags = raw[10]
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while raw[at] == 0x21:
        at += 2
        while raw[at]:
            at += 1 + raw[at]
        at += 1
    flags = raw[at + 9]
    at += 10 + (3 << (flags & 7) + 1 if flags & 0x80 else 0) + 1
    blocks, first = [], at
    while raw[at]:
        blocks.append(at)
        at += 1 + raw[at]
    keep = blocks[max(1, int(len(blocks) * share))] if len(blocks) > 1 else first + 1 + int(raw[first] * share)
    if len(blocks) > 1:
        return raw[:keep] + b"\0;"
    size = int(raw[first] * share)
    return raw[:first] + bytes([size]) + raw[first + 1 : first + 1 + size] + b"\0;"


def _damaged_tiffs(rgb: np.ndarray) -> Iterator[tuple[str, bytes]]:
    fax = Image.fromarray(rgb[:, :, 0] > 128)
    for packing in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4"):
        image = fax if packing in ("group3", "group4") else Image.fromarray(rgb)
        for rows in (96, 16):
            raw = encoded(image, "TIFF", compression=packing, tiffinfo={278: rows})
            name = f"tiff {packing} of {rows} rows"
            order = "<" if raw[:2] == b"II" else ">"
            for height in (120, 192, 400):
                yield f"{name}, taller {height}", _with_entry(raw, 257, height)
            if packing is None:
                continue
            for share in (0.3, 0.6, 0.9):
                yield f"{name}, count {share}", _with_counts(raw, order, share)
                yield f"{name}, zeroed from {share}", _zeroed(raw, order, share)


def _entries(raw: bytes, order: str) -> dict[int, tuple[int, int, int, int]]:
    """{tag: (position, type, count, position of the values)}."""
    (start,) = struct.unpack_from(order + "I", raw, 4)
    (count,) = struct.unpack_from(order + "H", raw, start)
    found = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", raw, at)
        inline = number * {3: 2, 4: 4}.get(kind, 1) <= 4
        found[tag] = at, kind, number, at + 8 if inline else struct.unpack_from(order + "I", raw, at + 8)[0]
    return found


def _with_entry(raw: bytes, tag: int, value: int) -> bytes:
    order = "<" if raw[:2] == b"II" else ">"
    place, _, code = _values(raw, order, tag)[0]
    new = struct.pack(code, value)
    return raw[:place] + new + raw[place + len(new) :]


def _values(raw: bytes, order: str, tag: int) -> list[tuple[int, int, str]]:
    """(position, value, code) of each value."""
    _, kind, number, place = _entries(raw, order)[tag]
    code, size = {3: (order + "H", 2), 4: (order + "I", 4)}[kind]
    return [(place + i * size, struct.unpack_from(code, raw, place + i * size)[0], code) for i in range(number)]


def _with_counts(raw: bytes, order: str, share: float) -> bytes:
    file = bytearray(raw)
    place, value, code = _values(raw, order, 279)[-1]
    struct.pack_into(code, file, place, max(1, int(value * share)))
    return bytes(file)


def _zeroed(raw: bytes, order: str, share: float) -> bytes:
    file = bytearray(raw)
    start = _values(raw, order, 273)[-1][1]
    size = _values(raw, order, 279)[-1][1]
    file[start + int(size * share) : start + size] = bytes(size - int(size * share))
    return bytes(file)


def bombs(side: int = 8000) -> Iterator[tuple[str, bytes]]:
    """Valid files that are small on disk and large in memory."""
    flat = Image.new("RGB", (side, side), (10, 90, 200))
    yield "webp lossless", encoded(flat, "WEBP", lossless=True)
    yield "jpeg", encoded(flat, "JPEG")
    yield "jpeg progressive", encoded(flat, "JPEG", progressive=True, subsampling=0)
    yield "tiff deflate", encoded(flat, "TIFF", compression="tiff_adobe_deflate")
    yield "tiff deflate, one strip", encoded(flat, "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: side})
    yield "png", encoded(flat, "PNG")
    yield "gif", encoded(flat.quantize(4), "GIF")
    yield "png palette", encoded(flat.quantize(4), "PNG", bits=1)
    flat.putalpha(7)
    yield "webp lossless rgba", encoded(flat, "WEBP", lossless=True)
    yield "png rgba", encoded(flat, "PNG")
    cmyk = Image.new("CMYK", (side, side), (10, 90, 200, 30))
    yield "tiff cmyk", encoded(cmyk, "TIFF", compression="tiff_adobe_deflate")
    yield "jpeg cmyk", encoded(cmyk, "JPEG")
    packer = zlib.compressobj()
    row = bytes(1 + 8 * side)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    yield "png 16 rgba", png_file(side, side, 16, 6, data)


# --- what is checked --------------------------------------------------------------------------------------------------


def _peak() -> int:
    """The most memory that this process has held since `_forget_peak`, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def _forget_peak() -> int:
    """Start counting anew. The memory that is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def check(raw: bytes, color: Color | None, whole: np.ndarray | None = None) -> tuple[str, str]:
    """("delivered" or "refused", what is wrong or ""). whole: the pixels that a delivered array must have."""
    before, started = _forget_peak(), time.thread_time()
    found = None
    try:
        found = decode(raw, color=color)
        outcome, wrong = "delivered", ""
    except DecodeError:
        outcome, wrong = "refused", ""
    except Exception as error:
        outcome, wrong = "refused", f"{type(error).__name__}: {error}"
    seconds, peak = time.thread_time() - started, _peak() - before
    try:
        header = sniff(raw)
        pixels, channels, itemsize = header.width * header.height, header.channels, header.itemsize
    except DecodeError:
        pixels, channels, itemsize = 0, 3, 1
    if found is not None:
        pixels, channels, itemsize = found.shape[0] * found.shape[1], max(channels, found.shape[2]), found.itemsize
    allowed = pixels * max(8, 3 * channels * itemsize) + HEADROOM
    if peak > allowed:
        wrong = wrong or f"{peak / 2**20:.0f} MB, allowed {allowed / 2**20:.0f}"
    if seconds > LONGEST and pixels < 10**6:
        wrong = wrong or f"{seconds:.2f} s"
    if found is not None and whole is not None and not np.array_equal(found, whole):
        wrong = wrong or "delivered with other pixels"
    return outcome, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz augfuse.decode.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=8000, help="of the enormous pictures; 0 leaves them out")
    options = parser.parse_args()
    files = originals()
    wholes = {(name, color): decode(raw, color=color) for name, raw in files.items() for color in COLORS}
    check(originals()["jpeg"].replace(b"\xff\xd9", bytes(99) + b"\xff\xd9"), None)  # compiles what seldom runs
    rng = np.random.default_rng(options.seed)
    counts: Counter[str] = Counter()
    failures: list[str] = []
    noise = tempfile.TemporaryFile()  # noqa: SIM115 - stands in for fd 2 until the end
    kept = os.dup(2)
    sys.stderr.flush()
    os.dup2(noise.fileno(), 2)
    try:
        for number in range(options.count):
            name, kind, raw = mutated(rng, files)
            color = COLORS[rng.integers(4)]
            # Other bytes in place of plain pixels are other pixels, and random ones may be a valid end of a JPEG.
            is_checked = kind == "cut" or (kind in ("tail", "blank") and name.startswith("png"))
            is_checked = is_checked or (kind == "blank" and name.startswith("jpeg"))
            whole = wholes[name, color] if is_checked else None
            outcome, wrong = check(raw, color, whole)
            counts[f"{kind} {outcome}"] += 1
            if wrong:
                failures.append(f"seed {options.seed}, input {number} ({name}, {kind}): {wrong}")
        for name, raw in damaged():
            outcome, wrong = check(raw, None)
            counts[f"structured {outcome}"] += 1
            if wrong or outcome == "delivered":
                failures.append(f"{name}: {wrong or 'delivered'}")
        for name, raw in bombs(options.side) if options.side else ():
            for color in COLORS:
                outcome, wrong = check(raw, color)
                counts[f"enormous {outcome}"] += 1
                if wrong or outcome == "refused":
                    failures.append(f"{name} ({len(raw):,} bytes), {color}: {wrong or 'refused'}")
    finally:
        os.dup2(kept, 2)
    noise.seek(0)
    written = noise.read()
    if written:
        failures.append(f"{len(written)} bytes on stderr: {written[:300]!r}")
    for key, count in sorted(counts.items()):
        print(f"{key:24} {count}")
    print(f"{len(failures)} failures")
    for line in failures[:100]:
        print(" ", line)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
