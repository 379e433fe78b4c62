"""YOLO: a text file for each image, a line for each object, coordinates as fractions of the width and the height."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from augfuse.algebra.values import is_dict, is_list, is_mapping, is_row
from augfuse.data.layouts.parts import PARTS
from augfuse.data.layouts.problems import refuse
from augfuse.errors import AugfuseError, DataError, DataNotFoundError
from augfuse.text import shown

Kind: TypeAlias = Literal["boxes", "polygons", "oriented", "poses"]
KINDS: tuple[Kind, ...] = ("boxes", "polygons", "oriented", "poses")
_MOST = 2.0  # of a fraction: what is beyond is pixels; less may be a box that reaches outside
_LARGEST = 64 * 2**20
_LOOKED_AT, _LARGEST_LOOK = 200, 2**16  # files, and bytes of each


class Line(NamedTuple):
    """An object. box: (x1, y1, x2, y2). points: (x, y, ...) of its polygon, its four corners or its key points; () for
    a box."""

    number: int
    box: tuple[float, float, float, float]
    points: tuple[float, ...]


def read_labels(path: Path, classes: int, kind: Kind, shape: tuple[int, int] | None) -> list[Line]:
    """The objects of one file. classes: how many there are. shape: (key points, numbers of each) of poses.

    Raises DataError, naming the file and the line.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: {path.stat().st_size:,} bytes, wanted labels of at most {_LARGEST:,}.")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file ({error}).") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    lines = {f"{path}, line {place}": line.split() for place, line in enumerate(text.splitlines(), 1)}
    found = (_line(where, words, classes, kind, shape) for where, words in lines.items() if words)
    return [line for line in found if line is not None]


def guess_kind(files: Iterable[Path]) -> Kind:
    """The kind of the label lines, guessed from how many numbers the first ones have. Unreadable lines are reported
    later."""
    counts: set[int] = set()
    left = _LOOKED_AT
    for file in files:
        if left < 1 or not file.is_file():
            continue
        left -= 1
        with file.open("rb") as opened:
            lines = opened.read(_LARGEST_LOOK).splitlines()
        whole = lines if file.stat().st_size <= _LARGEST_LOOK else lines[:-1]
        counts.update(len(line.split()) - 1 for line in whole)
    outlines = {count for count in counts if count >= 6 and count % 2 == 0}
    return "boxes" if not outlines else "oriented" if outlines == {8} else "polygons"


def _line(where: str, words: list[str], classes: int, kind: Kind, shape: tuple[int, int] | None) -> Line | None:
    """None for an object that is left out; see `refuse`."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        return refuse("unreadable", [f"{where}: got {shown(' '.join(words))}, wanted numbers."])
    number = int(values[0])
    if number != values[0] or not 0 <= number < classes:
        names = f"with {classes} classes they go from 0 to {classes - 1}"
        return refuse("unnamed", [f"{where}: class {words[0]} has no name; {names}."])
    rest = tuple(values[1:])
    if problem := _wrong_count(len(rest), kind, shape):
        return refuse("unreadable", [f"{where}: {problem}"])
    places = rest[:4] if kind in ("boxes", "poses") else rest
    if max(map(abs, places), default=0) > _MOST:
        wanted = "wanted fractions 0..1 of the width and the height: divide pixels by these"
        return refuse("unreadable", [f"{where}: got {shown(' '.join(words))}, {wanted}."])
    if kind in ("boxes", "poses"):
        x, y, width, height = rest[:4]
        if width < 0 or height < 0:
            sides = f"the box is {width:g} wide and {height:g} high, wanted 0 or more"
            return refuse("upside down", [f"{where}: {sides}."])
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return Line(number, box, rest[4:])
    xs, ys = rest[0::2], rest[1::2]
    return Line(number, (min(xs), min(ys), max(xs), max(ys)), rest)


def _wrong_count(count: int, kind: Kind, shape: tuple[int, int] | None) -> str | None:
    """What is wrong with so many numbers behind the class, in words."""
    points, each = shape or (0, 0)
    numbers = 4 + points * each
    good, wanted = {
        "boxes": (count == 4, "4 numbers: x, y, width, height"),
        "oriented": (count == 8, "8 numbers: the four corners"),
        "polygons": (count >= 6 and count % 2 == 0, "x y of at least three points"),
        "poses": (count == numbers, f"{numbers} numbers: a box and {points} points of {each} numbers"),
    }[kind]
    if good:
        return None
    hint = ""
    if kind == "boxes" and count > 4:
        hint = ' These may be polygons: type kind="polygons".'
    elif kind == "polygons" and count == 4:
        hint = ' This is a box: type kind="boxes".'
    return f"got {count} numbers behind the class, wanted {wanted}.{hint}"


class Described(NamedTuple):
    """A data.yaml. root: what the places of the parts are relative to. parts: for each a folder of images, a text file
    with their names, or a list of these. kpt_shape: (key points, numbers of each)."""

    root: Path
    parts: dict[str, object]
    names: tuple[str, ...]
    kpt_shape: tuple[int, int] | None
    flip_idx: tuple[int, ...] | None


def class_list(names: object, where: str) -> tuple[str, ...]:
    """Names as a tuple, of a list or of a mapping from 0, 1, ... Raises DataError."""
    if is_mapping(names):
        if sorted(names) != list(range(len(names))):
            raise DataError(f"{where}: got the numbers {shown(sorted(names, key=str))}, wanted 0, 1, 2, ...")
        names = [names[number] for number in range(len(names))]
    if not is_row(names) or not names or not all(isinstance(name, (str, int)) for name in names):
        raise DataError(f"{where}: got {shown(names)}, wanted the names of the classes.")
    found = tuple(map(str, names))
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: {shown(twice)} is there twice, wanted each name once.")
    return found


def labels_of(image: Path, folder: Path | None) -> Path:
    """The file with the labels of an image: in `folder`, or where the last folder `images` on its way is `labels`."""
    if folder is not None:
        return folder / f"{image.stem}.txt"
    steps = list(image.parts)
    for place in range(len(steps) - 2, -1, -1):
        if steps[place] == "images":
            steps[place] = "labels"
            break
    return Path(*steps).with_suffix(".txt")


def read_data(path: Path) -> Described:
    """A data.yaml. Raises DataNotFoundError, DataError."""
    from augfuse.transforms.serial.yaml_text import read_yaml

    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such file, wanted a data.yaml.")
    try:
        held = read_yaml(path.read_text(encoding="utf-8"))
    except (AugfuseError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path}: not a readable data.yaml ({error}).") from None
    if not is_dict(held) or "names" not in held:
        raise DataError(f"{path}: has no names, wanted those of the classes.")
    names = class_list(held["names"], f"{path}: names")
    if "nc" in held and held["nc"] != len(names):
        raise DataError(f"{path}: nc is {shown(held['nc'])} and there are {len(names)} names.")
    root = Path(str(held.get("path") or "."))
    root = root if root.is_absolute() else path.parent / root
    parts = {part: held[part] for part in PARTS if held.get(part)}
    if not parts:
        raise DataError(f"{path}: has no train, val or test.")
    shape, flips = held.get("kpt_shape"), held.get("flip_idx")
    if shape is not None and not (
        is_list(shape) and len(shape) == 2 and all(type(n) is int and n > 0 for n in shape) and shape[1] in (2, 3)
    ):
        raise DataError(f"{path}: kpt_shape is {shown(shape)}, wanted [points, 2 or 3].")
    if flips is not None and (shape is None or sorted(flips) != list(range(shape[0]))):
        raise DataError(f"{path}: flip_idx is {shown(flips)}, wanted each of the key points once.")
    return Described(
        root, parts, names, None if shape is None else (shape[0], shape[1]), None if flips is None else tuple(flips)
    )
