"""Originals and augmented copies as files: class folders with their `groups.csv`, or one .npz file.

What is written appears under its name only when it is whole.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from augfuse.data.classes import MANIFEST
from augfuse.data.copies import augmented, collect, stored_form
from augfuse.data.folder import FolderSource
from augfuse.data.manifest import Entry, write_manifest
from augfuse.data.read import Reader
from augfuse.errors import AugfuseWarning, DataError, ImageError
from augfuse.recipe import Recipe
from augfuse.text import shown

JPEG_QUALITY = 95
RECIPE = "recipe.yaml"
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]')
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


def write_npz(sources: Mapping[str | None, Any], copying: Copying, path: Path, progress: Progress) -> Written:
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
    warnings.warn(
        f"{key} holds {x.dtype} images of shape {x.shape[1:]}; of an .npz file augfuse train, preview and doctor take "
        f"uint8 images of 1 or 3 channels. {hint}",
        AugfuseWarning,
        stacklevel=3,
    )


def write_folder(
    sources: Mapping[str | None, Any], copying: Copying, format: str, folder: Path, progress: Progress
) -> Written:
    """Class folders of NAME.png, NAME~1.png, ..., below the folder of their part where the data has parts.

    Image files whose pixels the recipe's evaluation form leaves as they are, are copied byte for byte.
    """
    for part, source in sources.items():
        if source.groups is not None or (copying.copies and part in _TRAINING):
            _check_listed(_original_names(source))
    (folder / RECIPE).write_text(_described(copying), encoding="utf-8")
    done = [
        _write_part(
            source, copying, copying.copies if part in _TRAINING else 0, format, folder / (part or ""), progress
        )
        for part, source in sources.items()
    ]
    skipped = {name: why for written in done for name, why in written.skipped.items()}
    return Written(sum(w.originals for w in done), sum(w.copies for w in done), skipped)


def _write_part(source: Any, copying: Copying, copies: int, format: str, folder: Path, progress: Progress) -> Written:
    reader = Reader(source, copying.on_error, 1.0, copying.recipe)
    as_they_are = (
        isinstance(source, FolderSource) and source.color is None and not stored_form(copying.recipe).eval().transforms
    )
    names = _file_names(_original_names(source), copies, format, as_they_are)
    for parent in {Path(name).parent for row in names for name in row}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    entries: dict[int, list[Entry]] = {}

    def save(task: tuple[int, int, np.ndarray]) -> None:
        row, version, image = task
        name = names[row][version]
        raw = source.raw(row) if version == 0 and as_they_are else _encode(image, format, name)
        (folder / name).write_bytes(raw)

    for block in augmented(source, reader, copying.recipe, copies, copying.seed, copying.workers):
        rows = block.rows.tolist()
        tasks = ((row, v, images[i]) for v, images in enumerate(block.versions) for i, row in enumerate(rows))
        _in_threads(save, tasks, copying.workers)
        for row in rows:
            group = names[row][0] if source.groups is None else str(source.groups[row])
            entries[row] = [Entry(name, group, v) for v, name in enumerate(names[row])]
        progress(len(rows))
    if copies or source.groups is not None:
        text = write_manifest(entry for row in sorted(entries) for entry in entries[row])
        (folder / MANIFEST).write_text(text, encoding="utf-8", newline="")
    return Written(len(entries), len(entries) * copies, _named(source, reader))


def _in_threads(work: Callable[[Any], None], tasks: Iterable[Any], workers: int | None) -> None:
    if workers == 0:
        for task in tasks:
            work(task)
        return
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="augfuse-write")
    try:
        for _ in pool.map(work, tasks):
            pass
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C nothing more is begun


def _named(source: Any, reader: Reader) -> dict[str, str]:
    """What was skipped, by name."""
    return {f"sample {row}" if source.paths is None else source.paths[row]: why for row, why in reader.skipped.items()}


def _described(copying: Copying) -> str:
    """The recipe file that goes with the images."""
    recipe = stored_form(copying.recipe).to_yaml()
    return f"# copies of each training image: {copying.copies}, seed: {copying.seed}\n{recipe}"


# --- names ------------------------------------------------------------------------------------------------------------


def _original_names(source: Any) -> list[str]:
    """cat/1.jpg for files, cat/00001 for arrays: relative, with "/"."""
    if isinstance(source, FolderSource):
        start = len(source.folder) + 1
        return [path[start:].replace(os.sep, "/") for path in source.paths]
    width = len(str(len(source) - 1))
    folders = _folder_names(source.classes)
    return [f"{folders[label]}/{row:0{width}}" for row, label in enumerate(source.labels.tolist())]


def _folder_names(classes: Sequence[str]) -> list[str]:
    """Folders that sort like the classes are numbered, wherever their names allow it: 00, 01, ... 10 for numbers."""
    if all(name.isdecimal() for name in classes):
        width = max(map(len, classes))
        return [name.zfill(width) for name in classes]
    names = [_NOT_IN_NAMES.sub("-", name).strip(". ") for name in classes]
    for name, wanted in zip(names, classes, strict=True):
        if not name or names.count(name) > 1:
            raise DataError(
                f"class {shown(wanted)} makes no folder name of its own ({shown(name)}). Write an .npz file instead."
            )
    return names


def _check_listed(names: Sequence[str]) -> None:
    """Raises DataError for a name that is not UTF-8, before anything is computed: a table in UTF-8 cannot hold it."""
    for name in names:
        if not _is_utf8(name):
            raise DataError(
                f"{name!a}: the name is not UTF-8, and {MANIFEST} is. Rename the file or folder, or type a DST that "
                "ends in .npz, which holds no file names."
            )


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _file_names(originals: Sequence[str], copies: int, format: str, as_they_are: bool) -> list[list[str]]:
    """For each original its own name and those of its copies; no two alike, on systems that ignore case either."""
    stems = [_stem(name) for name in originals]
    shared = _repeated(stem.casefold() for stem in stems)
    stems = [name if stem.casefold() in shared else stem for name, stem in zip(originals, stems, strict=True)]
    names = [
        [name if as_they_are else f"{stem}.{format}", *(f"{stem}~{copy}.{format}" for copy in range(1, copies + 1))]
        for name, stem in zip(originals, stems, strict=True)
    ]
    twice = _repeated(name.casefold() for row in names for name in row)
    if twice:
        raise DataError(f"two images would be written to {min(twice)}. Give the original another name.")
    return names


def _stem(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{Path(file).stem}"


def _repeated(names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    twice: set[str] = set()
    for name in names:
        (twice if name in seen else seen).add(name)
    return twice


# --- files ------------------------------------------------------------------------------------------------------------


def _encode(image: np.ndarray, format: str, name: str) -> bytes:
    channels = image.shape[2]
    if format == "jpg":
        if image.dtype != np.uint8 or channels not in (1, 3):
            raise ImageError(f"{name}: a JPEG holds no {image.dtype} image of {channels} channels. Type --format png.")
        import simplejpeg

        space = "GRAY" if channels == 1 else "RGB"
        return simplejpeg.encode_jpeg(
            np.ascontiguousarray(image), quality=JPEG_QUALITY, colorspace=space, colorsubsampling="444"
        )
    if image.dtype not in (np.uint8, np.uint16) or channels not in (1, 3, 4):
        raise ImageError(f"{name}: a PNG holds no {image.dtype} image of {channels} channels. Write an .npz file.")
    import cv2

    if channels > 1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if channels == 3 else cv2.COLOR_RGBA2BGRA)
    return cv2.imencode(".png", image)[1].tobytes()


@contextmanager
def replacing(target: Path, overwrite: bool) -> Iterator[Path]:
    """A path to write a file or folder at; it becomes `target` when the block ends well, and is gone otherwise.

    overwrite: what is at `target` is removed at the end, after the new one is whole.
    Raises DataError where `target` exists, or is a folder that `augfuse augment` did not write.
    """
    check_target(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        new, old = staging / "new", staging / "old"
        yield new
        check_target(target, overwrite)
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_target(target: Path, overwrite: bool) -> None:
    """Raises DataError where `target` may not be written."""
    if not target.exists() and not target.is_symlink():
        return
    if not overwrite:
        raise DataError(f"{target}: exists already. Type another name, or --overwrite.")
    if target.is_dir() and any(target.iterdir()):
        manifests = [target / MANIFEST, target / "train" / MANIFEST]
        if not (target / RECIPE).is_file() or not any(path.is_file() for path in manifests):
            raise DataError(
                f"{target}: was not written by augfuse augment, and is not overwritten. Remove it yourself."
            )
