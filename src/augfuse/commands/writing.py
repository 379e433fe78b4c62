"""What the commands that write data sets share: two steps, check and write, and the message of each failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, refuse, refuse_file, refuse_image
from augfuse.errors import AugfuseError, DataError, DecodeError

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
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
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, USAGE)
    try:
        with interrupts.telling(f"{dst} was not written"):
            written = write(prepared)
    except DecodeError as error:
        return refuse_image(error, src)
    except AugfuseError as error:
        return refuse(error, FAILED)
    except OSError as error:
        return refuse_file(error, dst)
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


@contextmanager
def progress(parts: Mapping[str | None, DataSet], dst: Path) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere: a function that takes the number of samples done."""
    from rich.markup import escape
    from rich.progress import Progress

    from augfuse.text import printable

    console = terminal.console(error=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        total = sum(map(len, parts.values()))
        task = bar.add_task(escape(printable(dst.name, console.encoding)), total=total)
        yield lambda done: bar.advance(task, done)


def outputs_of(dst: Path, parts: list[str | None], form: To, writer: str) -> dict[str | None, Output]:
    """What will be written, by part; one thing for all of them but for TFRecord files."""
    from augfuse.data.export.copy_files import copies_state
    from augfuse.data.tfrecord.write import tfrecord_state
    from augfuse.outputs import Output

    if form != "tfrecord":
        return {None: Output("DST", dst, writer, copies_state, folder=form != "npz", kept=True)}
    names = {part: dst if part is None else dst.with_name(f"{dst.stem}-{part}{dst.suffix}") for part in parts}
    return {part: Output("DST", name, writer, tfrecord_state, kept=True) for part, name in names.items()}


def tell_losses(parts: Mapping[str | None, DataSet], form: To, dst: Path) -> None:
    """Say what class folders and .npz files do not hold of these data sets, and what does."""
    from augfuse.data.export.losses import Losses

    losses = Losses("class folders" if form == "folder" else "an .npz file", several=form == "folder")
    for data in parts.values():
        losses.begin(data, (), of_images=True)
    boxes = all({"boxes", "box_labels"} <= set(data.table.targets) for data in parts.values())
    losses.report(dst, f" Type {'--to coco, yolo or voc, or ' if boxes else ''}a DST that ends in .tfrecord.")


def write_records(
    parts: Mapping[str | None, DataSet],
    outputs: Mapping[str | None, Output],
    threads: int,
    check: Callable[[], None],
    *,
    packed: bool = False,
) -> None:
    """A TFRecord file for each part. check: called once the first one is written, for somebody else may have written
    there since."""
    from augfuse.data.tfrecord.write import write_tfrecord
    from augfuse.files import replacing

    with progress(parts, next(iter(outputs.values())).target) as advance:
        for part, data in parts.items():
            with replacing(outputs[part].target) as new:
                with new.open("wb") as file:
                    write_tfrecord(data, file, advance, packed=packed, threads=threads)
                if part == next(iter(parts)):
                    check()
