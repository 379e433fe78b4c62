"""Pascal VOC: an XML file with boxes for each image."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from augfuse.data.layouts.problems import refuse
from augfuse.errors import DataError
from augfuse.text import shown

_LARGEST = 64 * 2**20  # bytes of an annotation
_DEEPEST = 32


class Element(NamedTuple):
    """An element of an XML file: its text, and the elements in it."""

    name: str
    text: list[str]
    children: list[Element]

    def first(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)

    def words(self) -> str:
        return "".join(self.text).strip()


class Thing(NamedTuple):
    """An object of an annotation: (x1, y1, x2, y2) in pixels, and its other fields."""

    name: str
    box: tuple[float, float, float, float]
    difficult: bool
    truncated: bool


class Annotation(NamedTuple):
    """What an XML file says: the name of its image, where it has one, its size (height, width) or None, and the objects
    in it."""

    filename: str | None
    size: tuple[int, int] | None
    things: tuple[Thing, ...]


def read_annotation(path: Path) -> Annotation:
    """One XML file. Boxes become xmin - 1, ymin - 1, xmax, ymax: VOC counts pixels from 1, both ends included.

    Entities are refused, and nothing is fetched. Raises DataError, naming the file and the object.
    """
    root = _parse(path)
    if root.name != "annotation":
        raise DataError(f"{path}: begins with {shown(root.name)}, wanted an annotation of Pascal VOC.")
    filename, size = root.first("filename"), root.first("size")
    sides = None
    if size is not None:
        height, width = (_number(path, size, name, "the size") for name in ("height", "width"))
        sides = (int(height), int(width)) if height > 0 and width > 0 else None
    elements = enumerate(child for child in root.children if child.name == "object")
    things = [_thing(path, element, number) for number, element in elements]
    name = filename.words() or None if filename is not None else None
    return Annotation(name, sides, tuple(thing for thing in things if thing is not None))


def _thing(path: Path, element: Element, number: int) -> Thing | None:
    """None for an object that is left out; see `refuse`."""
    what = f"object {number}"
    name, box = element.first("name"), element.first("bndbox")
    if name is None or not name.words():
        return refuse("unnamed", [f"{path}: {what} has no name, wanted that of its class."])
    if box is None:
        return refuse("unreadable", [f"{path}: {what} ({name.words()}) has no bndbox."])
    what = f"{what} ({name.words()})"
    left, top, right, bottom = (_number(path, box, side, what) for side in ("xmin", "ymin", "xmax", "ymax"))
    sides = f"xmin {left:g}, ymin {top:g}, xmax {right:g}, ymax {bottom:g}"
    if right < left or bottom < top:
        return refuse("upside down", [f"{path}: {what} is upside down: {sides}."])
    if max(right, bottom) <= 1 and any(side != int(side) for side in (left, top, right, bottom)):
        return refuse("unreadable", [f"{path}: {what} has fractions, {sides}, wanted pixels: multiply by the sides."])
    flags = [one is not None and one.words() == "1" for one in (element.first("difficult"), element.first("truncated"))]
    return Thing(name.words(), (left - 1, top - 1, right, bottom), *flags)


def _number(path: Path, element: Element, name: str, what: str) -> float:
    found = element.first(name)
    words = "" if found is None else found.words()
    try:
        value = float(words)
    except ValueError:
        value = float("nan")
    if not -1e9 < value < 1e9:
        raise DataError(f"{path}: {name} of {what} is {shown(words)}, wanted a number of pixels.")
    return value


def _parse(path: Path) -> Element:
    try:
        if path.stat().st_size > _LARGEST:
            raise DataError(f"{path}: {path.stat().st_size:,} bytes, wanted an annotation of at most {_LARGEST:,}.")
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    top = Element("", [], [])
    stack = [top]

    def start(name: str, attributes: object) -> None:
        if len(stack) > _DEEPEST:
            raise DataError(f"{path}: elements lie more than {_DEEPEST} deep, as in no annotation.")
        stack.append(Element(name, [], []))
        stack[-2].children.append(stack[-1])

    def refuse(*_: object) -> int:
        raise DataError(f"{path}: declares entities, which are not expanded. Remove the DOCTYPE from the file.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: stack.pop()
    parser.CharacterDataHandler = lambda text: stack[-1].text.append(text)
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.UnparsedEntityDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise DataError(f"{path}: not a readable XML file ({error}).") from None
    return top.children[0]
