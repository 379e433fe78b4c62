"""CSV and JSON Lines files as tables, read without any other library."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from augfuse.algebra.values import is_dict
from augfuse.data.layouts.names import is_image
from augfuse.data.stores.image_files import existing_file
from augfuse.data.tables.read_table import Frame, make_frame, plain
from augfuse.errors import DataError
from augfuse.text import shown

_DELIMITERS = ",;\t|"


def read_csv(
    path: str | os.PathLike[str],
    delimiter: Any = None,
    encoding: str = "utf-8",
    header: Sequence[str] | None = None,
) -> Frame:
    """A table of a CSV file. Raises DataNotFoundError, DataError with the line; see `augfuse.from_csv`."""
    file = existing_file(path, "a CSV file")
    text = _decoded(file, encoding)
    if delimiter is None:
        delimiter = "\t" if file.suffix.lower() in (".tsv", ".tab") else _delimiter(text)
    elif not isinstance(delimiter, str) or len(delimiter) != 1:
        raise DataError(f"delimiter: got {shown(delimiter)}, wanted one character, such as ';'.")
    rows = _rows(file, text, delimiter)
    if header is None:
        first = next(rows, (0, list[str]()))[1]
        if any(is_image(cell) for cell in first):
            raise DataError(
                f"{file}: its first line names an image ({shown(next(filter(is_image, first)))}), wanted names of "
                "columns. Type header=['image', 'label', ...]."
            )
        names = [name.strip() for name in first]
    else:
        names = [str(name) for name in header]
    lines: list[int] = []
    found: list[str] = []  # row by row: a list for each row takes Python's garbage collector seconds
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(f"{file}, line {line}: got {len(row)} values, wanted {len(names)}: one for each column.")
        lines.append(line)
        found += row
    columns = [[cell.strip() or None for cell in found[i :: len(names)]] for i in range(len(names))]
    # pandas writes its index as a column without a name.
    kept = [i for i, name in enumerate(names) if name or i]
    return make_frame(
        str(file),
        [names[i] for i in kept],
        [columns[i] for i in kept],
        lambda row: f"{file}, line {lines[row]}",
        is_text=True,
    )


def read_jsonl(path: str | os.PathLike[str]) -> Frame:
    """A table of a JSON Lines file: an object in each line, whose keys are the columns. Raises DataNotFoundError,
    DataError with the line."""
    file = existing_file(path, "a JSON Lines file")
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    found: list[dict[str, Any]] = []
    lines: list[int] = []
    for line, text in enumerate(_decoded(file, "utf-8").split("\n"), 1):
        if not text.strip():
            continue
        try:
            held = decoder.decode(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {line}: not JSON ({error}). Wanted an object in each line.") from None
        if not is_dict(held):
            raise DataError(f"{file}, line {line}: got {shown(held)}, wanted an object, such as {{'image': '1.jpg'}}.")
        found.append(held)
        lines.append(line)
    names = list(dict.fromkeys(name for row in found for name in row))
    columns = [plain([row.get(name) for row in found]) for name in names]
    return make_frame(str(file), names, columns, lambda row: f"{file}, line {lines[row]}")


def _decoded(file: Path, encoding: str) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and encoding == "utf-8":
        encoding = "utf-16"
    try:
        return raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{file}, line {line}: byte {raw[error.start]:#04x} is not {encoding}. Save it as UTF-8, or, of a CSV "
            "file, type its encoding, such as encoding='cp1252'."
        ) from None
    except LookupError:
        raise DataError(f"encoding: got {shown(encoding)}, wanted a name such as 'utf-8' or 'cp1252'.") from None


def _delimiter(text: str) -> str:
    """The delimiter of the columns: the most likely one."""
    first = text.split("\n", 1)[0]
    return max(_DELIMITERS, key=lambda one: (first.count(one), one == ","))


def _rows(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{file}, line {line}: not comma-separated values ({error}).") from None
        if row is None:
            return
        if row:
            yield line, row
        line = reader.line_num + 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} is there twice")
    return found
