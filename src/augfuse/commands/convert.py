"""`augfuse convert`: a data set in another form, with nothing changed about its images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from augfuse.commands import terminal
from augfuse.commands.shell import ColumnWords
from augfuse.commands.writing import To, check_outputs, form_of, in_two_steps, opened, outputs_of, write_parts
from augfuse.errors import DataError, RangeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.data.export.copy_files import Copying
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
        from augfuse.data.export.copy_files import Copying
        from augfuse.recipe import Recipe

        if workers is not None and workers < 0:
            raise RangeError(f"--workers: got {workers}, wanted 0 or more.")
        form = form_of(dst, to)
        if gzip and form != "tfrecord":
            raise DataError(f"--gzip: packs TFRecord files, and DST {dst} is none. Leave it out.")
        parts = opened(src, form, "augfuse convert", color, exclude, columns)
        copying = Copying(recipe=Recipe([]), copies=0, workers=workers)
        work = _Work(form, parts, outputs_of(dst, list(parts), form, "augfuse convert"), copying)
        check_outputs(work.outputs, src, overwrite)
        return work

    def write(work: _Work) -> None:
        check = partial(check_outputs, work.outputs, src, overwrite)
        write_parts(work.form, work.parts, work.outputs, dst, work.copying, check, packed=gzip)

    def tell(work: _Work, _: None) -> None:
        for part, output in work.outputs.items():
            images = len(work.parts[part]) if part in work.parts else sum(map(len, work.parts.values()))
            terminal.say(f"{output.target}: {images} images")

    return in_two_steps(src, dst, prepare, write, tell, "Type a name that ends in .tfrecord.")


class _Work(NamedTuple):
    form: To
    parts: dict[str | None, DataSet]
    outputs: dict[str | None, Output]
    copying: Copying
