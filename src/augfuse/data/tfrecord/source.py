"""Data sets of TFRecord files: which features hold the image and its label, and where."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.codecs.color_modes import recolor
from augfuse.data.columns.labels import labelled
from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import Color, check_color, decode, sniff
from augfuse.data.sample import Sample
from augfuse.data.stores.encoded import read_encoded
from augfuse.data.stores.image_files import existing_files
from augfuse.data.stores.store import Read, Store, read_each
from augfuse.data.table import Table
from augfuse.data.tfrecord import example
from augfuse.data.tfrecord.example import Feature
from augfuse.data.tfrecord.framing import Record, is_packed, read_some, records
from augfuse.data.tfrecord.objects import PREFIX, Objects
from augfuse.errors import DataError, DecodeError, did_you_mean
from augfuse.text import shown

# How published files call their features, most often first.
IMAGE = ("image/encoded", "image", "image_raw", "image/image_raw", "jpeg", "png", "encoded", "img", "image_bytes")
LABEL = ("image/class/label", "label", "class", "cls", "image/label", "target", "class_id")
_SIZE = (("image/height", "height"), ("image/width", "width"), ("image/channels", "channels", "depth", "image/depth"))
_TEXT = "image/class/text"
CLASSES = "augfuse/classes"  # in the first record of our files with boxes: the names of all classes


class _Place(NamedTuple):
    """Where an image lies: the number of its file, its record, the bytes within it, and (h, w, c) of pixels that are
    not encoded, 0 for a file."""

    file: int
    offset: int
    length: int
    start: int
    size: int
    height: int
    width: int
    channels: int


_HEIGHT = _Place._fields.index("height")


def from_tfrecord(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    image: str | None = None,
    label: str | None = None,
    classes: Sequence[str] | None = None,
    color: Color | None = "rgb",
) -> DataSet:
    """A data set over TFRecord files of `tf.train.Example` messages, plain or packed with gzip, read without
    TensorFlow.

        af.from_tfrecord("train.tfrecord")
        af.from_tfrecord(sorted(Path("imagenet").glob("train-*")), label="image/class/label")

    Boxes under image/object/bbox/xmin and its sisters become targets, and so do the other features of TensorFlow's
    object detection API: classes, crowds, key points, masks; class numbers become 0..k-1, the names are those of
    image/object/class/text. A feature "group", as `augfuse convert` writes it, becomes `data.groups`.

    Opening a file reads the places of its records and their labels, not the images. The checksum of a length is checked
    then, that of the bytes when a record is read: a damaged one is a DecodeError, which a loader may skip. A packed
    file is unpacked into memory.

    Args:
        paths: a file, or several.
        image: the feature with the image: the bytes of a file, or pixels (uint8, rows first) where the features height
            and width, and channels or depth, stand beside it. By default image/encoded or a name like it, or the only
            feature that holds an image file.
        label: the feature with the label: a whole number, a float, several of them, or the name of a class; "" for
            none. By default image/class/label or a name like it, or the only feature with one whole number.
        classes: names of the class numbers. By default those of image/class/text, where each number has one.
        color: as in `from_directory`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file.
        DataError: not TFRecord, cut short, messages of another kind, no such feature, labels of different kinds; with
            file and record.
    """
    check_color(color)
    files = existing_files(paths, "a TFRecord file", "from_tfrecord")
    scan = _Scan(image, label)
    for number, file in enumerate(files):
        for at, (record, raw) in enumerate(records(file)):
            try:
                scan.add(number, record, raw)
            except DataError as error:
                raise DataError(f"{file}: record {at} {error}.") from None
    names = classes if classes is not None else scan.names()
    found, known = labelled(scan.column(), names, len(scan.places), "from_tfrecord")
    places = np.array(scan.places, np.int64).reshape(-1, len(_Place._fields))
    store = RecordStore(tuple(map(str, files)), [is_packed(file) for file in files], places, color)
    try:
        targets, of_objects = scan.objects.columns(store, known or scan.written)
    except DataError as error:
        raise DataError(f"{files[0]}: {error}.") from None
    return DataSet(store, Table(found, scan.groups(), targets=targets), of_objects if targets else known)


@final
class RecordStore(Store):
    """Images within the records of TFRecord files. places: (n, 8) int64, see `_Place`."""

    __slots__ = ("_color", "_files", "_packed", "_places")

    def __init__(self, files: tuple[str, ...], packed: Sequence[bool], places: np.ndarray, color: Color | None) -> None:
        self._files = files
        self._packed = tuple(packed)
        self._places = places
        self._color: Color | None = color

    @property
    def names(self) -> Sequence[str] | None:
        """The file and the place in it: train.tfrecord@1234."""
        return tuple(map(self._name, range(len(self))))

    @property
    def roots(self) -> tuple[str, ...]:
        return self._files

    @property
    def keeps_files(self) -> bool:
        return self._color is None and not self._places[:, _HEIGHT].any()

    def __len__(self) -> int:
        return len(self._places)

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        chosen = self._places[np.asarray(rows, np.int64)]
        if chosen[:, _HEIGHT].any():  # pixels as they are
            return read_each(self._one, rows, threads)
        return read_encoded(
            lambda start, stop: self._files_of(rows[start:stop], chosen[start:stop]),
            len(rows), threads, self._color, lambda place: self._name(rows[place]), room=room,
        )  # fmt: skip

    def _files_of(self, rows: Sequence[int], places: np.ndarray) -> list[bytes | DecodeError]:
        """The image files of these rows; for one that cannot be read, why."""
        found: list[bytes | DecodeError] = [b""] * len(rows)
        numbers = places[:, 0]
        files: list[int] = np.unique(numbers).tolist()
        for file in files:
            chosen = np.flatnonzero(numbers == file)
            parts: list[list[int]] = places[chosen, 1:5].tolist()
            wholes = read_some(self._files[file], [Record(part[0], part[1]) for part in parts], self._packed[file])
            for k, (*_, start, size), whole in zip(chosen.tolist(), parts, wholes, strict=True):
                if isinstance(whole, bytes):
                    found[k] = whole[start : start + size]
                else:
                    found[k] = DecodeError(_reason(whole), self._name(rows[k]))
        return found

    def _one(self, row: int) -> Sample:
        place, name = self._place(row), self._name(row)
        raw = self.raw(row)
        if not place.height:
            return Sample(decode(raw, color=self._color, path=name), None, name)
        pixels = np.frombuffer(raw, np.uint8).reshape(place.height, place.width, place.channels)
        return Sample(recolor(pixels, self._color), None, name)

    def raw(self, row: int) -> bytes:
        place = self._place(row)
        return self.part_of(row, place.start, place.size)

    def part_of(self, row: int, start: int, size: int) -> bytes:
        """These bytes of a record, whose checksum is verified. DecodeError where it cannot be read."""
        place = self._place(row)
        (whole,) = read_some(self._files[place.file], [Record(place.offset, place.length)], self._packed[place.file])
        if not isinstance(whole, bytes):
            raise DecodeError(_reason(whole), self._name(row)) from whole
        return whole[start : start + size]

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield repr([(Path(file).name, Path(file).stat().st_size) for file in self._files]).encode()
        yield self._places[np.asarray(rows, np.int64)].tobytes()

    def _place(self, row: int) -> _Place:
        return _Place(*self._places[row].tolist())

    def _name(self, row: int) -> str:
        file, offset = self._places[row, :2].tolist()
        return f"{self._files[file]}@{offset}"


def _reason(error: OSError) -> str:
    return error.reason if isinstance(error, DecodeError) else f"the file cannot be read ({error.strerror})."


@final
class _Scan:
    """What is learnt while records are read: which features are meant, where the images lie, and their labels."""

    def __init__(self, image: str | None, label: str | None) -> None:
        self.places: list[_Place] = []
        self.objects = Objects()
        self.written: tuple[str, ...] | None = None
        self._image = image
        self._label = label
        self._labels: list[np.ndarray | str] = []
        self._texts: dict[int, str] | None = {}
        self._groups: list[str] = []

    def add(self, file: int, record: Record, raw: memoryview) -> None:
        found = example.features(raw)
        if self._image is None:
            self._image = _image_feature(raw, found)
        if self._label is None:
            self._label = _label_feature(raw, found)
        self.places.append(self._place(file, record, raw, found))
        self.objects.add(raw, found)
        if (held := found.get(CLASSES)) is not None and held.kind == 1:
            self.written = tuple(_word(raw, span) for span in example.blobs(raw, held))
        if (group := found.get("group")) is not None and group.kind == 1:
            self._groups += [_word(raw, span) for span in example.blobs(raw, group)]
        if self._label:
            self._labels.append(_label_of(raw, self._feature(found, self._label), self._label))
            self._note_text(raw, found)

    def column(self) -> np.ndarray | None:
        """The labels of all records."""
        if not self._label:
            return None
        kinds = {"text" if isinstance(label, str) else (label.shape, label.dtype.kind) for label in self._labels}
        if len(kinds) > 1:
            raise DataError(
                f"label {shown(self._label)}: the records hold different kinds of values, wanted one. Type "
                'label="" to leave labels out.'
            )
        return np.array(self._labels)

    def groups(self) -> np.ndarray | None:
        """What the feature "group" says, where each record has one."""
        return np.array(self._groups) if self._groups and len(self._groups) == len(self.places) else None

    def names(self) -> tuple[str, ...] | None:
        """The names of the class numbers, where each number has one."""
        texts = self._texts
        if not texts or sorted(texts) != list(range(len(texts))) or len(set(texts.values())) < len(texts):
            return None
        return tuple(texts[number] for number in range(len(texts)))

    def _place(self, file: int, record: Record, raw: memoryview, found: Mapping[str, Feature]) -> _Place:
        assert self._image is not None
        spans = example.blobs(raw, self._feature(found, self._image))
        if len(spans) != 1:
            raise DataError(f"has {len(spans)} values of the feature {shown(self._image)}, wanted one image")
        start, size = spans[0].start, spans[0].stop - spans[0].start
        return _Place(file, *record, start, size, *_pixels(raw, found, size))

    def _feature(self, found: Mapping[str, Feature], name: str) -> Feature:
        if name not in found:
            listed = ", ".join(map(shown, sorted(found))) or "no features"
            raise DataError(f"has no feature {shown(name)}, only {listed}.{did_you_mean(name, found)}".rstrip("."))
        return found[name]

    def _note_text(self, raw: memoryview, found: Mapping[str, Feature]) -> None:
        """Remember what image/class/text says of the last label; nothing of it counts once two names differ."""
        label, feature = self._labels[-1], found.get(_TEXT)
        if self._texts is None or feature is None or not isinstance(label, np.ndarray) or label.shape:
            return
        spans = example.blobs(raw, feature) if feature.kind == 1 else []
        text = _word(raw, spans[0]) if len(spans) == 1 else ""
        if not text or self._texts.setdefault(int(label), text) != text:
            self._texts = None


def _word(raw: memoryview, span: example.Span) -> str:
    return bytes(raw[span.start : span.stop]).decode("utf-8", "replace")


def _image_feature(raw: memoryview, found: Mapping[str, Feature]) -> str:
    for name in IMAGE:
        if name in found and found[name].kind == 1:
            return name
    files = [name for name, feature in found.items() if _holds_image(raw, feature)]
    if len(files) == 1:
        return files[0]
    listed = ", ".join(map(shown, sorted(found))) or "no features"
    what = "several features with image files" if files else "no feature with an image file"
    raise DataError(f"has {what} among {listed}. Type image=NAME")


def _holds_image(raw: memoryview, feature: Feature) -> bool:
    if feature.kind != 1:
        return False
    spans = example.blobs(raw, feature)
    if len(spans) != 1:
        return False
    try:
        sniff(bytes(raw[spans[0].start : spans[0].stop]), None)
    except DecodeError:
        return False
    return True


def _label_feature(raw: memoryview, found: Mapping[str, Feature]) -> str:
    """ "" for no such feature."""
    for name in LABEL:
        if name in found and found[name].kind:
            return name
    sizes = {name for names in _SIZE for name in names}
    single = [
        n
        for n, f in found.items()
        if f.kind == 3 and n not in sizes and not n.startswith(PREFIX) and len(example.numbers(raw, f)) == 1
    ]
    return single[0] if len(single) == 1 else ""


def _label_of(raw: memoryview, feature: Feature, name: str) -> np.ndarray | str:
    if feature.kind == 1:
        spans = example.blobs(raw, feature)
        if len(spans) != 1:
            raise DataError(f"has {len(spans)} values of the feature {shown(name)}, wanted one label")
        try:
            return bytes(raw[spans[0].start : spans[0].stop]).decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(f"has a label {shown(name)} that is not UTF-8") from None
    values = example.numbers(raw, feature)
    if not len(values):
        raise DataError(f"has no value of the feature {shown(name)}")
    return values.reshape(()) if len(values) == 1 else values


def _pixels(raw: memoryview, found: Mapping[str, Feature], size: int) -> tuple[int, int, int]:
    """(h, w, c) where the features beside the image say that its bytes are pixels; 0, 0, 0 for a file."""
    sides: list[int] = []
    for names in _SIZE:
        feature = next((found[name] for name in names if name in found and found[name].kind == 3), None)
        values = np.empty(0) if feature is None else example.numbers(raw, feature)
        sides.append(int(values[0]) if len(values) == 1 else 0)
    height, width, channels = sides
    if height < 1 or width < 1:
        return 0, 0, 0
    channels = channels or size // (height * width)
    return (height, width, channels) if channels in (1, 3, 4) and height * width * channels == size else (0, 0, 0)
