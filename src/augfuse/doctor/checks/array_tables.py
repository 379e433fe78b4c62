"""Arrays of an .npz or of IDX files as parts to examine; what sources refuse becomes a finding here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from augfuse.data.columns.labels import are_class_numbers, one_hot_rows
from augfuse.data.dataset import DataSet
from augfuse.data.layouts.exclude import below
from augfuse.data.sources.npz_file import PARTS, read_arrays
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import EXAMPLES, Finding, Findings, counted, finding
from augfuse.errors import DataError

_NUMBERS = "iubf"


def survey_npz(path: Path) -> Survey:
    """The arrays x_train, y_train, x_val, y_val, x_test, y_test of an .npz, those that exist, or x and y; with
    `classes`, and the groups and copies that `augfuse augment` writes.

    Raises DataError: not a readable .npz, or without images.
    """
    arrays, held = read_arrays(path)
    images = _by_part(arrays, "x")
    if not images:
        raise DataError(
            f"{path}: holds {', '.join(held) or 'nothing'}, wanted x_train and y_train, and x_val or x_test. Type "
            "np.savez(path, x_train=x, y_train=y)."
        )
    names = arrays.get("classes")
    classes = None if names is None or names.ndim != 1 else tuple(str(name) for name in names.tolist())
    labels = _by_part(arrays, "y")
    survey = survey_arrays(images, labels, path.stem, classes)
    survey.findings.extend(_check_pairs(images, labels))
    numbered = labels and all(array.dtype.kind in "iu" for array in labels.values())
    if numbered and names is not None and (names.ndim != 1 or names.dtype.kind != "U"):
        survey.findings.append(_unusable_names(f"classes is {names.dtype} {names.shape}"))
    groups, copies = _by_part(arrays, "group"), _by_part(arrays, "copy")
    parts = []
    for part in survey.parts:
        group, copy = _fitting(groups, part), _fitting(copies, part)
        parts.append(replace(part, groups=group, copies=None if copy is None else copy.astype(bool)))
    return replace(survey, parts=tuple(parts))


def _fitting(arrays: Mapping[str, np.ndarray], part: Part) -> np.ndarray | None:
    values = arrays.get(part.name)
    return values if values is not None and values.shape == (len(part),) else None


def _called(kind: str, part: str) -> str:
    """The name of an array in the file."""
    return f"{kind}_{part}" if part else kind


def _by_part(arrays: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    return {part: arrays[key] for part in (*PARTS, "") if (key := _called(kind, part)) in arrays}


def _check_pairs(images: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]) -> Iterator[Finding]:
    """AF311: images without labels, and labels without images."""
    for part in dict.fromkeys((*images, *labels)):
        if part not in images or part not in labels:
            x, y = _called("x", part), _called("y", part)
            there, missing, what = (x, y, "labels") if part in images else (y, x, "images")
            yield finding(
                "AF311",
                f"{there} has no {what}: the file holds no {missing}, and augfuse train refuses it.",
                f"Type np.savez(path, ..., {missing}={missing}), or leave {there} out.",
                examples=[there],
            )


def _unusable_names(problem: str) -> Finding:
    return finding(
        "AF310",
        f"{problem}, wanted names (k,) for the labels 0..k-1.",
        "Type classes=np.array(['cat', 'dog']), one name for each number.",
        examples=["classes"],
    )


def survey_sets(parts: Mapping[str | None, DataSet] | Mapping[str, DataSet], title: str) -> Survey:
    """The parts of a data set: arrays, or files as a store has them."""
    named = {name or "": data for name, data in parts.items()}
    classes = next(iter(named.values())).classes
    stacks = {name: data.images for name, data in named.items()}
    if all(stack is not None for stack in stacks.values()):
        images = {name: stack[named[name].rows] for name, stack in stacks.items() if stack is not None}
        labels = {name: data.labels for name, data in named.items() if data.labels is not None}
        return survey_arrays(images, labels, title, classes)
    for data in named.values():
        data.raw(0)  # refuses what holds no files
    return Survey(title, tuple(_files(name, data) for name, data in named.items()), classes or ())


def _files(name: str, data: DataSet) -> Part:
    paths = data.paths or tuple(f"sample {row}" for row in range(len(data)))
    root = data.root or ""
    base = os.path.dirname(root) if data.store.folder is None else root  # noqa: PTH120 - train.tfrecord@12
    labels = data.labels if data.classes is not None else None
    labels = labels if are_class_numbers(labels) else None
    own = () if labels is None or data.classes is None else tuple(data.classes[k] for k in np.unique(labels))
    return Part(
        name=name,
        names=tuple(below(path, base) for path in paths),
        labels=labels,
        classes=own,
        raw=data.raw,
        groups=data.groups,
        copies=data.copies,
        label_form="ids",
        data=data if data.table.targets else None,
    )


def survey_arrays(
    images: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    title: str,
    classes: tuple[str, ...] | None = None,
) -> Survey:
    """{part: images} and {part: labels}. classes: names, label k is classes[k]; else the values that occur."""
    found = Findings()
    usable = {part: array for part, array in images.items() if _is_usable(part, array, found)}
    if not usable:
        raise DataError(f"{title}: {found[0].message} {found[0].advice}" if found else f"{title}: holds no images.")
    flat = {
        part: taken
        for part, array in labels.items()
        if part in usable and (taken := _flat_labels(part, array, len(usable[part]), found)) is not None
    }
    values = np.unique(np.concatenate([v for v, _ in flat.values()])) if flat else np.array([])
    if flat and values.dtype.kind == "U" and classes is not None:
        classes = None  # names speak for themselves
    if flat and classes is not None and (values[0] < 0 or values[-1] >= len(classes)):
        names_known = counted(len(classes), "name")
        found.append(_unusable_names(f"classes has {names_known}, the labels are {values[0]}..{values[-1]}"))
        classes = None  # numbers without a name: they are counted as they are
    if flat and values.dtype.kind != "U" and classes is None:
        classes = _columns(labels, flat, values)
        if classes is None:
            _check_numbers(values, found)
    if flat and classes is not None:
        _check_empty(values, classes, found)
    if classes is None:
        classes = tuple(str(value) for value in values.tolist())
        flat = {part: (np.searchsorted(values, numbers), form) for part, (numbers, form) in flat.items()}
    order = [part for part in ("train", "val", "test", "") if part in usable]
    parts = tuple(_part(part, usable[part], *flat.get(part, (None, "ids")), classes) for part in order)
    return Survey(title, parts, classes if flat else (), found)


def _part(name: str, images: np.ndarray, labels: np.ndarray | None, form: str, classes: tuple[str, ...]) -> Part:
    array = _called("x", name)
    return Part(
        name=name,
        names=tuple(f"{array}[{row}]" for row in range(len(images))),
        labels=None if labels is None else labels.astype(np.int64),
        classes=() if labels is None else tuple(classes[number] for number in np.unique(labels)),
        images=images,
        label_form=form,
    )


def _columns(
    labels: Mapping[str, np.ndarray], flat: Mapping[str, tuple[np.ndarray, str]], values: np.ndarray
) -> tuple[str, ...] | None:
    """The classes of one-hot rows, by number, those without images included; None if a label has no column."""
    width = max((labels[part].shape[1] for part, (_, form) in flat.items() if form == "one-hot"), default=0)
    return tuple(map(str, range(width))) if values[0] >= 0 and values[-1] < width else None


def _check_empty(values: np.ndarray, classes: tuple[str, ...], found: Findings) -> None:
    known = set(values.tolist())
    empty = [name for number, name in enumerate(classes) if number not in known]
    if empty:
        found.add(
            "AF307",
            f"{len(empty)} of {len(classes)} classes {'has' if len(empty) == 1 else 'have'} no images in any part.",
            "Add images, or leave these names, or columns of one-hot rows, out.",
            examples=empty,
            severity="warning",  # the arrays are taken, and the model gets outputs that are never right
        )


def _is_usable(part: str, images: np.ndarray, found: Findings) -> bool:
    name = _called("x", part)
    if images.dtype not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        found.add(
            "AF404",
            f"{name} is {images.dtype}; sources take uint8, uint16 and floats.",
            f"Type {name} = {name}.astype(np.uint8), if its values are 0..255.",
            examples=[name],
        )
        if images.dtype.kind not in _NUMBERS:
            return False
    channels_first = images.ndim == 4 and images.shape[1] in (1, 3, 4) and images.shape[3] > 4
    if images.ndim not in (3, 4) or images.size == 0 or channels_first:
        wanted = "channels last: (n, h, w, c)" if channels_first else "(n, h, w) or (n, h, w, c), with images in it"
        fix = f"{name} = {name}.transpose(0, 2, 3, 1)" if channels_first else f"print({name}.shape)"
        found.add("AF404", f"{name} has shape {images.shape}, wanted {wanted}.", f"Type {fix}.", examples=[name])
        return False
    return True


def _flat_labels(part: str, labels: np.ndarray, count: int, found: Findings) -> tuple[np.ndarray, str] | None:
    """(n,) class numbers or names and their form in the file, or None and a finding."""
    name = _called("y", part)
    problem = None
    form = "ids"
    if labels.ndim == 0 or len(labels) != count:
        problem = f"{name} has {1 if labels.ndim == 0 else len(labels)} labels for {count} images"
    elif labels.dtype.kind == "f" and not np.isfinite(labels).all():
        bad = int((~np.isfinite(labels)).sum())
        problem = f"{name} has {counted(bad, 'value')} that are NaN or infinite, of {labels.size}"
    elif labels.ndim == 2 and labels.shape[1] == 1:
        labels, form = labels[:, 0], "column"
    elif labels.ndim == 2 and labels.dtype.kind in _NUMBERS:
        hot = one_hot_rows(labels)
        if not hot.all():
            problem = f"{name} has {counted(int((~hot).sum()), 'row')} of {count} that are not one-hot"
        labels, form = labels.argmax(axis=1), "one-hot"
    if problem is None and (labels.ndim != 1 or labels.dtype.kind not in "iubUf"):
        problem = f"{name} is {labels.dtype} {labels.shape}"
    if problem is None and labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        problem = f"{name} has numbers that are not whole, such as {labels[labels != np.floor(labels)][0]:g}"
    if problem is not None:
        found.add(
            "AF310",
            f"{problem}; its classes are not examined.",
            "Give one label for each image: class numbers, class names, or one-hot rows.",
            examples=[name],
        )
        return None
    return (labels.astype(np.int64) if labels.dtype.kind in "fb" else labels), form


def _check_numbers(values: np.ndarray, found: Findings) -> None:
    low, high = int(values[0]), int(values[-1])
    if low == 0 and high == len(values) - 1:
        return
    gaps = high - low + 1 - len(values)
    words = [f"they begin at {low}"] if low else []
    if gaps:
        words.append(f"{counted(gaps, 'number')} in between {'does' if gaps == 1 else 'do'} not occur")
    known = set(values.tolist())
    # There may be more missing numbers than memory: labels that are ids.
    missing = list(islice((n for n in range(min(low, 0), high + 1) if n not in known), EXAMPLES))
    found.add(
        "AF309",
        f"The labels are {low}..{high} with {len(values)} different values: {' and '.join(words)}.",
        f"Sparse losses want 0..{len(values) - 1}. Type y = np.unique(y, return_inverse=True)[1], for all parts "
        "together.",
        examples=[str(value) for value in missing] or [str(low)],
        count=max(gaps + max(low, 0), 1),
    )
