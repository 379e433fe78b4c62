"""Data sets with COCO's annotations: boxes, polygons, masks, key points, panoptic segments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.data.columns.object_masks import ObjectMasks, SegmentFiles
from augfuse.data.columns.objects import Column, Lists, Ragged, lists, ragged
from augfuse.data.columns.skeleton import flip_of
from augfuse.data.dataset import DataSet, Skeleton
from augfuse.data.decoding import kept_arrays
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.layouts import coco
from augfuse.data.layouts.problems import is_collecting, refuse
from augfuse.data.stores.image_files import FileStore
from augfuse.data.table import Table
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown
from augfuse.warn_once import warn


def from_coco(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    color: Color | None = "rgb",
    *,
    masks: bool | None = None,
    segments: str | os.PathLike[str] | None = None,
    missing: Literal["raise", "skip"] = "raise",
) -> DataSet:
    """A data set of images with COCO's annotations: boxes, polygons, masks, key points, or panoptic segments.

        af.from_coco("annotations/instances_val2017.json", "val2017")
        af.from_coco("annotations/panoptic_val2017.json", "val2017")        PNGs in annotations/panoptic_val2017

    Classes are numbered 0..k-1 in the order of their ids; `data.classes` are their names. Images that no annotation
    names are kept, without boxes.

    Targets: "boxes" (k, 4) float32 as [x1, y1, x2, y2] in pixels, "box_labels" (k,) int64, "area" (k,) float32, where
    it is not given that of the box, "crowd" (k,) bool; "polygons", where there are any: for each object a list of (m,
    2) arrays, [] for one that is stored as a mask; "masks" (k, h, w) uint8, 0 and 1; "keypoints" (k, p, 3), where there
    are any: x, y and whether it is labelled (0 no, 1 hidden, 2 yes), `data.skeleton` has their names. Of panoptic
    annotations "mask" (h, w): the class of each pixel, where nothing is labelled the highest number of its type, 255 or
    65535; and "segments" (h, w) int32: j + 1 where object j lies, else 0.

    A file of more than 32 MiB is read in pieces, and what it says is kept in a folder for such things
    ($AUGFUSE_CACHE_DIR, or ~/.cache/augfuse), so that it opens at once the next time.

    Boxes without area are left out; an AugfuseWarning counts them.

    Args:
        annotations: the JSON file.
        images: the folder of the images; by default the folder of the JSON file, `images` beside it, or what COCO's own
            archives have beside the folder `annotations`.
        color: as in `from_directory`.
        masks: whether each object has a mask: True draws the polygons as pycocotools does; False leaves out those that
            are stored as masks. By default there are masks where at least one object is stored as one.
        segments: the folder of the PNGs of panoptic annotations; by default that beside the JSON file of the same name.
        missing: "skip" leaves out images that are not there, with an AugfuseWarning that counts them.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file or folder.
        DataError: not COCO, ids that are there twice, an annotation of an unknown image or category, a box upside down,
            a broken mask, images that are missing; with the object.
    """
    check_color(color)
    if missing not in ("raise", "skip"):
        raise DataError(f"missing: got {shown(missing)}, wanted 'raise' or 'skip'.")
    if masks is not None:
        truth("masks", masks)
    path = Path(annotations)
    about, arrays = coco.read(path)
    folder, absent = _folder(path, images, about.files)
    if absent and (missing == "raise" or len(absent) == len(about.files)):
        raise DataError(
            f"{path}: names {len(absent):,} of {len(about.files):,} images that are not in {folder}, the first is "
            f"{shown(about.files[absent[0]])}. Type images=FOLDER, or missing='skip' to leave them out."
        )
    _say_flat(path, about)
    above = f"{folder}{os.sep}"
    store = FileStore(str(folder), None, tuple([above + name for name in about.files]), color)
    targets = _targets(path, about, arrays, masks, segments)
    skeleton = Skeleton(about.points, about.bones, flip_of(about.points)) if about.points else None
    data = DataSet(store, Table(targets=targets), about.classes, skeleton=skeleton)
    if not absent:
        return data
    warn(
        f"{path}: {len(absent):,} of {len(about.files):,} images are not in {folder} and are left out, the first is "
        f"{shown(about.files[absent[0]])}."
    )
    return data.subset(np.setdiff1d(np.arange(len(data)), absent))


def _targets(
    path: Path,
    about: coco.About,
    arrays: Mapping[str, np.ndarray],
    masks: bool | None,
    segments: str | os.PathLike[str] | None,
) -> dict[str, Column]:
    counts = arrays["counts"]
    targets: dict[str, Column] = {
        "boxes": ragged(arrays["boxes"], counts),
        "box_labels": ragged(arrays["labels"], counts),
        "area": ragged(arrays["areas"], counts),
        "crowd": ragged(arrays["crowds"], counts),
    }
    drawn, stored = None, None
    if "rings" in arrays:
        rings = ragged(arrays["points"], arrays["rings"])
        objects = Lists(rings, arrays["ring_starts"], arrays["ring_counts"])
        drawn = targets["polygons"] = lists(objects, counts)
    if "runs" in arrays:
        stored = Ragged(arrays["runs"], arrays["run_starts"], arrays["run_counts"])
    if masks or (masks is None and stored is not None):
        if drawn is None and stored is None:
            raise DataError(f"{path}: masks: got True, and no object has a polygon or a mask. Leave masks= out.")
        starts = np.cumsum(counts) - counts
        targets["masks"] = ObjectMasks(drawn, stored, arrays.get("mask_sizes"), starts, counts)
    if "keypoints" in arrays:
        targets["keypoints"] = ragged(arrays["keypoints"], counts)
    if about.segments is not None:
        files = _segment_files(path, about.segments, segments)
        ids, labels = ragged(arrays["segment_ids"], counts), ragged(arrays["labels"], counts)
        rows = np.arange(len(counts))
        for name, kind in (("mask", len(about.classes)), ("segments", None)):
            targets[name] = SegmentFiles(files, rows, ids, labels, kind)
    elif segments is not None:
        raise DataError(f"{path}: segments: got {shown(str(segments))}, and its annotations are not panoptic.")
    return targets


def _say_flat(path: Path, about: coco.About) -> None:
    if not about.flat:
        return
    first = f"the first is that of annotation {shown(about.first_flat)}."
    if is_collecting():
        refuse("empty", [f"{path}: {first}"], about.flat)
        return
    warn(f"{path}: {about.flat:,} boxes without area are left out, {first}")


def _folder(path: Path, images: str | os.PathLike[str] | None, files: Sequence[str]) -> tuple[Path, list[int]]:
    """The folder of the images, and which of them are not there. Of a large file it is kept that all were, for as long
    as none of their folders changes."""
    if images is not None:
        folders = [Path(images)]
        if not folders[0].is_dir():
            raise DataNotFoundError(f"{folders[0]}: no such folder, wanted that of the images.")
    else:
        here, above, part = path.parent, path.parent.parent, path.stem.rpartition("_")[2]
        folders = [here, here / "images", above / part, above / "images" / part, above / "images", above]
    held = [(folder / files[0]).is_file() for folder in folders]
    folder = Path(os.path.abspath(folders[held.index(max(held))]))  # noqa: PTH100
    if not kept_arrays.is_worth_it(path):
        return folder, _absent(folder, files)
    reader = f"images 1 {folder}"
    kept = kept_arrays.load(path, reader)
    if kept is not None and kept["folders"].tobytes() == _state(
        msgspec.json.decode(kept["names"].data, type=list[str])
    ):
        return folder, []
    names = sorted({name.rpartition(os.sep)[0] for name in files})
    places = [str(folder / name) for name in names]
    before = _state(places)
    absent = _absent(folder, files)
    if before and not absent:
        texts = {"names": msgspec.json.encode(places), "folders": before}
        kept_arrays.keep(path, reader, {name: np.frombuffer(text, np.uint8) for name, text in texts.items()})
    return folder, absent


def _state(folders: Sequence[str]) -> bytes:
    """What changes when a file is added to one of these folders, or taken away."""
    try:
        return np.array([os.stat(folder).st_mtime_ns for folder in folders], np.int64).tobytes()  # noqa: PTH116
    except OSError:
        return b""


def _absent(folder: Path, files: Sequence[str]) -> list[int]:
    """Which files are not there: each folder is listed once, for asking for a million files takes seconds."""
    listed: dict[str, frozenset[str]] = {}
    found: list[int] = []
    for row, name in enumerate(files):
        above, _, own = name.rpartition(os.sep)
        there = listed.get(above)
        if there is None:
            try:
                there = frozenset(os.listdir(folder / above))  # noqa: PTH208
            except OSError:
                there = frozenset[str]()
            listed[above] = there
        # A disk may ignore case, or spell accents otherwise.
        if own not in there and not (folder / name).is_file():
            found.append(row)
    return found


def _segment_files(path: Path, files: Sequence[str], given: str | os.PathLike[str] | None) -> FileStore:
    folder = path.with_suffix("") if given is None else Path(given)
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder}: no such folder, wanted the PNGs of panoptic annotations. Type segments=.")
    absent = [row for row in _absent(folder, files) if files[row]]
    if absent:
        raise DataError(
            f"{path}: names {len(absent):,} PNGs that are not in {folder}, the first is {shown(files[absent[0]])}. "
            "Type segments=FOLDER."
        )
    return FileStore(str(folder), None, tuple([f"{folder}{os.sep}{name}" if name else "" for name in files]), "rgb")
