"""Arrays of images and labels in an .npz file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from augfuse.data.columns.labels import one_hot_rows
from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.sources.arrays import from_arrays
from augfuse.data.sources.npz_file import PARTS, read_arrays
from augfuse.errors import AugfuseError, DataError


def read_npz(path: Path) -> dict[str | None, DataSet]:
    """{"train": data, ...} of the arrays x_train, y_train, x_val, y_val, x_test, y_test, those that exist; or
    {None: data} of x, y.

    Images are uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3). Labels are class numbers (n,) or (n, 1), names, or one-hot
    rows; `classes` may hold the names of class numbers. `group`, and `copy`, which is 0 for originals, are what
    `augfuse augment` writes: images of one group stay together in a split. All parts have the same classes.

    Raises DataError.
    """
    return parts_of_arrays(_read(path), path)


def parts_of_arrays(arrays: dict[str, np.ndarray], path: Path | str) -> dict[str | None, DataSet]:
    """The same of arrays that are read already, by their names; `path` is what messages call them."""
    suffixes = _suffixes(path, arrays)
    labels: dict[str | None, np.ndarray] = {}
    for part, suffix in suffixes.items():
        images = arrays[f"x{suffix}"]
        _check_images(path, f"x{suffix}", images)
        first = arrays[f"x{next(iter(suffixes.values()))}"]
        if images.shape[1:] != first.shape[1:]:
            raise DataError(
                f"{path}: x{next(iter(suffixes.values()))} has images of shape {first.shape[1:]}, x{suffix} of "
                f"{images.shape[1:]}; wanted the same shape."
            )
        labels[part] = _class_labels(path, f"y{suffix}", arrays[f"y{suffix}"], len(images))
    numbers, classes = _number(path, labels, arrays.get("classes"))
    sets: dict[str | None, DataSet] = {}
    for part, suffix in suffixes.items():
        try:
            found = from_arrays(arrays[f"x{suffix}"], numbers[part], None, classes, arrays.get(f"group{suffix}"))
        except AugfuseError as error:
            raise DataError(f"{path}: {error}") from None
        copies = arrays.get(f"copy{suffix}")
        if copies is not None and (copies.shape != (len(found),) or copies.dtype.kind not in "iub"):
            raise DataError(
                f"{path}: copy{suffix} is {copies.dtype} {copies.shape}, wanted a whole number for each image."
            )
        sets[part] = found if copies is None else found.with_copies(copies > 0)
    return as_parts(sets)


def _read(path: Path) -> dict[str, np.ndarray]:
    arrays, held = read_arrays(path)
    wanted = ["x", "y"] if "x" in arrays and "x_train" not in arrays else ["x_train", "y_train"]
    missing = [key for key in wanted if key not in arrays]
    for part in ("val", "test"):
        pair = (f"x_{part}", f"y_{part}")
        if wanted[0] == "x_train" and (pair[0] in arrays) != (pair[1] in arrays):
            missing += [key for key in pair if key not in arrays]
    if missing:
        raise DataError(
            f"{path}: {' and '.join(missing)} missing, the file holds {', '.join(held) or 'nothing'}; wanted x_train "
            "and y_train, and x_test with y_test or neither. Type np.savez(path, x_train=x, y_train=y)."
        )
    return arrays


def _suffixes(path: Path | str, arrays: dict[str, np.ndarray]) -> dict[str | None, str]:
    if "x_train" not in arrays:
        return {None: ""}
    if "x" in arrays:
        raise DataError(f"{path}: holds x and x_train, wanted one of them: x for the whole, x_train for a part.")
    return {part: f"_{part}" for part in PARTS if f"x_{part}" in arrays}


def _check_images(path: Path | str, key: str, images: np.ndarray) -> None:
    if images.dtype != np.uint8:
        raise DataError(
            f"{path}: {key} is {images.dtype}, wanted uint8: raw pixels, which recipes and saved models take. "
            f"{_to_bytes(key, images.dtype)}"
        )
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        hint = f" To leave out transparency type {key} = {key}[..., :3]." if images.shape[3:] == (4,) else ""
        raise DataError(
            f"{path}: {key} has shape {images.shape}, wanted (n, h, w), (n, h, w, 1) or (n, h, w, 3).{hint}"
        )


def _to_bytes(key: str, dtype: np.dtype) -> str:
    """The line that makes uint8 of the usual values of another dtype."""
    if dtype == np.uint16:
        return f"For values of 0..65535 type {key} = np.round({key} / 257).astype(np.uint8)."
    if dtype.kind in "iu":
        return f"For values of 0..255 type {key} = {key}.astype(np.uint8)."
    return f"For floats in 0..1 type {key} = np.round(255 * {key}).astype(np.uint8)."


def _class_labels(path: Path | str, key: str, labels: np.ndarray, count: int) -> np.ndarray:
    """Labels as (n,): class numbers or names. Columns of shape (n, 1) are flattened, one-hot rows become numbers."""
    if labels.ndim == 0 or len(labels) != count:
        got = "one value" if labels.ndim == 0 else f"{len(labels)} labels"
        raise DataError(f"{path}: {key} has {got} for {count} images of x{key[1:]}; wanted one label for each.")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and labels.dtype.kind in "iufb" and one_hot_rows(labels).all():
        labels = labels.argmax(axis=1)
    whole = labels.dtype.kind in "iubU" or (labels.dtype.kind == "f" and bool((labels == np.floor(labels)).all()))
    if labels.ndim != 1 or not whole:
        raise DataError(
            f"{path}: {key} is {labels.dtype} {labels.shape}; wanted class numbers, class names, or one-hot rows."
        )
    return labels.astype(np.int64) if labels.dtype.kind in "fb" else labels


def _number(
    path: Path | str, labels: dict[str | None, np.ndarray], names: np.ndarray | None
) -> tuple[dict[str | None, np.ndarray], tuple[str, ...]]:
    """Labels as positions in one tuple of classes."""
    if names is not None and all(values.dtype.kind in "iu" for values in labels.values()):
        if names.ndim != 1 or names.dtype.kind != "U":
            raise DataError(f"{path}: classes is {names.dtype} {names.shape}, wanted names (k,).")
        return labels, tuple(names.tolist())
    found = np.unique(np.concatenate(list(labels.values())))
    numbers = {part: np.searchsorted(found, values).astype(np.int64) for part, values in labels.items()}
    return numbers, tuple(str(name) for name in found.tolist())
