"""What DATA means: class folders, an .npz file, or nothing (the bundled digits)."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.data.arrays import from_arrays
from augfuse.data.folder import from_directory
from augfuse.errors import DataError, DataNotFoundError
from augfuse.train import digits

TEST_FRACTION = 0.2
_SPLIT_SEED = 0
_KEYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, slots=True)
class Parts:
    """A training and a test source of uint8 images with the same classes, and where they come from, in words."""

    title: str
    description: str
    train: Any
    test: Any
    classes: tuple[str, ...]
    # (h, w, c) where every image is known to have it: arrays. None for files.
    shape: tuple[int, int, int] | None


def load_parts(data: Path | None) -> Parts:
    """The two parts of DATA.

    Raises DataNotFoundError (no such file or folder), DataError (a file or labels that cannot be used).
    """
    if data is None:
        return _bundled_digits()
    if data.is_dir():
        return _folders(data)
    if data.is_file() and data.suffix == ".npz":
        return _npz(data)
    if data.exists():
        raise DataError(f"{data}: wanted a folder of class folders or an .npz file, got neither.")
    raise DataNotFoundError(f"{data}: no such file or folder; wanted class folders or an .npz file.")


def _bundled_digits() -> Parts:
    found = digits.load_digits()
    train = from_arrays(found.x_train, found.y_train, classes=digits.CLASSES)
    test = from_arrays(found.x_test, found.y_test, classes=digits.CLASSES)
    side = digits.CANVAS
    return Parts("handwritten digits", digits.DESCRIPTION, train, test, digits.CLASSES, (side, side, 1))


def _folders(path: Path) -> Parts:
    source = from_directory(path)
    parts = source.parts
    if "train" in parts:
        held_out = next((name for name in ("test", "val") if name in parts), None)
        if held_out is not None:
            train, test = parts["train"], parts[held_out]
            unused = " Its val part is not used." if held_out == "test" and "val" in parts else ""
            words = f"Class folders of {path.name or path}: its train and its {held_out} part.{unused}"
            return _checked(Parts(path.name, words, train, test, _classes(train, path), None), path)
        source = parts["train"]
    train, test = source.split(TEST_FRACTION, seed=_SPLIT_SEED, stratify=True)
    words = f"Class folders of {path.name or path}; {_held_out_words()}"
    return _checked(Parts(path.name, words, train, test, _classes(source, path), None), path)


def _held_out_words() -> str:
    return f"it has no test part, so {TEST_FRACTION:.0%} of each class were held out (seed {_SPLIT_SEED})."


def _npz(path: Path) -> Parts:
    arrays = _read_npz(path)
    x_train, y_train = arrays["x_train"], arrays["y_train"]
    _check_images(path, "x_train", x_train)
    has_test = "x_test" in arrays
    labels = {"y_train": _class_labels(path, "y_train", y_train, len(x_train))}
    if has_test:
        _check_images(path, "x_test", arrays["x_test"])
        if arrays["x_test"].shape[1:] != x_train.shape[1:]:
            raise DataError(
                f"{path}: x_train has images of shape {x_train.shape[1:]}, x_test of {arrays['x_test'].shape[1:]}; "
                "wanted the same shape."
            )
        labels["y_test"] = _class_labels(path, "y_test", arrays["y_test"], len(arrays["x_test"]))
    names = np.unique(np.concatenate(list(labels.values())))
    classes = tuple(str(name) for name in names.tolist())
    numbers = {key: np.searchsorted(names, values).astype(np.int64) for key, values in labels.items()}
    train = from_arrays(x_train, numbers["y_train"], classes=classes)
    if has_test:
        test = from_arrays(arrays["x_test"], numbers["y_test"], classes=classes)
        words = f"{path.name}: its train and its test arrays."
    else:
        train, test = train.split(TEST_FRACTION, seed=_SPLIT_SEED, stratify=True)
        words = f"{path.name}; {_held_out_words()}"
    height, width, *channels = x_train.shape[1:]
    shape = (int(height), int(width), int(channels[0]) if channels else 1)
    return _checked(Parts(path.stem, words, train, test, classes, shape), path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        # ZipFile first: np.load would also take a single .npy array under this name, and that is no npz file.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in _KEYS if key in file.files}
            held = sorted(file.files)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: not a readable .npz file ({error}).") from None
    missing = [key for key in _KEYS[:2] if key not in arrays]
    if ("x_test" in arrays) != ("y_test" in arrays):
        missing += [key for key in _KEYS[2:] if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: {' and '.join(missing)} missing, the file holds {', '.join(held) or 'nothing'}; wanted x_train "
            "and y_train, and x_test with y_test or neither. Type np.savez(path, x_train=x, y_train=y)."
        )
    return arrays


def _check_images(path: Path, key: str, images: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise DataError(
            f"{path}: {key} is {images.dtype}, wanted uint8: the saved model takes raw uint8 images. "
            f"For floats in 0..1 type {key} = np.round(255 * {key}).astype(np.uint8)."
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise DataError(f"{path}: {key} has shape {images.shape}, wanted (n, h, w), (n, h, w, 1) or (n, h, w, 3).")


def _class_labels(path: Path, key: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Labels as (n,): class numbers or names. Columns of shape (n, 1) are flattened, one-hot rows become numbers."""
    if labels.ndim == 0 or len(labels) != count:
        got = "one value" if labels.ndim == 0 else f"{len(labels)} labels"
        raise DataError(f"{path}: {key} has {got} for {count} images of x{key[1:]}; wanted one label for each.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "iufb" and ((labels == 1).sum(1) == 1).all() and (
        (labels == 0).sum(1) == labels.shape[1] - 1
    ).all():  # fmt: skip
        labels = labels.argmax(axis=1)
    whole = labels.dtype.kind in "iubU" or (labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all()))
    if labels.ndim != 1 or not whole:
        raise DataError(
            f"{path}: {key} is {labels.dtype} {labels.shape}; wanted class numbers, class names, or one-hot rows."
        )
    return labels.astype(np.int64) if labels.dtype.kind in "fb" else labels


def _classes(source: Any, path: Path) -> tuple[str, ...]:
    if source.classes is None or source.labels is None:
        raise DataError(f"{path}: no class folders; wanted one folder of pictures for each class.")
    return tuple(source.classes)


def _checked(parts: Parts, path: Path) -> Parts:
    if len(parts.classes) < 2:
        raise DataError(f"{path}: got {len(parts.classes)} class, wanted at least two.")
    first = parts.train[0].image
    if first.dtype != np.uint8:
        raise DataError(
            f"{path}: the first image is {first.dtype}, wanted uint8: the saved model takes raw uint8 images."
        )
    return parts
