"""Data sets with annotations: Pascal VOC, YOLO, and pairs of images and masks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.algebra.values import is_list
from augfuse.data.columns.labels import class_names
from augfuse.data.columns.objects import Column, MaskFiles, Relative, lists, ragged
from augfuse.data.dataset import DataSet, Skeleton, as_parts
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.layouts import voc, yolo
from augfuse.data.layouts.classes import choose_part
from augfuse.data.layouts.parts import part_files
from augfuse.data.layouts.problems import is_collecting, refuse
from augfuse.data.sources.folder import open_folder
from augfuse.data.stores.image_files import FileStore
from augfuse.data.table import Table
from augfuse.errors import DataError, DataNotFoundError, did_you_mean
from augfuse.text import shown
from augfuse.warn_once import warn


def from_voc(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    classes: Sequence[str] | None = None,
    color: Color | None = "rgb",
) -> DataSet:
    """A data set of images with boxes in Pascal VOC's XML files, one for each image.

        af.from_voc("VOC2012/Annotations", "VOC2012/JPEGImages")

    An image belongs to the annotation of the same name: 0001.xml to 0001.jpg; `filename` in the XML is not asked, for
    tools write it wrongly. Images without an annotation have no boxes.

    Targets: "boxes" (k, 4) float32 as [xmin - 1, ymin - 1, xmax, ymax], "box_labels" (k,) int64, "difficult" and
    "truncated" (k,) bool.

    Args:
        annotations: the folder of the XML files.
        images: the folder of the images.
        classes: names, which number the classes; by default those that occur, sorted.
        color: as in `from_directory`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such folder.
        DataError: an annotation without its image, or that is not readable; with file and object.
    """
    check_color(color)
    store = _images(images, color)
    by_stem = _by_stem(store)
    read: dict[str, voc.Annotation] = {}
    for path in _files(annotations, ".xml", "annotations"):
        if path.stem not in by_stem:
            words = f"there is no image {path.stem} in {store.root}.{did_you_mean(path.stem, by_stem)}"
            refuse("astray", [f"{path}: {words}"])
            continue
        try:
            read[path.stem] = voc.read_annotation(path)
        except DataError as error:
            if not is_collecting():
                raise
            refuse("unreadable", [str(error)])
    if not read:
        raise DataError(f"{annotations}: holds no .xml files, wanted annotations of Pascal VOC.")
    things = [read[stem].things if stem in read else () for stem in by_stem]
    names = _numbered_names(classes, {thing.name for some in things for thing in some}, str(annotations))
    numbers = {name: number for number, name in enumerate(names)}
    counts = [len(some) for some in things]
    flat = [thing for some in things for thing in some]
    boxes = np.array([thing.box for thing in flat], np.float32).reshape(-1, 4)
    targets: dict[str, Column] = {
        "boxes": ragged(boxes, counts),
        "box_labels": ragged(np.array([numbers[thing.name] for thing in flat], np.int64), counts),
        "difficult": ragged(np.array([thing.difficult for thing in flat], bool), counts),
        "truncated": ragged(np.array([thing.truncated for thing in flat], bool), counts),
    }
    return DataSet(store, Table(targets=targets), names, rows=np.array(list(by_stem.values()), np.int64))


def voc_folders(path: Path) -> tuple[Path, Path] | None:
    """The folders with XML files and with images of Pascal VOC in a folder: Annotations and JPEGImages, or annotations
    and images, as others call them; or None."""
    if (path / "Annotations").is_dir() and (path / "JPEGImages").is_dir():
        return path / "Annotations", path / "JPEGImages"
    annotations, images = path / "annotations", path / "images"
    if images.is_dir() and annotations.is_dir() and any(annotations.glob("*.xml")):
        return annotations, images
    return None


def voc_parts(path: Path, folders: tuple[Path, Path], color: Color | None) -> dict[str | None, DataSet]:
    """The images of `voc_folders`, divided as the lists train.txt, val.txt and test.txt in ImageSets/Main say, where
    there are any; images that no list names are left out then, with an AugfuseWarning."""
    data = from_voc(*folders, color=color)
    lists = part_files(lambda part: path / "ImageSets" / "Main" / f"{part}.txt")
    if not lists:
        return {None: data}
    rows = {Path(name).stem: row for row, name in enumerate(data.paths or ())}
    sets: dict[str | None, DataSet] = {}
    listed: set[int] = set()
    for part, file in lists.items():
        found: list[int] = []
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if line.strip():
                name = line.split()[0] if line.strip() not in rows else line.strip()
                if name not in rows:
                    raise DataError(f"{file}, line {number}: there is no image {name} in {data.root}.")
                found.append(rows[name])
        if found:
            sets[part] = data.subset(found)
            listed.update(found)
    if not sets:
        return {None: data}
    if len(listed) < len(data):
        warn(
            f"{path}: {len(data) - len(listed):,} of {len(data):,} images are in none of the lists in ImageSets/Main, "
            "and are left out."
        )
    return as_parts(sets)


def from_yolo(
    images: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    labels: str | os.PathLike[str] | None = None,
    names: Sequence[str] | Mapping[int, str] | None = None,
    kind: yolo.Kind | None = None,
    kpt_shape: tuple[int, int] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
) -> DataSet:
    """A data set of images with YOLO's labels: a text file for each image, a line for each object.

        af.from_yolo("data.yaml")                                       with train, val and test, and names
        af.from_yolo("images/train", "labels/train", names=["cat", "dog"])

    Targets, in pixels: "boxes" (k, 4) float32 as [x1, y1, x2, y2], "box_labels" (k,) int64; "polygons", a list of (m,
    2) arrays; "corners" (k, 4, 2); "keypoints" (k, p, 2 or 3).

    Args:
        images: a data.yaml, a folder of images, or the images themselves.
        labels: the folder with the labels; by default beside the images: .../images/a.jpg has .../labels/a.txt. An
            image without a file there has no objects: it is background.
        names: of the classes.
        kind: what a line holds behind the class, as fractions of the width and the height: "boxes" (centre x, centre y,
            width, height), "polygons" (x y of each point), "oriented" (x y of four corners), "poses" (a box, then the
            key points, `kpt_shape` of them with so many numbers each; kpt_shape in a data.yaml says that it holds
            poses). By default what the first 200 labels look like: "oriented" where all of them have eight numbers.
        kpt_shape: (key points of an object, numbers of each: 2 or 3).
        part: of a data.yaml "train" (the default), "val" or "test"; the others are `data.parts`.
        color: as in `from_directory`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file or folder.
        DataError: a class without a name, too few numbers; with file and line.
    """
    check_color(color)
    if kind is not None and kind not in yolo.KINDS:
        raise DataError(f"kind: got {shown(kind)}, wanted one of {', '.join(map(shown, yolo.KINDS))}.")
    if isinstance(images, (str, os.PathLike)) and Path(images).suffix.lower() in (".yaml", ".yml"):
        if labels is not None or names is not None:
            raise DataError("from_yolo: got labels or names with a data.yaml, which says both. Leave them out.")
        return _yolo_parts(Path(images), kind, part, color)
    if part is not None:
        raise DataError(f"part: got {shown(part)} without a data.yaml. Leave part= out.")
    if names is None:
        raise DataError("names: got none, wanted the names of the classes, such as names=['cat', 'dog'].")
    kind = "poses" if kind is None and kpt_shape is not None else kind
    if kind == "poses" and kpt_shape is None:
        raise DataError("kpt_shape: got none, wanted (points, numbers of each) for poses, such as (17, 3).")
    store = _images(images, color)
    return _yolo(store, None if labels is None else Path(labels), yolo.class_list(names, "names"), kind, kpt_shape)


def _yolo_parts(path: Path, kind: yolo.Kind | None, part: str | None, color: Color | None) -> DataSet:
    described = yolo.read_data(path)
    kind = "poses" if described.kpt_shape is not None and kind is None else kind
    stores = {
        name: FileStore(str(path), None, _images_of(value, described.root, path, name), color)
        for name, value in described.parts.items()
    }
    kind = kind or yolo.guess_kind(yolo.labels_of(Path(p), None) for s in stores.values() for p in s.names)
    sets: dict[str | None, DataSet] = {}
    for name, store in stores.items():
        sets[name] = _yolo(store, None, described.names, kind, described.kpt_shape)
        if described.flip_idx is not None:
            sets[name].skeleton = Skeleton(flip=described.flip_idx)
    return as_parts(sets)[choose_part(part, list(described.parts), path)]


def _yolo(
    store: FileStore, labels: Path | None, names: tuple[str, ...], kind: yolo.Kind | None, shape: tuple[int, int] | None
) -> DataSet:
    files = [yolo.labels_of(Path(path), labels) for path in store.names]
    kind = kind or yolo.guess_kind(files)
    read = [yolo.read_labels(file, len(names), kind, shape) if file.is_file() else [] for file in files]
    used = set(files)
    if labels is not None:
        left = [file for file in _files(labels, ".txt", "labels") if file not in used and file.name != "classes.txt"]
        if left:
            refuse("astray", [f"{file}: there is no image {file.stem} in {store.root}." for file in left], len(left))
    if not any(file.is_file() for file in used):
        warn(
            f"{store.root}: none of its {len(files)} images has a file with labels, so that none has an object; looked "
            f"for {files[0].parent}. Type labels=FOLDER."
        )
    counts = [len(lines) for lines in read]
    flat = [line for lines in read for line in lines]
    boxes = np.array([line.box for line in flat], np.float32).reshape(-1, 4)
    targets: dict[str, Column] = {
        "boxes": Relative(ragged(boxes, counts), 4),
        "box_labels": ragged(np.array([line.number for line in flat], np.int64), counts),
    }
    points = [np.array(line.points, np.float32) for line in flat]
    if kind == "polygons":
        joined = np.concatenate(points).reshape(-1, 2) if points else np.empty((0, 2), np.float32)
        inner = ragged(joined, [len(one) // 2 for one in points])
        targets["polygons"] = Relative(lists(inner, counts), 2)
    elif kind == "oriented":
        targets["corners"] = Relative(ragged(np.array(points, np.float32).reshape(-1, 4, 2), counts), 2)
    elif kind == "poses":
        assert shape is not None
        targets["keypoints"] = Relative(ragged(np.array(points, np.float32).reshape(-1, *shape), counts), 2)
    return DataSet(store, Table(targets=targets), names)


def from_pairs(
    images: str | os.PathLike[str],
    masks: str | os.PathLike[str],
    classes: Sequence[str] | None = None,
    color: Color | None = "rgb",
) -> DataSet:
    """A data set of images with masks: files of one name in two folders.

        af.from_pairs("camvid/images", "camvid/masks")          images/a.png with masks/a.png

    Targets: "mask" (h, w): of a palette image its indices, of a gray image its values, as they are stored, never
    colours or brightness. It has the size of its image; one that has not is a DecodeError when it is read.

    Args:
        images: the folder of the images.
        masks: the folder of the masks.
        classes: names of the numbers in the masks.
        color: channels of the images, as in `from_directory`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such folder.
        DataError: an image or a mask without its partner; the first is named.
    """
    check_color(color)
    store, partners = _images(images, color), _images(masks, None)
    one, other = _by_stem(store), _by_stem(partners)
    for mine, theirs, what, folder in ((one, other, "mask", masks), (other, one, "image", images)):
        missing = [stem for stem in mine if stem not in theirs]
        if missing:
            raise DataError(
                f"{folder}: {len(missing)} of {len(mine)} have no {what}, the first is {shown(missing[0])}."
                f"{did_you_mean(missing[0], theirs)}"
            )
    mask = MaskFiles(partners, np.array([other[stem] for stem in one], np.int64))
    names = None if classes is None else class_names(classes)
    return DataSet(store, Table(targets={"mask": mask}), names, rows=np.array(list(one.values()), np.int64))


# --- files ------------------------------------------------------------------------------------------------------------


def _images(images: str | os.PathLike[str] | Iterable[Any], color: Color | None) -> FileStore:
    """The images of a folder, at any depth, sorted; or those of a list."""
    if not isinstance(images, (str, os.PathLike)):
        given = [os.path.abspath(path) for path in images]  # noqa: PTH100 - links stay as they are
        missing = next((path for path in given if not Path(path).is_file()), None)
        if missing is not None:
            raise DataNotFoundError(f"{missing}: no such image.")
        if not given:
            raise DataError("images: got an empty list, wanted at least one image.")
        return FileStore(os.path.commonpath([os.path.dirname(path) for path in given]), None, tuple(given), color)  # noqa: PTH120
    folder = open_folder(images)
    found = folder.find().images
    if not found:
        raise DataError(f"{folder}: holds no images.")
    return FileStore(str(folder), None, found, color)


def _images_of(value: object, root: Path, path: Path, part: str) -> tuple[str, ...]:
    """The images of a part: a folder, a text file with one name a line, or a list of these."""
    found: list[str] = []
    for one in value if is_list(value) else [value]:
        if not isinstance(one, str):
            raise DataError(f"{path}: {part} is {shown(value)}, wanted a folder or a text file of images.")
        place = root / one
        if place.is_dir():
            images = open_folder(place).find().images
            if not images:
                raise DataError(f"{path}: {part}: {place} holds no images.")
            found += images
        elif place.suffix.lower() == ".txt" and place.is_file():
            lines = place.read_text(encoding="utf-8").splitlines()
            for number, line in enumerate(lines, 1):
                if line.strip():
                    image = place.parent / line.strip() if line.strip().startswith("./") else root / line.strip()
                    if not image.is_file():
                        raise DataError(f"{place}, line {number}: there is no image {image}.")
                    found.append(os.path.abspath(image))  # noqa: PTH100
        else:
            raise DataNotFoundError(f"{path}: {part}: no such folder or text file {place}.")
    return tuple(found)


def _by_stem(store: FileStore) -> dict[str, int]:
    """{name without its ending: row}, below the folder, in order. DataError where two files have one."""
    found: dict[str, int] = {}
    for row, name in enumerate(store.names):
        stem = str(Path(name).with_suffix("").relative_to(store.root)).replace(os.sep, "/")
        if stem in found:
            raise DataError(f"{name}: there is another image of this name, wanted one for each annotation.")
        found[stem] = row
    return found


def _files(folder: str | os.PathLike[str], suffix: str, what: str) -> list[Path]:
    path = Path(folder)
    if not path.is_dir():
        raise DataNotFoundError(f"{path}: no such folder, wanted one of {what}.")
    return sorted(file for file in path.iterdir() if file.suffix.lower() == suffix and not file.name.startswith("."))


def _numbered_names(classes: Sequence[str] | None, found: set[str], where: str) -> tuple[str, ...]:
    if classes is None:
        return tuple(sorted(found))
    names = class_names(classes)
    unknown = sorted(found - set(names))
    if unknown:
        raise DataError(f"{where}: class {shown(unknown[0])} is not in classes.{did_you_mean(unknown[0], names)}")
    return names
