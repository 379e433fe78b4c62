"""`augfuse convert`: a data set in another form, with nothing changed about its images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, refuse, refuse_file, refuse_image
from augfuse.errors import AugfuseError, DataError, DecodeError, RangeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.outputs import Output

_RECORDS = (".tfrecord", ".tfrecords")
_WRITER = "augfuse convert"


def convert(
    src: Path,
    dst: Path,
    *,
    exclude: Path | None = None,
    color: Literal["rgb", "grayscale", "rgba"] | None = None,
    gzip: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
) -> int:
    """Write the data set SRC to DST in another form.

    Image files are kept as they are, byte for byte; images of arrays are written as PNG. Labels, names of classes and
    groups come along.

    Parameters
    ----------
    src
        Class folders, with or without train / val / test folders above; a .zip or .tar of them; TFRecord or IDX files;
        a .csv, .tsv, .jsonl or .parquet table; or an .npz file.
    dst
        A name that ends in .tfrecord, for TFRecord files of tf.train.Example; where SRC has parts, each has a file of
        its own: DST-train.tfrecord, DST-val.tfrecord. A name that ends in .npz, for arrays of images of one size. Any
        other name, for class folders. Created with the folders above it; it appears only when it is complete.
    exclude
        A list of images of SRC to leave out, as augfuse doctor --quarantine writes it.
    color
        Convert image files: rgb, grayscale, rgba; they are then written as PNG. Default: they are kept.
    gzip
        Pack TFRecord files with gzip. Readers then cannot jump to a record.
    workers
        Threads, all cores by default; 0 for none.
    overwrite
        Replace DST, if it was written by this command.
    """
    from augfuse.outputs import check
    from augfuse.threads import cpu_count

    try:
        if workers is not None and workers < 0:
            raise RangeError(f"--workers: got {workers}, wanted 0 or more.")
        is_records = dst.suffix.lower() in _RECORDS
        if gzip and not is_records:
            raise DataError(f"--gzip: packs TFRecord files, and DST {dst} is none. Leave it out.")
        parts = _opened(src, color, exclude)
        outputs = _outputs(dst, list(parts), is_records)
        for output in outputs.values():
            check(output, (src,), overwrite)
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, USAGE)
    threads = cpu_count() if workers is None else workers

    def again() -> None:
        for output in outputs.values():
            check(output, (src,), overwrite)

    try:
        with interrupts.telling(f"{dst} was not written"):
            if is_records:
                _write_records(parts, outputs, threads, gzip, again)
            else:
                _write_other(parts, dst, workers, again)
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, FAILED)
    except OSError as error:
        return refuse_file(error, dst)
    except MemoryError as error:
        return refuse(f"{dst}: does not fit into memory ({error}). Type a name that ends in .tfrecord.", FAILED)
    for name, output in (outputs if is_records else {None: next(iter(outputs.values()))}).items():
        images = sum(map(len, parts.values())) if name is None else len(parts[name])
        terminal.say(f"{output.target}: {images} images")
    return OK


def _opened(
    src: Path, color: Literal["rgb", "grayscale", "rgba"] | None, exclude: Path | None
) -> dict[str | None, DataSet]:
    from augfuse.data.open import open_parts, require_classes

    opened = open_parts(src, color, exclude)
    require_classes(opened, src, "augfuse convert")
    return opened.parts


def _outputs(dst: Path, parts: list[str | None], is_records: bool) -> dict[str | None, Output]:
    """What will be written, by part; one thing for all of them but for TFRecord files."""
    from augfuse.data.store import copies_state
    from augfuse.data.tfrecord.write import tfrecord_state
    from augfuse.outputs import Output

    if not is_records:
        folder = dst.suffix.lower() != ".npz"
        return {None: Output("DST", dst, _WRITER, copies_state, folder=folder, kept=True)}
    return {
        part: Output(
            "DST",
            dst if part is None else dst.with_name(f"{dst.stem}-{part}{dst.suffix}"),
            _WRITER,
            tfrecord_state,
            kept=True,
        )
        for part in parts
    }


def _write_records(
    parts: dict[str | None, DataSet],
    outputs: dict[str | None, Output],
    threads: int,
    packed: bool,
    check: Callable[[], None],
) -> None:
    from augfuse.data.tfrecord.write import write_tfrecord
    from augfuse.files import replacing

    with _progress(parts, next(iter(outputs.values())).target) as advance:
        for part, data in parts.items():
            with replacing(outputs[part].target) as new:
                with new.open("wb") as file:
                    write_tfrecord(data, file, advance, packed=packed, threads=max(1, threads))
                if part == next(iter(parts)):
                    check()  # somebody else may have written there since


def _write_other(parts: dict[str | None, DataSet], dst: Path, workers: int | None, check: Callable[[], None]) -> None:
    from augfuse.data.store import Copying, write_folder, write_npz
    from augfuse.files import replacing
    from augfuse.recipe import Recipe

    copying = Copying(recipe=Recipe([]), copies=0, workers=workers)
    is_file = dst.suffix.lower() == ".npz"
    with _progress(parts, dst) as advance, replacing(dst, folder=not is_file) as new:
        if is_file:
            write_npz(parts, copying, new, advance)
        else:
            write_folder(parts, copying, "png", new, advance)
        check()


@contextmanager
def _progress(parts: dict[str | None, DataSet], dst: Path) -> Iterator[Callable[[int], None]]:
    from rich.markup import escape
    from rich.progress import Progress

    from augfuse.text import printable

    console = terminal.console(error=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        total = sum(map(len, parts.values()))
        task = bar.add_task(escape(printable(dst.name, console.encoding)), total=total)
        yield lambda done: bar.advance(task, done)
