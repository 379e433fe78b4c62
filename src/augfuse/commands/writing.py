"""What the commands that write data sets share: two steps, check and write, and the message of each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, refuse, refuse_error
from augfuse.errors import AugfuseError, DataError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.data.export.copy_files import Copying, Written
    from augfuse.outputs import Output

T = TypeVar("T")
U = TypeVar("U")

To: TypeAlias = Literal["folder", "npz", "tfrecord", "coco", "yolo", "voc"]
_ENDINGS: dict[str, To] = {".npz": "npz", ".tfrecord": "tfrecord", ".tfrecords": "tfrecord"}
_FILES = ("npz", "tfrecord")


def in_two_steps(
    src: Path,
    dst: Path,
    prepare: Callable[[], T],
    write: Callable[[T], U],
    tell: Callable[[T, U], None],
    too_large: str,
) -> int:
    """The exit code of a command that reads `src` and writes `dst`: `prepare` checks everything that can be checked
    before anything is written, `write` writes, `tell` says what was written. too_large: what to type where it does not
    fit into memory."""
    try:
        prepared = prepare()
    except AugfuseError as error:
        return refuse_error(error, USAGE, src)
    try:
        with interrupts.telling(f"{dst} was not written"):
            written = write(prepared)
        interrupts.finish()
    except (AugfuseError, OSError) as error:
        return refuse_error(error, FAILED, src, dst)
    except MemoryError as error:
        return refuse(f"{dst}: does not fit into memory ({error}). {too_large}", FAILED)
    tell(prepared, written)
    return OK


def form_of(dst: Path, to: To | None) -> To:
    """What to write: as `to` says, else by the ending of DST. DataError where the two differ."""
    by_name = _ENDINGS.get(dst.suffix.lower(), "folder")
    if to is None or to == by_name:
        return by_name
    if to in _FILES:
        endings = " or ".join(ending for ending, form in _ENDINGS.items() if form == to)
        raise DataError(f"--to {to}: got DST {dst}, wanted a name that ends in {endings}.")
    if by_name in _FILES:
        raise DataError(f"--to {to}: got DST {dst}, wanted the name of a folder.")
    return to


def opened(
    src: Path, form: To, command: str, color: Any, exclude: Path | None, columns: list[str] | None
) -> dict[str | None, DataSet]:
    """The parts of SRC. Raises DataError if they lack what the form needs."""
    from augfuse.data.export.formats import check_form
    from augfuse.data.open import open_parts, require_classes

    found = open_parts(src, color, exclude, columns)
    if form in ("folder", "npz"):
        hint = "Type --to coco, yolo or voc, or a DST that ends in .tfrecord."
        require_classes(found.parts.values(), src, command, hint)
    elif form != "tfrecord":
        check_form(form, found.parts, src)
    return found.parts


@contextmanager
def progress(parts: Mapping[str | None, DataSet], dst: Path) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere: a function that takes the number of samples done."""
    with terminal.bar(dst.name, sum(map(len, parts.values()))) as update:
        yield lambda done: update(advance=done)


def outputs_of(dst: Path, parts: list[str | None], form: To, writer: str) -> dict[str | None, Output]:
    """What will be written, by part; one thing for all of them but for TFRecord files."""
    from augfuse.data.export.copy_files import copies_state
    from augfuse.data.tfrecord.writer import tfrecord_state
    from augfuse.outputs import Output

    if form != "tfrecord":
        return {None: Output("DST", dst, writer, copies_state, folder=form != "npz", kept=True)}
    names = {part: dst if part is None else dst.with_name(f"{dst.stem}-{part}{dst.suffix}") for part in parts}
    return {part: Output("DST", name, writer, tfrecord_state, kept=True) for part, name in names.items()}


def check_outputs(outputs: Mapping[str | None, Output], src: Path, overwrite: bool) -> None:
    """DataError where one of them must not be written."""
    from augfuse.outputs import check

    for output in outputs.values():
        check(output, (src,), overwrite)


def write_parts(
    form: To,
    parts: Mapping[str | None, DataSet],
    outputs: Mapping[str | None, Output],
    dst: Path,
    copying: Copying,
    check: Callable[[], None],
    *,
    kind: str = "png",
    packed: bool = False,
) -> Written | None:
    """Write the parts to DST; of class folders and .npz files `copying` says which copies too, and what was written is
    returned. check: called once all is written, of TFRecord files the first one, for somebody else may have written
    there since. kind: of the images in class folders. packed: gzip, of TFRecord files."""
    from augfuse.data.export.copy_files import sign, write_folder, write_npz
    from augfuse.data.export.formats import write_form
    from augfuse.files import replacing
    from augfuse.threads import cpu_count

    threads = cpu_count() if copying.workers is None else max(1, copying.workers)
    if form == "tfrecord":
        return _write_records(parts, outputs, threads, check, packed)
    if form in ("folder", "npz"):
        _tell_losses(parts, form, dst)
    with progress(parts, dst) as advance, replacing(dst, folder=form != "npz") as new:
        written = None
        if form == "npz":
            written = write_npz(parts, copying, new, advance)
        elif form == "folder":
            written = write_folder(parts, copying, kind, new, advance)
        else:
            write_form(form, parts, new, dst, threads, advance)
            sign(new, copying)
        check()
        return written


def _tell_losses(parts: Mapping[str | None, DataSet], form: To, dst: Path) -> None:
    """Say what class folders and .npz files do not hold of these data sets, and what does."""
    from augfuse.data.export.losses import Losses

    losses = Losses("class folders" if form == "folder" else "an .npz file", several=form == "folder")
    for data in parts.values():
        losses.begin(data, (), of_images=True)
    boxes = all({"boxes", "box_labels"} <= set(data.table.targets) for data in parts.values())
    losses.report(dst, f" Type {'--to coco, yolo or voc, or ' if boxes else ''}a DST that ends in .tfrecord.")


def _write_records(
    parts: Mapping[str | None, DataSet],
    outputs: Mapping[str | None, Output],
    threads: int,
    check: Callable[[], None],
    packed: bool,
) -> None:
    """A TFRecord file for each part."""
    from augfuse.data.tfrecord.writer import write_tfrecord
    from augfuse.files import replacing

    with progress(parts, next(iter(outputs.values())).target) as advance:
        for part, data in parts.items():
            with replacing(outputs[part].target) as new:
                with new.open("wb") as file:
                    write_tfrecord(data, file, advance, packed=packed, threads=threads)
                if part == next(iter(parts)):
                    check()
