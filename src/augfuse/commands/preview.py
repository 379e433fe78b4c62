"""`augfuse preview`: a picture of what a recipe makes of the data, with what was drawn written under each image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_epoch, check_seed
from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import OK, USAGE, ColumnWords, parse_size, refuse_error
from augfuse.errors import AugfuseError, DataError, DataNotFoundError, DecodeError, RangeError
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.data.decoding.decode import Color
    from augfuse.recipe import Recipe

_WRITER = "augfuse preview"
_LARGEST_CELL, _MOST_PIXELS = 2048, 200_000_000


def preview(
    data: Path | None = None,
    *,
    exclude: Path | None = None,
    columns: ColumnWords = None,
    recipe: Path | None = None,
    out: Path = Path("preview.png"),
    images: int = 4,
    copies: int = 6,
    seed: int = 0,
    epoch: int = 0,
    index: str | None = None,
    compare: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative=())] = None,
    size: str | None = None,
    color: Literal["rgb", "grayscale", "rgba"] = "rgb",
    cell: int = 160,
) -> int:
    """Write a PNG of images through a recipe: each row one image, first as evaluation sees it, then augmented.

    Under each copy stands what was drawn for it. The columns are epochs: a Loader over this data with this recipe and
    seed makes exactly these pictures in these epochs.

    Parameters
    ----------
    data
        What `augfuse train` takes, of which the training part is shown where there are parts, or one image file.
        Without DATA: handwritten digits that come with scikit-learn.
    exclude
        Leave out the images on this list, which augfuse doctor DATA --quarantine LIST writes.
    columns
        Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also
        boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.
    recipe
        A recipe file, as recipe.to_yaml() writes it. Default: the mild one that `augfuse train` uses.
    out
        The picture, a .png file; an earlier one of this command is replaced, any other file is not.
    images
        How many images, spread evenly over the data.
    copies
        How many augmented copies of each: one for each epoch from --epoch on.
    seed
        The seed of the draws, 0 or more.
    epoch
        The epoch of the first copy.
    index
        Which images instead, by their positions in the data: 0,7,12.
    compare
        More recipe files: the same images at the same positions through each of them, one below the other.
    size
        Resize to N or HxW first, as `augfuse train --size` does.
    color
        How image files are read.
    cell
        Pixels that the longer side of an image takes in the picture.
    """
    from augfuse.display.pages import png_bytes, png_state
    from augfuse.files import write_bytes
    from augfuse.outputs import Output, check

    try:
        for name, value, least in (("images", images, 1), ("copies", copies, 1), ("cell", cell, 32)):
            whole(f"--{name}", value, least)
        if cell > _LARGEST_CELL:
            raise RangeError(f"--cell: got {cell}, wanted at most {_LARGEST_CELL} pixels.")
        check_seed(seed)
        check_epoch(epoch)
        if out.suffix.lower() != ".png" or out.is_dir():
            raise RangeError(f"--out: got {out}, wanted the name of a .png file, such as preview.png.")
        target = Output("--out", out, _WRITER, lambda path: png_state(path, _WRITER))
        check(target, () if data is None else (data,))
        height_width = None if size is None else parse_size(size)
        read = _read(([] if recipe is None else [recipe]) + (compare or []))

        from augfuse.commands import sheet  # the codecs and the kernels

        title, source = _open(data, color, exclude, columns)
        recipes = [(name, _resized(one, height_width)) for name, one in read]
        if recipe is None and len(recipes) < 2:
            recipes.insert(0, ("default recipe", _default(data, source, height_width)))
        positions = sheet.spread(len(source), images) if index is None else _positions(index, len(source))
        _check_page(len(positions) * len(recipes), copies, cell)
        rows = sheet.rows(source, recipes, positions, copies, seed, epoch)
        head = sheet.head(title, rows, [name for name, _ in recipes], seed)
        page = sheet.draw(head, rows, cell)
    except AugfuseError as error:
        return refuse_error(error, USAGE, data)
    try:
        check(target, () if data is None else (data,))
        write_bytes(out, png_bytes(page, _WRITER))
        interrupts.finish()
    except (AugfuseError, OSError) as error:
        return refuse_error(error, USAGE, data, out)
    for line in head:
        terminal.say(line)
    terminal.say(f"{out}: {page.shape[1]}x{page.shape[0]} pixels")
    return OK


def _check_page(rows: int, copies: int, cell: int) -> None:
    """Refuse a picture that is too large for memory or for image viewers."""
    pixels = rows * (copies + 1) * max(cell, 96) ** 2
    if pixels > _MOST_PIXELS:
        raise RangeError(
            f"{rows} rows of {copies + 1} pictures with --cell {cell}: about {pixels // 10**6} million pixels, wanted "
            f"at most {_MOST_PIXELS // 10**6} million. Take less of --images, --copies or --cell."
        )


def _positions(text: str, length: int) -> list[int]:
    try:
        positions = [int(part) for part in text.split(",")]
    except ValueError:
        positions = [-1]
    if not 0 <= min(positions) <= max(positions) < length:
        raise RangeError(f"--index: got {shown(text)}, wanted positions in the data, 0..{length - 1}, such as 0,7,12.")
    return positions


def _read(files: list[Path]) -> list[tuple[str, Recipe]]:
    """The recipes with the names of their files, with their folders if two have the same name."""
    from augfuse.experiment.setup.run_recipe import read_recipe

    names = [file.name for file in files]
    return [(str(f) if names.count(f.name) > 1 else f.name, read_recipe(f)) for f in files]


def _resized(recipe: Recipe, size: tuple[int, int] | None) -> Recipe:
    if size is None:
        return recipe
    import msgspec

    from augfuse.transforms import Resize

    return msgspec.structs.replace(recipe, transforms=(Resize(size), *recipe.transforms))


def _open(data: Path | None, color: Color, exclude: Path | None, columns: list[str] | None) -> tuple[str, DataSet]:
    """A title, and the source of the images: all of them, or the training part."""
    from augfuse.data.layouts.names import SUFFIXES
    from augfuse.data.open import open_parts
    from augfuse.experiment.setup.train_and_test import load_parts

    one_image = data is not None and data.suffix.lower() in SUFFIXES and not data.is_dir()
    if exclude is not None and (data is None or one_image):
        raise DataError(
            "--exclude: names images of class folders or archives. Type augfuse preview DATA --exclude LIST."
        )
    if columns is not None and (data is None or one_image):
        raise DataError("--columns: names columns of a table. Type augfuse preview TABLE --columns image=path.")
    if data is None:
        parts = load_parts(None)
        return f"{parts.title}, train part", parts.train
    if one_image:
        return data.name, _one_image(data, color)
    opened = open_parts(data, color, exclude, columns)
    part = "train" if "train" in opened.parts else next(iter(opened.parts))
    return opened.title + ("" if part is None else f", {part} part"), opened.parts[part]


def _one_image(path: Path, color: Color) -> DataSet:
    from augfuse.data.decoding.decode import decode
    from augfuse.data.sources.arrays import from_arrays

    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a regular file, wanted an image.")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataNotFoundError(f"{path}: no such file.") from None
    except OSError as error:
        raise DecodeError(f"the file cannot be read ({error.strerror}).", str(path)) from error
    return from_arrays(decode(raw, color=color, path=str(path))[None])


def _default(data: Path | None, source: DataSet, size: tuple[int, int] | None) -> Recipe:
    """The recipe that `augfuse train` uses by default."""
    from augfuse.experiment.setup.prepare import LARGEST_ARRAY
    from augfuse.experiment.setup.run_recipe import digits_recipe
    from augfuse.experiment.tasks import task_for

    if data is None:
        return _resized(digits_recipe(), size)
    shape, task = source[0].image.shape, task_for({"": source})
    if size is None and (source.paths is not None or max(shape[:2]) > LARGEST_ARRAY):
        size = task.photo_size  # files have no common size
    return task.recipe(size, shape[2])
