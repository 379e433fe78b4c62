"""`DataFrameIterator`: what `ImageDataGenerator.flow_from_dataframe` returns.

pandas is not imported: the frame is asked for its columns, and is never changed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.errors import DataError, ImageTypeError
from augfuse.keras.checks import columns, rules
from augfuse.keras.checks.columns import ColumnError as ColumnError
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.inputs import check_inputs, check_targets
from augfuse.keras.checks.reading import WITH_CLASSES, parse_on_error, say_found, why_missing, why_no_split
from augfuse.keras.checks.rules import is_one_of
from augfuse.keras.checks.split_classes import classes_of, classes_of_lists, in_one_part
from augfuse.keras.generator.options import Generator
from augfuse.keras.images import validate_filename
from augfuse.keras.iterators.file_iterator import FileIterator
from augfuse.keras.iterators.groups import subset_rows
from augfuse.keras.iterators.iterator import Iterator
from augfuse.text import shown
from augfuse.warn_once import warn

# Arguments that Keras no longer has, and what it says about them.
RETIRED: Mapping[str, str] = {
    "has_ext": "filenames in the dataframe have to match the exact filenames in disk.",
    "sort": "batches will be created in the same order than the filenames provided if `shuffle` is set to `False`.",
    "drop_duplicates": "you can drop duplicates by using the pandas.DataFrame.drop_duplicates method.",
}


def retired_arguments(class_mode: str | None, kwargs: dict[str, Any]) -> str | None:
    """Take has_ext, sort and drop_duplicates out of `kwargs`, with Keras' warnings, and return today's class mode."""
    for name, message in RETIRED.items():
        if name in kwargs:
            del kwargs[name]
            warnings.warn(f"{name} is deprecated, {message}", DeprecationWarning, stacklevel=3)
    if not is_one_of(class_mode, ("other",)):
        return class_mode
    message = '`class_mode="other"` is deprecated, please use `class_mode="raw"`.'
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    return "raw"


class DataFrameIterator(FileIterator):
    """Batches of the image files that a column of a pandas DataFrame names: x, (x, y) or (x, y, weights).

    Size, colours, on_error and max_skipped are those of `DirectoryIterator`.

    filenames: column x_col of the rows that are used.

    Args:
        dataframe: not changed.
        directory: what the names are below; None where they are whole paths.
        x_col: the column of file names, strings.
        y_col: the column of labels, or a list of columns for "raw" and "multi_output".
        weight_col: a numeric column, sample weights.
        classes: the labels to use, numbered in this order; rows with others are left out. By default all, sorted.
        class_mode: "categorical" y (n, classes), one-hot; a label may be a list or tuple of several. "binary" and
            "sparse" y (n,), class numbers. "raw" the values of y_col. "multi_output" a list of one array per column of
            y_col. "input" a copy of x; None no y.
        subset: "validation" is the first validation_split of the rows that are left, not augmented; "training" the
            rest. A `groups.csv` in the folder of a file or up to two above it is honoured as in `DirectoryIterator`.
        validate_filenames: leave out rows whose file does not exist or has no image suffix.
        others: as in `DirectoryIterator`.

    Attributes:
        filepaths: with `directory`. samples, n: how many. class_indices: {label: number}.
        classes: a list of numbers, or of lists of them where labels are lists. Both only with "categorical", "binary"
            and "sparse".
        labels: classes, or the values of "raw" and "multi_output".
        sample_weight: (n,) or None. image_shape: of one image. skipped: {position: reason}.

    Raises:
        ImageTypeError: (a TypeError) names that are not strings, labels or weights of the wrong type.
        DataError: (a ValueError) an option that does not exist, "binary" without two classes, weights that are not
            finite.
        ColumnError: (a KeyError) no such column.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    @checked(Iterator.__init__, directory=rules.folder_or_none)
    def __init__(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        image_data_generator: Generator | None = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = "float32",
        validate_filenames: bool = True,
        on_error: str | None = None,
        max_skipped: float = 0.1,
        **kwargs: Any,
    ) -> None:
        self.compat = compat = None if image_data_generator is None else image_data_generator.compat
        self.image_data_generator = image_data_generator
        self._set_options(target_size, color_mode, interpolation, data_format, subset, class_mode)
        self.on_error = parse_on_error(on_error, compat, class_mode)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.keep_aspect_ratio, self.max_skipped = keep_aspect_ratio, max_skipped
        self.dtype = dtype
        self.directory = directory or ""

        columns.check_frame(dataframe)
        y_col = columns.several(y_col, dataframe)
        names, targets, weights = self._columns(dataframe, x_col, y_col, weight_col, classes)
        rows = np.arange(len(names))
        if validate_filenames:
            rows = self._existing(names, x_col)
        if class_mode in WITH_CLASSES:
            targets, known = _choose_labels(targets, rows, classes)
            rows = np.array([row for row in rows if targets[row] is not None], np.int64)
            self.class_indices = {label: number for number, label in enumerate(known)}
        left = len(rows)
        # Not pathlib: it would make another string of "./1.png" or "folder//1.png".
        paths = [os.path.join(self.directory, names[row]) for row in rows]  # noqa: PTH118
        (taken,) = subset_rows([paths], subset, self._options())
        if subset is not None:
            _say_of_split(class_mode, y_col, targets, rows, np.isin(np.arange(left), taken) == (subset == "validation"))
        rows = rows[taken]
        if class_mode in WITH_CLASSES:
            self.classes = [self._number(targets[row]) for row in rows]
        elif class_mode == "multi_output":
            self._targets = [
                columns.stacked([cells[row] for row in rows], name) for cells, name in zip(targets, y_col, strict=True)
            ]
        elif class_mode == "raw":
            self._targets = columns.numbers_in(targets[rows], y_col, compat)
        self.filenames = [names[row] for row in rows]
        self._sample_weight = None if weights is None else weights[rows]
        fix = "Use df[column].fillna(1)."
        check_inputs(f"weight_col={weight_col}", self._sample_weight, compat, self.filenames, fix)
        for values in self._targets if class_mode == "multi_output" else [self._targets] if class_mode == "raw" else []:
            check_targets(
                f"y_col={shown(y_col)}", values, self.filenames, "Leave these rows out: df.dropna(subset=[column])"
            )
        self.samples = len(self.filenames)
        self._filepaths = [paths[place] for place in taken]
        validated = "validated" if validate_filenames else "non-validated"
        belonging = f" belonging to {len(self.class_indices)} classes" if class_mode in WITH_CLASSES else ""
        say_found(f"Found {self.samples} {validated} image filenames{belonging}.")
        if self.samples == 0:
            self._warn_of_nothing(names, left, x_col)
        self._check_scale("flow_from_dataframe")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed, compat, **kwargs)

    @property
    def labels(self) -> Any:
        """`classes`, or what "raw" and "multi_output" hand out."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """(n,) the weights of the samples, or None."""
        return self._sample_weight

    def _columns(
        self, frame: Any, x_col: Any, y_col: Any, weight_col: Any, classes: Sequence[str] | None
    ) -> tuple[list[str], Any, np.ndarray | None]:
        """File names, what the class mode needs of y_col, and the weights, checked."""
        class_mode, compat = self.class_mode, self.compat
        if class_mode == "multi_output" and not isinstance(y_col, list):
            raise ImageTypeError(
                f'If class_mode="{class_mode}", y_col must be a list. Received {type(y_col).__name__}: '
                f"pass y_col=[{shown(y_col)}]."
            )
        names = columns.column(frame, "x_col", x_col).tolist()
        _check_types(names, (str,), f"All values in column x_col={x_col} must be strings.")
        targets: Any = None
        if class_mode in WITH_CLASSES:
            targets = _labels(frame, y_col, class_mode, classes)
        elif class_mode == "multi_output":
            targets = [columns.column(frame, "y_col", name).tolist() for name in y_col]
        elif class_mode == "raw" and isinstance(y_col, list):
            for name in y_col:
                columns.column(frame, "y_col", name, compat)
            targets = frame[y_col].to_numpy()
        elif class_mode == "raw":
            targets = np.asarray(columns.column(frame, "y_col", y_col, compat))
        if classes and class_mode not in WITH_CLASSES:
            warn(f'`classes` will be ignored given the class_mode="{class_mode}"')
        return names, targets, _weights(frame, weight_col) if weight_col else None

    def _number(self, label: Any) -> Any:
        """The number of a label, or a list of them."""
        if isinstance(label, (list, tuple)):
            return [self.class_indices[one] for one in label]
        return self.class_indices[label]

    def _existing(self, names: list[str], x_col: Any) -> np.ndarray:
        valid = [
            validate_filename(os.path.join(self.directory, name), self.white_list_formats)  # noqa: PTH118
            for name in names
        ]
        if not all(valid):
            first = names[valid.index(False)]
            warn(
                f'Found {valid.count(False)} invalid image filename(s) in x_col="{x_col}". These filename(s) will be '
                f"ignored. The first is {shown(first)}: {self._why_invalid(first, x_col)}"
            )
        return np.flatnonzero(valid)

    def _why_invalid(self, name: str, x_col: Any) -> str:
        missing = not Path(self.directory, name).is_file()
        why = why_missing(name, str(self.directory), x_col) if missing else ""
        if not name.lower().endswith(self.white_list_formats):
            why = f"wanted a name that ends in {', '.join(self.white_list_formats)}; {why}".removesuffix("; ")
        return why

    def _warn_of_nothing(self, names: list[str], left: int, x_col: Any) -> None:
        if left:
            reason = why_no_split(self.subset, self._options())
        elif not names:
            reason = "the dataframe has no rows."
        else:
            reason = f"none of its {len(names)} rows is left: look at {shown(x_col)}, directory= and classes=."
        warn(f"flow_from_dataframe: no images: {reason}")


def _labels(frame: Any, y_col: Any, class_mode: str | None, classes: Sequence[str] | None) -> list[Any]:
    if isinstance(y_col, list):
        use = f"y_col={shown(y_col[0])}." if len(y_col) == 1 else 'class_mode="raw" for several columns of numbers.'
        raise ImageTypeError(
            f'y_col: got {shown(y_col)}, wanted the name of one column for class_mode="{class_mode}". Use {use}'
        )
    cells = columns.column(frame, "y_col", y_col).tolist()
    labels = [cell.tolist() if getattr(cell, "ndim", 0) == 1 else cell for cell in cells]  # a label may be several
    if class_mode == "categorical":
        types, wanted = (str, list, tuple), "type string, list or tuple"
    else:
        types, wanted = (str,), "strings"
    _check_types(labels, types, f'If class_mode="{class_mode}", y_col="{y_col}" column values must be {wanted}.')
    columns.warn_of_listed(labels, y_col)
    found = len(set(classes)) if classes else len(set(labels)) if class_mode == "binary" else 2
    if class_mode == "binary" and found != 2:
        got = f"{found} class/es were given." if classes else f"Found {found} classes."
        raise DataError(f'If class_mode="binary" there must be 2 classes. {got}')
    return labels


def _check_types(values: list[Any], types: tuple[type, ...], message: str) -> None:
    for row, value in enumerate(values):
        if not isinstance(value, types):
            raise ImageTypeError(f"{message} {columns.why_wrong(values, row)}")


def _weights(frame: Any, weight_col: Any) -> np.ndarray:
    column = columns.column(frame, "weight_col", weight_col)
    if not issubclass(column.dtype.type, np.number):
        raise ImageTypeError(
            f"Column weight_col={weight_col} must be numeric. Its dtype is {column.dtype}: use "
            "df[column].astype('float32')."
        )
    weights = column.to_numpy()
    # pandas' own kinds of numbers have a mark for missing ones, which NumPy holds as an object.
    return column.to_numpy("float64", na_value=np.nan) if weights.dtype == object else weights


def _say_of_split(class_mode: str | None, y_col: Any, targets: Any, rows: np.ndarray, held: np.ndarray) -> None:
    """Warn where a class has rows on one side of the split only. held: those of the validation subset."""
    columns: list[tuple[Any, list[str]]] = []
    if class_mode in WITH_CLASSES:
        columns = [classes_of_lists([targets[row] for row in rows])]
    elif class_mode == "raw":
        columns = [(classes_of(targets[rows]), y_col if isinstance(y_col, list) else [])]
    elif class_mode == "multi_output":
        columns = [(classes_of([column[row] for row in rows]), []) for column in targets]
    for classes, names in columns:
        said = "" if classes is None else in_one_part(classes, held, names)
        if said:
            warn(
                f"validation_split: {said}: the validation subset is the first {held.sum()} of {len(held)} rows. "
                "Shuffle the rows first: dataframe.sample(frac=1, random_state=0)"
            )


def _choose_labels(labels: list[Any], rows: np.ndarray, classes: Sequence[str] | None) -> tuple[list[Any], list[str]]:
    """The labels with those that are not wanted taken out, None where none is left, and the classes in order."""
    if not classes:
        several = (label if isinstance(label, (list, tuple)) else (label,) for label in (labels[row] for row in rows))
        found = {one for label in several for one in label}
        try:
            return labels, sorted(found)
        except TypeError:
            raise ImageTypeError(
                f"y_col: got labels of different types in lists: {shown(list(found))}. Use texts only."
            ) from None
    known = list(dict.fromkeys(classes))

    def wanted(label: Any) -> Any:
        if isinstance(label, (list, tuple)):
            return [one for one in label if one in known] or None
        return label if label in known else None

    return [wanted(label) for label in labels], known
