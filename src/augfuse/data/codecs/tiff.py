"""TIFF: the header with its tables of strips, and pixels of which none is missing.

Pillow decodes, with libtiff. Much of what libtiff knows about damage it only says: messages are caught, and count as
damage. What it does not even say is looked at here: strips that do not cover the picture, JPEG data that stops early,
fax data that stops early.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augfuse.data.codecs import pillow
from augfuse.data.codecs.color_modes import orient
from augfuse.data.codecs.header import Header
from augfuse.data.codecs.libtiff import messages
from augfuse.data.codecs.tiff_tags import read_directory, with_tags
from augfuse.errors import DecodeError

_MANY = 2**20  # strips or tiles of one picture
_MOST_SAMPLES = 6  # per pixel, as in Pillow
_LARGEST_TILE = 2**22  # pixels of a tile that reaches beyond a small picture
_NONE, _DEFLATE = 1, (8, 32946)
_FAX = (2, 3, 4, 32771)
_JPEG = 7
_GRAY16 = ("I;16", "I;16B", "I;16L")
_TAGS = {
    "width": 256, "height": 257, "bits": 258, "packing": 259, "meaning": 262, "offsets": 273, "samples": 277,
    "rows": 278, "counts": 279, "planes": 284, "predictor": 317, "tile_width": 322, "tile_height": 323,
    "tile_offsets": 324, "tile_counts": 325, "extra": 338, "format": 339, "orientation": 274, "tables": 347,
}  # fmt: skip
_SINGLE = (
    "width", "height", "packing", "meaning", "samples", "rows", "planes", "predictor", "tile_width", "tile_height",
    "orientation",
)  # fmt: skip
# Also: order of bits, fax options, palette, inks, subsampling and what belongs to it, the older form of JPEG.
_KEPT = frozenset({*_TAGS.values(), 266, 292, 293, 320, 332, 334, *range(512, 522), *range(529, 533)})


class _Layout(NamedTuple):
    """How the pixels are packed. pieces: (offset, bytes, width, height) of each strip or tile; bytes are -1 where the
    file does not say."""

    bits: int
    packing: int
    meaning: int
    samples: int
    separate: bool
    is_tiled: bool
    pieces: tuple[tuple[int, int, int, int], ...]
    tables: tuple[int, ...]
    predictor: int
    mended: dict[int, tuple[int, ...]]  # tags that have more values than one
    alpha: int  # 0 none, 1 colours are multiplied by it, 2 they are not


def walk(raw: bytes) -> Header:
    """Reads the first directory, and whether its strips cover the picture."""
    if raw.startswith(b"MM\0+"):  # Pillow takes it for another TIFF
        raise DecodeError("a BigTIFF with the high byte first is not read. Save it as PNG.")
    try:
        found = read_directory(raw, _TAGS.values())
    except ValueError as error:
        raise DecodeError(f"the TIFF is built to be slow: {error}.") from None
    tags = {name: found.get(tag, ()) for name, tag in _TAGS.items()}

    def one(name: str, otherwise: int = 0) -> int:
        return tags[name][0] if tags[name] else otherwise

    width, height, samples = one("width"), one("height"), one("samples", 1)
    bits, packing, meaning = max(tags["bits"] or (1,)), one("packing", _NONE), one("meaning")
    separate = one("planes", 1) == 2 and samples > 1
    if width <= 0 or height <= 0 or not 0 < samples <= _MOST_SAMPLES or not 0 < bits <= 64:
        raise DecodeError(f"the TIFF is damaged: its header says {width} x {height} pixels of {samples} x {bits} bits.")
    colors = max(1, samples - len(tags["extra"]))
    needed = colors + (one("extra") in (1, 2))  # of planes, those that are seen
    pieces = _pieces(raw, tags, width, height, needed if separate else 1)
    for index, (offset, count, across, down) in enumerate(pieces):
        if not 0 < offset < len(raw) or count == 0:
            raise DecodeError(f"the TIFF is cut short or damaged: part {index + 1} of {len(pieces)} is not there.")
        row = (across * bits * (1 if separate else samples) + 7) // 8
        if packing == _NONE and not bool(tags["tile_offsets"]) and offset + row * down > len(raw):
            raise DecodeError(f"the TIFF is cut short: part {index + 1} of {len(pieces)} lies outside the file.")
        if packing in _DEFLATE and 0 < count * 1032 < row * down * (meaning != 6):
            raise DecodeError(f"the TIFF is damaged: part {index + 1} of {len(pieces)} is too short for its rows.")
    layout = _Layout(
        bits, packing, meaning, samples, separate, bool(tags["tile_offsets"]), pieces, tags["tables"],
        one("predictor", 1), {_TAGS[name]: tags[name][:1] for name in _SINGLE if len(tags[name]) > 1}, one("extra"),
    )  # fmt: skip
    channels = 4 if tags["extra"] else 1 if colors < 3 and meaning != 3 else 3
    itemsize = 1 if bits <= 8 else 2 if bits <= 16 else 4
    turn = one("orientation", 1)
    return Header(
        "TIFF", width, height, channels, itemsize, turn if 1 <= turn <= 8 else 1, max(8, 3 * channels * itemsize),
        meaning == 5, samples == 1 and meaning < 2, layout,
    )  # fmt: skip


def _pieces(
    raw: bytes, tags: dict[str, tuple[int, ...]], width: int, height: int, planes: int
) -> tuple[tuple[int, int, int, int], ...]:
    if tags["tile_offsets"]:
        across, down = (tags["tile_width"] or (0,))[0], (tags["tile_height"] or (0,))[0]
        offsets, counts = tags["tile_offsets"], tags["tile_counts"]
        if across <= 0 or down <= 0:
            raise DecodeError("the TIFF is damaged: its tiles have no size.")
        if across * down > max(4 * width * height, _LARGEST_TILE):
            raise DecodeError(f"the TIFF is damaged: its tiles of {across} x {down} pixels are larger than it is.")
        sizes = [down] * (-(-height // down))
        columns = -(-width // across)
    else:
        across, columns = width, 1
        down = min((tags["rows"] or (height,))[0] or height, height)
        offsets, counts = tags["offsets"], tags["counts"]
        sizes = [min(down, height - top) for top in range(0, height, down)] if height <= _MANY * down else []
    needed = len(sizes) * columns * planes
    if not sizes or needed > _MANY:
        raise DecodeError(f"the TIFF is built to be slow: it has more than {_MANY:,} strips.")
    if len(offsets) < needed or 0 < len(counts) < needed:
        raise DecodeError(
            f"the TIFF is damaged: {needed} strips or tiles cover its {width} x {height} pixels, it lists "
            f"{min(len(offsets), len(counts) or len(offsets))}."
        )
    every = [rows for rows in sizes for _ in range(columns)] * planes
    known = counts or (-1,) * needed
    return tuple((offsets[i], known[i], across, rows) for i, rows in enumerate(every))


def decode(raw: bytes, header: Header, max_bytes: float | None) -> np.ndarray:
    """Pixels as stored, (h, w, 1, 3 or 4), turned where Pillow turns them."""
    layout: _Layout = header.detail
    if layout.packing == _JPEG:
        _check_jpeg(raw, layout)
    is_deep_color = layout.bits == 16 and layout.samples > 1
    # Without other tags: Pillow warns of what is odd about them, and none of it is needed.
    bare = _as_gray(raw, header) if is_deep_color else with_tags(raw, _KEPT, layout.mended)
    with messages() as said, pillow.open_tiff(bare) as image:
        is_gray16 = layout.bits == 16 and image.mode in _GRAY16
        if layout.bits > 8 and not is_gray16 and image.mode not in ("I", "F"):  # Pillow does not stretch 12-bit gray
            raise DecodeError(
                f"the TIFF has {layout.bits} bits per channel in mode {image.mode}; wanted 8 or 16 bits, or 32-bit "
                "gray. Save it as a 16-bit PNG."
            )
        pixels = pillow.to_array(image, max_bytes)
        turn = image.getexif().get(_TAGS["orientation"], 1)  # gone where Pillow has turned the pixels itself
    if said:
        raise DecodeError(f"the TIFF is damaged or cut short ({said[0]}).")
    if layout.packing in _FAX:
        _check_fax(raw, layout, pixels)
    if is_deep_color:
        pixels = orient(_deep_color(pixels, layout), header.orientation)
    elif is_gray16 and layout.meaning == 0:
        np.subtract(np.uint16(65535), pixels, out=pixels)  # 0 is white
    return orient(pixels, turn if isinstance(turn, int) and 1 <= turn <= 8 else 1)


def _as_gray(raw: bytes, header: Header) -> bytes:
    """The same file, its samples side by side as gray pixels: Pillow cuts 16-bit colour to 8 bits."""
    layout: _Layout = header.detail
    if layout.separate or layout.meaning not in (0, 1, 2) or layout.packing == _JPEG or layout.predictor > 2:
        raise DecodeError("the TIFF has 16 bits per channel in a form that is not read. Save it as a 16-bit PNG.")
    changes = {
        "width": (header.width * layout.samples,), "samples": (1,), "bits": (16,), "meaning": (1,), "predictor": (1,),
        "extra": None, "format": None, "orientation": None,
    }  # fmt: skip
    if layout.is_tiled:
        changes["tile_width"] = (layout.pieces[0][2] * layout.samples,)
    return with_tags(raw, _KEPT, layout.mended | {_TAGS[name]: values for name, values in changes.items()})


def _deep_color(samples: np.ndarray, layout: _Layout) -> np.ndarray:
    """(h, w, 3 or 4) of samples side by side: differences added up, gray made colour, colour freed of its alpha."""
    pixels = samples.reshape(len(samples), -1, layout.samples)
    if layout.predictor == 2:
        step = layout.pieces[0][2]
        for left in range(0, pixels.shape[1], step):
            some = pixels[:, left : left + step]
            np.cumsum(some, axis=1, dtype=np.uint16, out=some)
    colors = 3 if layout.meaning == 2 else 1
    if layout.meaning == 0:
        np.subtract(np.uint16(65535), pixels[:, :, :1], out=pixels[:, :, :1])
    if layout.alpha and pixels.shape[2] > colors:
        alpha = pixels[:, :, colors : colors + 1]
        if layout.alpha == 1:  # colours are multiplied by it
            for row, by in zip(pixels, alpha, strict=True):
                row[:, :colors] = np.minimum(row[:, :colors] * np.float64(65535) / np.maximum(by, 1) + 0.5, 65535)
        chosen = [0, 1, 2, 3] if colors == 3 else [0, 0, 0, 1]
    else:
        chosen = [0, 1, 2] if colors == 3 else [0]
    return np.ascontiguousarray(pixels[:, :, chosen])


def _check_jpeg(raw: bytes, layout: _Layout) -> None:
    """Every strip decoded by the strict decoder."""
    import simplejpeg

    tables = bytes(layout.tables)[:-2] if len(layout.tables) > 4 else b"\xff\xd8"
    for index, (offset, count, across, down) in enumerate(layout.pieces):
        strip = raw[offset : offset + count]
        file = tables + strip[2:]
        try:
            height, width, space, _ = simplejpeg.decode_jpeg_header(file)
            target = "CMYK" if space in ("CMYK", "YCCK") else "GRAY" if space.upper().startswith("GRAY") else "RGB"
            simplejpeg.decode_jpeg(file, target)
        except ValueError as error:
            raise DecodeError(
                f"the TIFF is damaged or cut short (part {index + 1} of {len(layout.pieces)}: {error})."
            ) from error
        if int(height) < down or int(width) < across:
            raise DecodeError(
                f"the TIFF is damaged: part {index + 1} has {width} x {height} of {across} x {down} pixels."
            )


# --- fax --------------------------------------------------------------------------------------------------------------


def _check_fax(raw: bytes, layout: _Layout, pixels: np.ndarray) -> None:
    """Decode once more with other bytes behind each strip: pixels that depend on them were not in the strip."""
    with messages(), pillow.open_tiff(_with_tails(raw, layout)) as image:
        try:
            again = pillow.to_array(image)
        except (OSError, ValueError, SyntaxError):
            again = None
    if again is None or not np.array_equal(again, pixels):
        raise DecodeError("the TIFF is damaged or cut short (rows of its fax data are missing).")


def _with_tails(raw: bytes, layout: _Layout) -> bytes:
    """The same TIFF, each strip followed by bytes that a decoder only reads where the strip is too short."""
    tail = np.random.default_rng(0).integers(0, 256, 4096, np.uint8).tobytes()
    pieces, position = [raw], len(raw)
    offsets: list[int] = []
    counts: list[int] = []
    for offset, size, _, _ in layout.pieces:
        stored = raw[offset : offset + size] if size >= 0 else raw[offset:]
        strip = stored.rstrip(b"\0")
        # One zero byte may be the end of a code; more of them are where a decoder thinks that the picture ends.
        strip = (stored if len(stored) == len(strip) + 1 else strip) + tail
        offsets.append(position)
        counts.append(len(strip))
        pieces.append(strip)
        position += len(strip)
    places = ("tile_offsets", "tile_counts") if layout.is_tiled else ("offsets", "counts")
    changes = layout.mended | {_TAGS[places[0]]: tuple(offsets), _TAGS[places[1]]: tuple(counts)}
    return with_tags(b"".join(pieces), _KEPT, changes)
