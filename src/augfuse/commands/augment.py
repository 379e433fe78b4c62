"""`augfuse augment`: write originals and augmented copies, with the groups that tie them together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from augfuse.commands import terminal
from augfuse.commands.shell import ColumnWords
from augfuse.commands.writing import To, check_outputs, form_of, in_two_steps, opened, outputs_of, write_parts
from augfuse.errors import DataError, DecodeError, RangeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.data.export.copy_files import Copying, Written
    from augfuse.outputs import Output
    from augfuse.recipe import Recipe

_MOST_COPIES, _MOST_IMAGES = 10_000, 10_000_000


def augment(
    src: Path,
    dst: Path,
    *,
    to: To | None = None,
    exclude: Path | None = None,
    columns: ColumnWords = None,
    copies: int = 1,
    recipe: Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    format: Literal["png", "jpg", "npz"] | None = None,
    color: Literal["rgb", "grayscale", "rgba"] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
) -> int:
    """Write the images of SRC and augmented copies of them to DST, with their labels.

    A file groups.csv (in an .npz file the array "group") ties each copy to its original: augfuse never puts one of them
    into training and the other into validation. Where SRC has parts, only its train part gets copies. A Normalize or
    ToFloat in the recipe is left for training.

    Parameters
    ----------
    src
        A folder or .zip of class folders, a folder of IDX files, a folder of NAME_train.zip and NAME_test.zip, a
        .csv, .tsv, .jsonl or .parquet table, an .npz file; a data set with boxes, masks, key points or
        polygons, which move with the pixels. What DST does not hold of them is counted in a warning.
    dst
        The folder to write, or a name that ends in .npz or .tfrecord.
    to
        What to write: folder (class folders), npz, tfrecord, coco, yolo or voc, as augfuse convert does. Default: by
        the ending of DST, else class folders.
    exclude
        Leave out the images on this list, which augfuse doctor SRC --quarantine LIST writes.
    columns
        Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also
        boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.
    copies
        Augmented copies of each image.
    recipe
        A recipe file, as recipe.to_yaml() writes it. Default: a mild one that suits the data.
    seed
        The same seed makes the same copies.
    workers
        Threads; 0 for none. Default: one for each core. They change no byte.
    format
        Of the images: png, jpg, or npz for one file of arrays. Default: npz where DST ends in .npz, else png. Image
        files that are not resized are kept as they are.
    color
        Convert image files: rgb, grayscale, rgba. Default: the channels that each file has.
    on_error
        What to do with a file that cannot be decoded: raise (stop, the default), or skip (and name it).
    overwrite
        Replace DST, if it was written by this command and is still as it was written.
    """

    def prepare() -> _Work:
        form = form_of(dst, to)
        kind = _format(dst, form, format)
        if form != "tfrecord":  # whose files are known once the parts are
            check_outputs(outputs_of(dst, [None], form, "augfuse augment"), src, overwrite)
        parts, copying = _prepare(src, form, exclude, columns, copies, recipe, seed, workers, color, on_error)
        work = _Work(form, parts, outputs_of(dst, list(parts), form, "augfuse augment"), copying, kind)
        if form == "tfrecord":
            check_outputs(work.outputs, src, overwrite)
        return work

    def write(work: _Work) -> Written:
        return _write(work, dst, partial(check_outputs, work.outputs, src, overwrite))

    def tell(work: _Work, written: Written) -> None:
        for name, why in written.skipped.items():
            terminal.warn(f"augfuse: skipped {why if why.startswith(name) else f'{name}: {why}'}")
        terminal.say(f"{dst}: {written.originals} originals and {written.copies} copies, seed {seed}")
        _say_what_is_left(work.copying.recipe)

    return in_two_steps(src, dst, prepare, write, tell, "Type fewer --copies, or a folder as DST.")


class _Work(NamedTuple):
    form: To
    parts: dict[str | None, DataSet]
    outputs: dict[str | None, Output]
    copying: Copying
    kind: str


def _format(dst: Path, form: To, format: str | None) -> str:
    if format is not None and (format == "npz") != (form == "npz"):
        wanted = "a name that ends in .npz" if format == "npz" else f"a folder for {format} files"
        raise DataError(f"DST {dst}: wanted {wanted}. Type another DST, or leave --format out.")
    return format or ("npz" if form == "npz" else "png")


def _prepare(
    src: Path, form: To, exclude: Path | None, columns: list[str] | None, copies: int, recipe: Path | None,
    seed: int, workers: int | None, color: Any, on_error: Any,
) -> tuple[dict[str | None, DataSet], Copying]:  # fmt: skip
    """Check everything that can be checked before anything is written."""
    from augfuse.data.export.augmented_copies import stored_form
    from augfuse.data.export.copy_files import Copying
    from augfuse.data.sources.augmented import check_one
    from augfuse.experiment.setup.run_recipe import read_recipe

    for name, value, least in (("copies", copies, 1), ("seed", seed, 0), ("workers", workers, 0)):
        if value is not None and value < least:
            raise RangeError(f"--{name}: got {value}, wanted {least} or more.")
    if copies > _MOST_COPIES:
        raise RangeError(f"--copies: got {copies}, wanted at most {_MOST_COPIES} of each image.")
    own = None if recipe is None else read_recipe(recipe)
    sources = opened(src, form, "augfuse augment", color, exclude, columns)
    if form not in ("folder", "npz") and on_error == "skip":
        raise DataError("--on-error skip: goes with class folders and .npz files. Leave images out with --exclude.")
    for source in sources.values():
        if source.copies is not None and source.copies.any():
            raise DataError(f"{src}: holds augmented copies already; augment the originals that they were made of.")
    images = sum(len(source) for part, source in sources.items() if part in (None, "train"))
    if copies * images > _MOST_IMAGES:
        raise RangeError(f"--copies: got {copies} for {images} images, wanted at most {_MOST_IMAGES} copies in all.")
    used = own or _default(sources, on_error)
    check_one(used, src)
    if stored_form(used).eval() == stored_form(used):
        raise DataError(f"{recipe}: has nothing random in it: each copy would equal its original.")
    return sources, Copying(recipe=used, copies=copies, seed=seed, workers=workers, on_error=on_error)


def _default(sources: dict[str | None, DataSet], on_error: str) -> Recipe:
    from augfuse.experiment.setup.run_recipe import default_recipe

    source = next(iter(sources.values()))
    for row in range(len(source)):
        try:
            return default_recipe(None, source[row].image.shape[2])
        except DecodeError:
            if on_error == "raise":
                raise
    raise DataError("none of the images can be read.")


def _write(work: _Work, dst: Path, check: Callable[[], None]) -> Written:
    from augfuse.data.export.copy_files import Written
    from augfuse.data.sources.augmented import with_copies

    form, parts, outputs, copying, kind = work
    if form in ("npz", "folder"):
        made = parts
    else:  # what `augfuse convert` would write of the originals and their copies
        made = {
            part: with_copies(data, copying.recipe, copying.copies, copying.seed, kind)
            if part in (None, "train")
            else data
            for part, data in parts.items()
        }
    originals = sum(map(len, parts.values()))
    written = write_parts(form, made, outputs, dst, copying, check, kind=kind)
    return written or Written(originals, sum(map(len, made.values())) - originals, {})


def _say_what_is_left(recipe: Recipe) -> None:
    from augfuse.data.export.augmented_copies import stored_form

    left = [type(t).__name__ for t in recipe.transforms if t not in stored_form(recipe).transforms]
    if left:
        terminal.say(
            f"{', '.join(left)} was left out of the stored pixels: put it into the recipe that you train with."
        )
