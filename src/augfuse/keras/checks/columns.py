"""The columns of a dataframe: which there are, and what is in their cells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from augfuse.errors import DataError, ImageTypeError, did_you_mean
from augfuse.keras.checks.inputs import is_number, out_of_objects
from augfuse.text import shown
from augfuse.warn_once import warn


@final
class ColumnError(DataError, KeyError):
    """A column that the frame does not have: what `KeyError` and `ValueError` both catch."""

    __str__ = Exception.__str__  # a KeyError shows its message in quotes


def check_frame(value: Any) -> None:
    """ImageTypeError for what is not a DataFrame of pandas."""
    if hasattr(value, "iloc") and hasattr(value, "columns"):
        return
    hint = ""
    if isinstance(value, (str, bytes, os.PathLike)):
        hint = f" Use pd.read_csv({shown(value)}, dtype=str), or flow_from_directory for a folder."
    elif hasattr(value, "to_pandas"):
        hint = " Use dataframe.to_pandas()."
    elif isinstance(value, (Mapping, list)):
        hint = " Use pd.DataFrame(...)."
    elif hasattr(value, "to_frame"):
        hint = " Use series.to_frame()."
    raise ImageTypeError(f"dataframe: got a {type(value).__name__}, wanted a pandas DataFrame.{hint}")


def column(frame: Any, argument: str, name: Any, compat: str | None = None) -> Any:
    """A column; ColumnError where no column has this name, DataError where there are several."""
    columns = list(frame.columns)
    try:
        known = name in set(columns)
    except TypeError:  # lists and arrays
        known = False
    if not known:
        raise ColumnError(
            f"{argument}: got {shown(name)}, wanted a column of the dataframe: {', '.join(map(shown, columns[:20]))}."
            f"{did_you_mean(str(name), map(str, columns))}"
        )
    found = frame[name]
    if found.ndim != 1 and compat != "strict":
        raise DataError(
            f"{argument}: got {shown(name)}, and {columns.count(name)} columns have this name. Keep the first: "
            "df.loc[:, ~df.columns.duplicated()]"
        )
    return found


def several(name: Any, frame: Any) -> Any:
    """y_col: a list where it is an array, an Index or a tuple of names; else as it is."""
    if getattr(name, "ndim", 0) == 1:
        return name.tolist()
    is_names = isinstance(name, tuple) and name not in list(frame.columns)
    return list(name) if is_names else name


def why_wrong(values: list[Any], row: int) -> str:
    """What a cell of the wrong type holds, and what to type."""
    value = values[row]
    got = f"Row {row} holds {shown(value)}, a {type(value).__name__}."
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return f"{got} Use df.dropna(subset=[column]) where values are missing."
    if isinstance(value, (set, frozenset)):
        return f"{got} For several labels a row use df[column].map(sorted)."
    if isinstance(value, (list, tuple, Mapping)) or hasattr(value, "__len__"):
        return f"{got} Take one label of it: df[column].str[0]."
    return f"{got} Use df[column].astype(str), and df.dropna(subset=[column]) where values are missing."


def warn_of_listed(labels: list[Any], name: Any) -> None:
    """Warn where texts are lists that were written to a CSV file."""
    texts = [label for label in labels if isinstance(label, str)]
    if texts and all(text[:1] + text[-1:] in ("[]", "()", "{}") for text in texts):
        warn(
            f"y_col={shown(name)}: the cells are texts that look like lists, the first is {shown(texts[0])}: each "
            "text counts as one label. For lists use df[column].map(ast.literal_eval)."
        )


def numbers_in(values: np.ndarray, name: Any, compat: str | None) -> np.ndarray:
    """What class_mode="raw" hands out: cells with arrays or lists of one shape stacked, objects that are numbers as
    numbers. What no model takes stays as it is, with a warning."""
    if values.dtype.kind not in "OUT":
        return values
    cells = values.ravel().tolist()
    warn_of_listed(cells, name)
    if all(isinstance(cell, str) for cell in cells):
        if cells and all(map(is_number, cells)):
            warn(
                f"y_col={shown(name)}: the cells are numbers as text, the first is {shown(cells[0])}, which no model "
                "takes. Use pd.to_numeric(df[column])."
            )
        return values
    found = out_of_objects(values)
    if found is None or found.dtype == object:
        warn(
            f"y_col={shown(name)}: the cells have different lengths, or no value, and no model takes them: the first "
            f"is {shown(cells[0])}. Pad lists to one length, and use df.dropna(subset=[column])."
        )
        return values
    if compat != "strict":
        return found
    if found.shape != values.shape:
        warn(
            f"y_col={shown(name)}: the cells hold arrays, and y is an array of objects as in Keras, which no model "
            'takes. Without compat="strict" it is stacked.'
        )
    return values


def stacked(cells: list[Any], name: Any) -> np.ndarray:
    """One output of class_mode="multi_output"."""
    try:
        return np.array(cells)
    except ValueError:
        raise DataError(
            f"y_col: the cells of {shown(name)} have different lengths, the first is {shown(cells[0])}. Pad them to "
            "one length."
        ) from None
