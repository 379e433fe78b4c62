"""`image_dataset_from_directory`: the function of Keras, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from augfuse.algebra.ranges import truth, whole
from augfuse.data.batches.given_recipe import as_recipe
from augfuse.data.batches.loader import Loader
from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import Color
from augfuse.data.layouts.names import is_left_behind
from augfuse.data.stores.image_files import FileStore
from augfuse.data.table import Table
from augfuse.errors import DataError, DataNotFoundError, RangeError, did_you_mean
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.reading import check_choice, parse_target_size, say_found, why_missing
from augfuse.keras.checks.rules import is_one_of
from augfuse.keras.image_dataset.dataset import Form, ImageDataset
from augfuse.keras.image_dataset.resize import Sizing
from augfuse.keras.image_dataset.sized_files import PlainBatches, SizedFiles
from augfuse.keras.iterators.listing import Listing, left_behind_folders, warn_of_level
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.warn_once import warn

_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_INTERPOLATIONS = (
    "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic",
)  # fmt: skip
_SUBSETS = ("training", "validation", "both")
_BYTES = (0.0, 255.0)
_BEYOND = (-1024.0, 1280.0)  # what no method leaves, however it overshoots


@checked()
def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: Literal["int", "categorical", "binary"] | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: Color = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] | int = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: Literal["training", "validation", "both"] | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
    *,
    recipe: Recipe | None = None,
    antialias: bool = False,
    workers: int | None = None,
) -> Any:
    """Batches of the image files of a folder: `keras.utils.image_dataset_from_directory`, on every backend, without
    TensorFlow.

    The pixels, labels and files are those of Keras; see `ImageDataset` for what is returned.

        train, val = image_dataset_from_directory("photos", validation_split=0.2, subset="both", seed=0)
        model.fit(train, validation_data=val, epochs=10)

    Args:
        directory: the folder of the class folders.
        labels: "inferred", one folder for each class; a list of one number for each file, in the order of the files'
            names, folder by folder; None for images alone.
        label_mode: "int" int32 (n,); "binary" float32 (n, 1); "categorical" float32 (n, classes); None for images
            alone.
        class_names: the class folders to use, in the order of their numbers; all of them, sorted, by default.
        color_mode: "rgb", "rgba", "grayscale".
        batch_size: None for single samples.
        image_size: (height, width).
        shuffle: another order in each epoch; before a split, the one that Keras draws from `seed`.
        seed: None draws one from NumPy's global generator.
        validation_split, subset: the last validation_split of the files, or the others, or a list of both data sets.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", as
            tf.image.resize.
        follow_links: go into folders that are symbolic links.
        crop_to_aspect_ratio: cut the middle out, so that nothing is stretched;
        pad_to_aspect_ratio: add black bars instead.
        data_format: "channels_last", "channels_first", by default as Keras is configured.
        format: "tf" and "grain" are taken, and give the same.
        verbose: print how many files were found.
        recipe: our own: augments the images, whose values lie in 0..255; those of the validation subset go through
            `recipe.eval()`.
        antialias: our own: without it, as in Keras, an image that becomes smaller skips pixels.
        workers: our own: threads; all cores by default.

    Returns:
        An `ImageDataset`; with subset="both" a list of two.

    Raises:
        DataNotFoundError: no such folder.
        DataError: (a ValueError) no images, options that do not exist or do not go together, labels of another length.
        ImageTypeError: (a TypeError). A file that cannot be read is a DecodeError when its batch is made.
    """
    labels, label_mode = _check_labels(labels, label_mode, class_names)
    sizing = _sizing(image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, antialias, recipe)
    check_choice("color_mode", color_mode, ("rgb", "rgba", "grayscale"))
    check_choice("format", format, ("tf", "grain"))
    fraction = _check_split(validation_split, subset, shuffle, seed)
    seed = int(np.random.randint(1_000_000)) if seed is None else seed
    root = _existing(directory)
    names, found = _list(root, os.fspath(directory), labels, class_names, follow_links)
    paths = [os.path.join(directory, name) for of_class in found for name in of_class]  # noqa: PTH118
    if not paths:
        raise DataError(
            f"directory: {root} holds no images{' in folders of classes' if is_one_of(labels, ('inferred',)) else ''}; "
            f"wanted files that end in {', '.join(_FORMATS)}."
        )
    numbers = _numbers(labels, found)
    names = _class_names(labels, names, numbers)
    _check_classes(label_mode, names, numbers)
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        say_found(f"Found {len(paths)} files{classes}.")
    if shuffle:  # as Keras does it: two generators of one seed
        np.random.RandomState(_stream(seed)).shuffle(paths)
        if numbers is not None:
            np.random.RandomState(_stream(seed)).shuffle(numbers)
    planar = (data_format or keras.config.image_data_format()) == "channels_first"
    base = None if recipe is None else as_recipe(recipe)

    def dataset(rows: slice, training: bool, mixed: bool) -> ImageDataset:
        of_rows = None if numbers is None else numbers[rows]
        store = SizedFiles(FileStore(str(root), None, tuple(paths[rows]), color_mode), sizing)
        whole_numbers = of_rows is not None and of_rows.dtype.kind == "i"
        labelled = None if of_rows is None else of_rows.astype(np.int64) if whole_numbers else of_rows
        fits = names is not None and whole_numbers and _are_numbers(numbers, len(names))
        limits = _BEYOND if sizing.overshoots else _BYTES
        data = DataSet(store, Table(labelled), tuple(names) if fits and names is not None else None, limits)
        loader = Loader(
            data,
            base if training or base is None else base.eval(),
            batch_size=1 if batch_size is None else whole("batch_size", batch_size, 1),
            seed=seed,
            shuffle=mixed,
            workers=workers,
            layout="NCHW" if planar else "NHWC",
            one_hot=label_mode == "categorical",
        )
        plain = PlainBatches(loader, store, planar) if base is None else None
        return ImageDataset(loader, Form(names, paths[rows], label_mode, batch_size is not None, plain))

    if fraction is None:
        return dataset(slice(None), True, bool(shuffle))
    held_out = int(fraction * len(paths))
    parts = {"training": slice(len(paths) - held_out), "validation": slice(len(paths) - held_out, None)}
    for part, count in (("training", len(paths) - held_out), ("validation", held_out)):
        if count == 0:
            raise DataError(
                f"validation_split: {fraction:g} of {len(paths)} files leaves none for {part}. Use another fraction."
            )
        if verbose and subset in (part, "both"):
            say_found(f"Using {count} files for {part}.")
    if subset == "both":
        return [dataset(parts["training"], True, bool(shuffle)), dataset(parts["validation"], False, False)]
    assert subset is not None
    return dataset(parts[subset], subset == "training", bool(shuffle))


# --- options ----------------------------------------------------------------------------------------------------------


def _check_labels(labels: Any, label_mode: Any, class_names: Any) -> tuple[Any, Any]:
    """Both as they are used: None for both where there are no labels."""
    check_choice("label_mode", label_mode, ("int", "categorical", "binary", None))
    if not is_one_of(labels, ("inferred", None)) and not isinstance(labels, (list, tuple, np.ndarray)):
        raise DataError(
            f"labels: got {shown(labels)}, wanted 'inferred', a list of one number for each file, or None."
            f"{did_you_mean(labels, ('inferred',)) if isinstance(labels, str) else ''}"
        )
    if class_names is not None and not is_one_of(labels, ("inferred",)):
        raise DataError("class_names: they are those of folders, and go with labels='inferred' only. Leave them out.")
    return (None, None) if labels is None or label_mode is None else (labels, label_mode)


def _sizing(
    image_size: Any, interpolation: Any, crops: Any, pads: Any, antialias: Any, recipe: Recipe | None
) -> Sizing:
    size = parse_target_size((image_size, image_size) if isinstance(image_size, int) else image_size)
    if not isinstance(interpolation, str) or interpolation.lower() not in _INTERPOLATIONS:
        check_choice("interpolation", interpolation, _INTERPOLATIONS)
    crops, pads = truth("crop_to_aspect_ratio", crops), truth("pad_to_aspect_ratio", pads)
    if crops and pads:
        raise DataError("crop_to_aspect_ratio and pad_to_aspect_ratio: got True for both, wanted one of them.")
    aspect = "crop" if crops else "pad" if pads else None
    return Sizing(size, interpolation.lower(), truth("antialias", antialias), aspect, clips=recipe is not None)


def _check_split(fraction: Any, subset: Any, shuffle: Any, seed: Any) -> float | None:
    """The fraction, or None where nothing is split."""
    check_choice("subset", subset, (*_SUBSETS, None))
    if bool(fraction) != (subset is not None):
        missing, given = ("subset", "validation_split") if fraction else ("validation_split", "subset")
        example = "subset='both'" if fraction else "validation_split=0.2"
        raise DataError(f"{missing}: it has to go with {given}. Pass {example}, or leave both out.")
    if fraction and shuffle and seed is None:
        raise DataError(
            "seed: with validation_split and shuffle=True a seed is needed, or the two subsets overlap. Pass seed=0."
        )
    return float(fraction) if fraction else None


def _stream(seed: int) -> int:
    if seed >= 2**32:
        raise RangeError(f"seed: got {seed}, wanted at most 2**32 - 1 to shuffle by: NumPy's generator takes no more.")
    return seed


# --- files and labels -------------------------------------------------------------------------------------------------


def _existing(directory: str | os.PathLike[str]) -> Path:
    root = Path(directory)
    if root.is_dir():
        return root
    if root.exists():
        raise DataNotFoundError(f"directory: {root} is a file, wanted a folder with one folder per class.")
    raise DataNotFoundError(f"directory: {why_missing(str(root), kind='folder')}")


def _list(
    root: Path, directory: str, labels: Any, class_names: Any, follow_links: bool
) -> tuple[list[str], list[list[str]]]:
    """The class folders, or one "" for all, and the files of each below the directory, in Keras' order."""
    folders = [""]
    if is_one_of(labels, ("inferred",)):
        existing = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
        folders = [name for name in existing if not is_left_behind(name)]
        if class_names is not None:
            folders = _chosen(class_names, folders, root)
    listing = Listing(follow_links, _FORMATS, keeps_all=False, compat=False)
    found = [listing.images(os.path.join(directory, name), name) for name in folders]  # noqa: PTH118
    listing.warn_of_unread(directory)
    listing.warn_of_hidden(directory, left_behind_folders(root) if labels is not None and class_names is None else [])
    if is_one_of(labels, ("inferred",)) and any(found):
        _warn_of_folders(directory, folders, found, class_names is not None)
    return folders, found


def _chosen(class_names: Any, folders: list[str], root: Path) -> list[str]:
    names = list(class_names)
    wrong = [name for name in names if name not in folders]
    if wrong:
        raise DataError(
            f"class_names: {root} has no folder {shown(wrong[0])}, only "
            f"{', '.join(map(shown, folders[:20])) or 'files'}."
            f"{did_you_mean(str(wrong[0]), folders)}"
        )
    if len(set(names)) < len(names):
        raise DataError(f"class_names: got {shown(names)}, wanted each name once.")
    return names


def _warn_of_folders(directory: str, folders: list[str], found: list[list[str]], chosen: bool) -> None:
    empty = [name for name, of_class in zip(folders, found, strict=True) if not of_class]
    if empty:
        warn(
            f"{directory}: no images in {', '.join(map(shown, empty[:5]))}, which counts as a class all the same, as "
            "in Keras. Delete the folder, or pass class_names=[...]."
        )
    if not chosen:
        warn_of_level(directory, folders, found, "class_names")


def _numbers(labels: Any, found: list[list[str]]) -> np.ndarray | None:
    """(n,) int32, or the floats that were given; None without labels."""
    if labels is None:
        return None
    if is_one_of(labels, ("inferred",)):
        return np.repeat(np.arange(len(found), dtype=np.int32), [len(of_class) for of_class in found])
    count = sum(map(len, found))
    try:
        given = np.array(labels)
    except ValueError:  # ragged
        given = np.zeros(0, object)
    if given.ndim != 1 or given.dtype.kind not in "iubf" or not np.isfinite(given).all():
        raise DataError(f"labels: got {shown(labels)}, wanted one number for each file.")
    if len(given) != count:
        raise DataError(
            f"labels: got {len(given)} labels for {count} files, wanted one for each, in the order of the files' "
            "names, folder by folder."
        )
    return given.astype(np.float32 if given.dtype.kind == "f" else np.int64)


def _class_names(labels: Any, folders: list[str], numbers: np.ndarray | None) -> list[str] | None:
    if numbers is None:
        return None
    if is_one_of(labels, ("inferred",)):
        return folders
    return [str(label) for label in sorted(set(np.asarray(labels).tolist()))]


def _are_numbers(numbers: np.ndarray | None, count: int) -> bool:
    return numbers is not None and numbers.dtype.kind == "i" and bool((numbers >= 0).all() and (numbers < count).all())


def _check_classes(label_mode: str | None, names: list[str] | None, numbers: np.ndarray | None) -> None:
    if names is None or label_mode not in ("binary", "categorical"):
        return
    if label_mode == "binary" and len(names) != 2:
        raise DataError(
            f"label_mode: 'binary' takes 2 classes, got {len(names)}: {shown(names)}. Use label_mode='int' or "
            "'categorical'; or class_names=[...] with two of them."
        )
    if not _are_numbers(numbers, len(names)):
        raise DataError(
            f"labels: label_mode={shown(label_mode)} takes class numbers 0 to {len(names) - 1}, got {shown(names)}. "
            "Number them anew: np.unique(labels, return_inverse=True)[1].tolist(); or use label_mode='int'."
        )
