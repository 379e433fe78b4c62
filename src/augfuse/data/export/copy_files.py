"""Originals and augmented copies as files: class folders with their `groups.csv`, or one .npz file.

What is written appears under its name only when it is whole.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from augfuse.data.batches.prefetch import thread_count
from augfuse.data.batches.reader import Reader
from augfuse.data.codecs.encode import encoded
from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import sniff
from augfuse.data.export.augmented_copies import augmented, collect, stored_form
from augfuse.data.layouts.classes import MANIFEST
from augfuse.data.layouts.manifest import Entry, write_manifest
from augfuse.errors import DataError
from augfuse.outputs import State, begins, is_empty
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.threads import mapped
from augfuse.warn_once import warn

RECIPE = "recipe.yaml"
# How the recipe file of a written folder begins, and its last line: which files there are, so that a folder with others
# in it, or changed ones, is never replaced.
_FIRST_WORDS = "# copies of each training image: "
_CHECKSUM = "# Checksum of this file and of the names and sizes of the others: "
_JUNK = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # that file managers leave
NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]')
# The name of files that had none.
SUFFIX_OF = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif"}
# The part that gets copies: that of training, or a data set without parts.
_TRAINING = ("train", None)


class Copying(msgspec.Struct, frozen=True, kw_only=True):
    """What to make: `copies` augmented copies of each training image, keyed by `seed`; other parts get none."""

    recipe: Recipe
    copies: int = 1
    seed: int = 0
    workers: int | None = None
    on_error: Literal["raise", "skip"] = "raise"


class Written(NamedTuple):
    """How many images were written, and what was skipped: path or position -> why."""

    originals: int
    copies: int
    skipped: dict[str, str]


Progress = Callable[[int], None]


def write_npz(sources: Mapping[str | None, DataSet], copying: Copying, path: Path, progress: Progress) -> Written:
    """Arrays x, y, group, copy (0 for originals) and classes; x_train, x_val, ... where the data has parts.

    Each image is followed by its copies. progress: called with the number of originals done. An AugfuseWarning says so
    where augfuse's own commands do not take such images from an .npz file.
    """
    arrays: dict[str, np.ndarray] = {}
    originals = copied = 0
    skipped: dict[str, str] = {}
    for part, source in sources.items():
        copies = copying.copies if part in _TRAINING else 0
        reader = Reader(source, copying.on_error, 1.0, copying.recipe)
        x, y, group = collect(source, reader, copying.recipe, copies, copying.seed, copying.workers)
        count = len(x) // (copies + 1)
        end = "" if part is None else f"_{part}"
        _warn_of_kind(f"x{end}", x)
        assert y is not None  # data sets under a path have labels
        arrays |= {f"x{end}": x, f"y{end}": y, f"group{end}": group}
        arrays[f"copy{end}"] = np.tile(np.arange(copies + 1, dtype=np.uint16), count)
        originals, copied = originals + count, copied + count * copies
        skipped |= _named(source, reader)
        progress(len(source))
    arrays["classes"] = np.array(next(iter(sources.values())).classes)
    arrays["recipe"] = np.array(_described(copying))
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return Written(originals, copied, skipped)


def _warn_of_kind(key: str, x: np.ndarray) -> None:
    if x.dtype == np.uint8 and x.shape[3] in (1, 3):
        return
    if x.dtype == np.uint8:
        hint = "Type --color rgb, or a folder as DST."
    else:
        hint = "Type a folder as DST." if x.dtype == np.uint16 else "Read it with np.load and af.from_arrays."
    warn(
        f"{key} holds {x.dtype} images of shape {x.shape[1:]}; of an .npz file augfuse train, preview and doctor take "
        f"uint8 images of 1 or 3 channels. {hint}"
    )


def write_folder(
    sources: Mapping[str | None, DataSet], copying: Copying, format: str, folder: Path, progress: Progress
) -> Written:
    """Class folders of NAME.png, NAME~1.png, ..., below the folder of their part where the data has parts.

    Image files whose pixels the recipe's evaluation form leaves as they are, are copied byte for byte.
    """
    for part, source in sources.items():
        if source.groups is not None or (copying.copies and part in _TRAINING):
            _check_listed(_original_names(source))
    done = [
        _write_part(
            source, copying, copying.copies if part in _TRAINING else 0, format, folder / (part or ""), progress
        )
        for part, source in sources.items()
    ]
    skipped = {name: why for written in done for name, why in written.skipped.items()}
    sign(folder, copying)
    return Written(sum(w.originals for w in done), sum(w.copies for w in done), skipped)


def _write_part(
    source: DataSet, copying: Copying, copies: int, format: str, folder: Path, progress: Progress
) -> Written:
    reader = Reader(source, copying.on_error, 1.0, copying.recipe)
    as_they_are = source.store.keeps_files and not stored_form(copying.recipe).eval().transforms
    names = _file_names(_original_names(source), copies, format, as_they_are)
    for parent in {Path(name).parent for row in names for name in row}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    entries: dict[int, list[Entry]] = {}

    def save(task: tuple[int, int, np.ndarray]) -> None:
        row, version, image = task
        name = names[row][version]
        raw = source.raw(row) if version == 0 and as_they_are else encoded(image, format, name)
        (folder / name).write_bytes(raw)

    for block in augmented(source, reader, copying.recipe, copies, copying.seed, copying.workers):
        rows: list[int] = block.rows.tolist()
        tasks = ((row, v, images[i]) for v, images in enumerate(block.versions) for i, row in enumerate(rows))
        for _ in mapped(save, tasks, thread_count(copying.workers), "write"):
            pass
        for row in rows:
            group = names[row][0] if source.groups is None else str(source.groups[row])
            entries[row] = [Entry(name, group, v) for v, name in enumerate(names[row])]
        progress(len(rows))
    if copies or source.groups is not None:
        text = write_manifest(entry for row in sorted(entries) for entry in entries[row])
        (folder / MANIFEST).write_text(text, encoding="utf-8", newline="")
    return Written(len(entries), len(entries) * copies, _named(source, reader))


def _named(source: DataSet, reader: Reader) -> dict[str, str]:
    """What was skipped, by name."""
    return {f"sample {row}" if source.paths is None else source.paths[row]: why for row, why in reader.skipped.items()}


def _described(copying: Copying) -> str:
    """The recipe file that goes with the images."""
    recipe = stored_form(copying.recipe).to_yaml()
    return f"{_FIRST_WORDS}{copying.copies}, seed: {copying.seed}\n{recipe}"


def sign(folder: Path, copying: Copying) -> None:
    """Write the recipe file into a folder that is complete, by which `copies_state` knows it again."""
    described = _described(copying)
    (folder / RECIPE).write_text(f"{described}{_CHECKSUM}{_digest(folder, described)}\n", encoding="utf-8")


def copies_state(path: Path) -> State:
    """Whether a folder or an .npz file was written by `augfuse augment`, and a folder still as it was written."""
    if path.is_dir():
        recipe = path / RECIPE
        if not begins(recipe, _FIRST_WORDS.encode()):
            return State.OURS if is_empty(path) else State.FOREIGN
        described, _, digest = recipe.read_text(encoding="utf-8", errors="replace").rpartition(_CHECKSUM)
        return State.OURS if digest == f"{_digest(path, described)}\n" else State.CHANGED
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.split(".")[0].split("_")[0] for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return State.OURS if is_empty(path) else State.FOREIGN
    return State.OURS if names == {"x", "y", "group", "copy", "classes", "recipe"} else State.FOREIGN


def _digest(folder: Path, described: str) -> str:
    """16 hex digits of the text of its recipe file, and of the names and sizes of all other files in a folder but what
    file managers leave."""
    found = [described]
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            if name not in _JUNK and path != folder / RECIPE:
                kind = path.lstat()
                found.append(f"{path.relative_to(folder).as_posix()}\0{kind.st_size if name in names else '/'}\0")
    return blake2b("".join(sorted(found)).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


# --- names ------------------------------------------------------------------------------------------------------------


def _original_names(source: DataSet) -> list[str]:
    """cat/1.jpg for files in class folders, cat/00001 for others: relative, with "/"; with the suffix of its kind where
    it is a file."""
    folder, paths = source.store.folder, source.paths
    if folder is not None and paths is not None:
        return [path[len(folder) + 1 :].replace(os.sep, "/") for path in paths]
    assert source.labels is not None and source.classes is not None  # as data sets under a path have them
    width = len(str(len(source) - 1))
    folders = _folder_names(source.classes)
    names = [f"{folders[label]}/{row:0{width}}" for row, label in enumerate(source.labels.tolist())]
    if not source.store.keeps_files:
        return names
    return [f"{name}{SUFFIX_OF.get(sniff(source.raw(row)).format, '.img')}" for row, name in enumerate(names)]


def _folder_names(classes: Sequence[str]) -> list[str]:
    """Folders that sort like the classes are numbered, wherever their names allow it: 00, 01, ... 10 for numbers."""
    if all(name.isdecimal() for name in classes):
        width = max(map(len, classes))
        return [name.zfill(width) for name in classes]
    names = [NOT_IN_NAMES.sub("-", name).strip(". ") for name in classes]
    for name, wanted in zip(names, classes, strict=True):
        if not name or names.count(name) > 1:
            raise DataError(
                f"class {shown(wanted)} gets a folder name ({shown(name)}) that is empty or that another class has. "
                "Write an .npz file instead."
            )
    return names


def _check_listed(names: Sequence[str]) -> None:
    """Raises DataError for a name that is not UTF-8, before anything is computed: a table in UTF-8 cannot hold it."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                f"{name!a}: the name is not UTF-8, and {MANIFEST} is. Rename the file or folder, or type a DST that "
                "ends in .npz, which holds no file names."
            ) from None


def _file_names(originals: Sequence[str], copies: int, format: str, as_they_are: bool) -> list[list[str]]:
    """For each original its own name and those of its copies; no two alike, on systems that ignore case either."""
    stems = [_stem(name) for name in originals]
    shared = repeated(stems)
    stems = [name if stem.casefold() in shared else stem for name, stem in zip(originals, stems, strict=True)]
    names = [
        [name if as_they_are else f"{stem}.{format}", *(f"{stem}~{copy}.{format}" for copy in range(1, copies + 1))]
        for name, stem in zip(originals, stems, strict=True)
    ]
    twice = repeated(name for row in names for name in row)
    if twice:
        raise DataError(f"two images would be written to {min(twice)}. Give the original another name.")
    return names


def _stem(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{Path(file).stem}"


def repeated(names: Iterable[str]) -> set[str]:
    """Names that come more than once, in small letters."""
    counts = Counter(name.casefold() for name in names)
    return {name for name, count in counts.items() if count > 1}
