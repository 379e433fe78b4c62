"""`augfuse augment`: originals and augmented copies, written to disk with what ties them together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, refuse, refuse_file, refuse_image
from augfuse.errors import AugfuseError, DataError, DecodeError, RangeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.data.store import Copying, Written
    from augfuse.outputs import Output
    from augfuse.recipe import Recipe

_MOST_COPIES, _MOST_IMAGES = 10_000, 10_000_000


def augment(
    src: Path,
    dst: Path,
    *,
    exclude: Path | None = None,
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
        .csv, .tsv, .jsonl or .parquet table, or an .npz file.
    dst
        The folder to write, or a name that ends in .npz.
    exclude
        Leave out the images on this list, which augfuse doctor SRC --quarantine LIST writes.
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
    from augfuse.outputs import check

    try:
        kind = _format(dst, format)
        output = _output(dst, kind)
        check(output, (src,), overwrite)
        sources, copying = _prepare(src, exclude, copies, recipe, seed, workers, color, on_error)
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, USAGE)
    try:
        with interrupts.telling(f"{dst} was not written"):
            written = _write(sources, copying, kind, dst, lambda: check(output, (src,), overwrite))
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, FAILED)
    except OSError as error:
        return refuse_file(error, dst)
    except MemoryError as error:
        return refuse(f"{dst}: does not fit into memory ({error}). Type fewer --copies, or a folder as DST.", FAILED)
    for name, why in written.skipped.items():
        terminal.warn(f"augfuse: skipped {why if why.startswith(name) else f'{name}: {why}'}")
    terminal.say(f"{dst}: {written.originals} originals and {written.copies} copies, seed {seed}")
    _say_what_is_left(copying.recipe)
    return OK


def _format(dst: Path, format: str | None) -> str:
    is_file = dst.suffix.lower() == ".npz"
    if format is not None and (format == "npz") != is_file:
        wanted = "a name that ends in .npz" if format == "npz" else f"a folder for {format} files"
        raise DataError(f"DST {dst}: wanted {wanted}. Type another DST, or leave --format out.")
    return format or ("npz" if is_file else "png")


def _prepare(
    src: Path, exclude: Path | None, copies: int, recipe: Path | None, seed: int, workers: int | None, color: Any,
    on_error: Any,
) -> tuple[dict[str | None, DataSet], Copying]:  # fmt: skip
    """Check everything that can be checked before anything is written."""
    from augfuse.data.copies import stored_form
    from augfuse.data.open import open_parts, require_classes
    from augfuse.data.store import Copying
    from augfuse.train.recipes import read_recipe

    for name, value, least in (("copies", copies, 1), ("seed", seed, 0), ("workers", workers, 0)):
        if value is not None and value < least:
            raise RangeError(f"--{name}: got {value}, wanted {least} or more.")
    if copies > _MOST_COPIES:
        raise RangeError(f"--copies: got {copies}, wanted at most {_MOST_COPIES} of each image.")
    own = None if recipe is None else read_recipe(recipe)
    opened = open_parts(src, color, exclude)
    require_classes(opened, src, "augfuse augment")
    sources = opened.parts
    for source in sources.values():
        if source.copies is not None and source.copies.any():
            raise DataError(f"{src}: holds augmented copies already; augment the originals that they were made of.")
    images = sum(len(source) for part, source in sources.items() if part in (None, "train"))
    if copies * images > _MOST_IMAGES:
        raise RangeError(f"--copies: got {copies} for {images} images, wanted at most {_MOST_IMAGES} copies in all.")
    used = own or _default(sources, on_error)
    if stored_form(used).eval() == stored_form(used):
        raise DataError(f"{recipe}: has nothing random in it: each copy would equal its original.")
    return sources, Copying(recipe=used, copies=copies, seed=seed, workers=workers, on_error=on_error)


def _default(sources: dict[str | None, DataSet], on_error: str) -> Recipe:
    from augfuse.train.recipes import default_recipe

    source = next(iter(sources.values()))
    for row in range(len(source)):
        try:
            return default_recipe(None, source[row].image.shape[2])
        except DecodeError:
            if on_error == "raise":
                raise
    raise DataError("none of the images can be read.")


def _write(
    sources: dict[str | None, DataSet], copying: Copying, kind: str, dst: Path, check: Callable[[], None]
) -> Written:
    from rich.markup import escape
    from rich.progress import Progress

    from augfuse.data.store import write_folder, write_npz
    from augfuse.files import replacing
    from augfuse.text import printable

    console = terminal.console(error=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    with bar, replacing(dst, folder=kind != "npz") as new:
        task = bar.add_task(escape(printable(dst.name, console.encoding)), total=sum(map(len, sources.values())))
        if kind == "npz":
            written = write_npz(sources, copying, new, lambda n: bar.advance(task, n))
        else:
            written = write_folder(sources, copying, kind, new, lambda n: bar.advance(task, n))
        check()  # somebody else may have written there since
        return written


def _output(dst: Path, kind: str) -> Output:
    from augfuse.data.store import copies_state
    from augfuse.outputs import Output

    return Output("DST", dst, "augfuse augment", copies_state, folder=kind != "npz", kept=True)


def _say_what_is_left(recipe: Recipe) -> None:
    from augfuse.data.copies import stored_form

    left = [type(t).__name__ for t in recipe.transforms if t not in stored_form(recipe).transforms]
    if left:
        terminal.say(
            f"{', '.join(left)} was left out of the stored pixels: put it into the recipe that you train with."
        )
