"""`augfuse convert`: a data set in another form, with nothing changed about its images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from augfuse.commands import terminal
from augfuse.commands.shell import ColumnWords
from augfuse.commands.writing import To, form_of, in_two_steps, outputs_of, progress, tell_losses, write_records
from augfuse.errors import DataError, RangeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.outputs import Output


def convert(
    src: Path,
    dst: Path,
    *,
    to: To | None = None,
    exclude: Path | None = None,
    columns: ColumnWords = None,
    color: Literal["rgb", "grayscale", "rgba"] | None = None,
    gzip: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
) -> int:
    """Write the data set SRC to DST in another form.

    Image files are kept as they are, byte for byte; images of arrays are written as PNG. Labels, names of classes and
    groups come along, and so do boxes, polygons, masks and key points where the form holds them; what it does not hold
    is counted in a warning.

    Parameters
    ----------
    src
        Class folders, with or without train / val / test folders above; a .zip or .tar of them; TFRecord or IDX files;
        a .csv, .tsv, .jsonl or .parquet table; an .npz file; COCO's .json, YOLO's data.yaml, a folder with Annotations
        and JPEGImages, or with images and masks.
    dst
        A name that ends in .tfrecord, for TFRecord files of tf.train.Example; where SRC has parts, each has a
        separate file: DST-train.tfrecord, DST-val.tfrecord. A name that ends in .npz, for arrays of images of one size.
        Any other name, for a folder. Created with the folders above it; it appears only when it is complete.
    to
        What to write: folder (class folders), npz, tfrecord, coco (DST/instances.json and images), yolo (DST/data.yaml,
        images and labels) or voc (Annotations and JPEGImages). Default: by the ending of DST, else class folders.
    exclude
        A list of images of SRC to leave out, as augfuse doctor --quarantine writes it.
    columns
        Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also
        boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.
    color
        Convert image files: rgb, grayscale, rgba; they are then written as PNG. Default: they are kept.
    gzip
        Pack TFRecord files with gzip. Readers then cannot jump to a record.
    workers
        Threads, all cores by default; 0 for none.
    overwrite
        Replace DST, if it was written by this command.
    """

    def prepare() -> _Work:
        from augfuse.threads import cpu_count

        if workers is not None and workers < 0:
            raise RangeError(f"--workers: got {workers}, wanted 0 or more.")
        form = form_of(dst, to)
        if gzip and form != "tfrecord":
            raise DataError(f"--gzip: packs TFRecord files, and DST {dst} is none. Leave it out.")
        parts = _opened(src, form, color, exclude, columns)
        threads = cpu_count() if workers is None else max(1, workers)
        work = _Work(form, parts, outputs_of(dst, list(parts), form, "augfuse convert"), threads, workers, gzip)
        check(work)
        return work

    def check(work: _Work) -> None:
        from augfuse.outputs import check

        for output in work.outputs.values():
            check(output, (src,), overwrite)

    def write(work: _Work) -> None:
        _write(work, dst, lambda: check(work))

    def tell(work: _Work, _: None) -> None:
        for part, output in work.outputs.items():
            images = len(work.parts[part]) if part in work.parts else sum(map(len, work.parts.values()))
            terminal.say(f"{output.target}: {images} images")

    return in_two_steps(src, dst, prepare, write, tell, "Type a name that ends in .tfrecord.")


class _Work(NamedTuple):
    form: To
    parts: dict[str | None, DataSet]
    outputs: dict[str | None, Output]
    threads: int
    workers: int | None
    gzip: bool


def _opened(
    src: Path,
    form: To,
    color: Literal["rgb", "grayscale", "rgba"] | None,
    exclude: Path | None,
    columns: Sequence[str] | None,
) -> dict[str | None, DataSet]:
    """The parts of SRC. Raises DataError if they lack what the form needs."""
    from augfuse.data.export.write import check_form
    from augfuse.data.open import open_parts, require_classes

    opened = open_parts(src, color, exclude, columns)
    if form in ("folder", "npz"):
        require_classes(opened, src, "augfuse convert", "Type --to coco, yolo or voc, or a DST that ends in .tfrecord.")
    elif form != "tfrecord":
        check_form(form, opened.parts, src)
    return opened.parts


def _write(work: _Work, dst: Path, check: Callable[[], None]) -> None:
    if work.form == "tfrecord":
        write_records(work.parts, work.outputs, work.threads, check, packed=work.gzip)
        return
    from augfuse.data.export.copy_files import Copying, sign, write_folder, write_npz
    from augfuse.data.export.write import write_form
    from augfuse.files import replacing
    from augfuse.recipe import Recipe

    copying = Copying(recipe=Recipe([]), copies=0, workers=work.workers)
    if work.form in ("folder", "npz"):
        tell_losses(work.parts, work.form, dst)
    with progress(work.parts, dst) as advance, replacing(dst, folder=work.form != "npz") as new:
        if work.form == "npz":
            write_npz(work.parts, copying, new, advance)
        elif work.form == "folder":
            write_folder(work.parts, copying, "png", new, advance)
        else:
            write_form(work.form, work.parts, new, dst, work.threads, advance)
            sign(new, copying)
        check()  # somebody else may have written there since
