"""`augfuse doctor`: examine a data set, a recipe and a trained model, and print what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, ColumnWords, refuse, refuse_file
from augfuse.errors import AugfuseError, RangeError, did_you_mean
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.data.dataset import DataSet
    from augfuse.outputs import Output

_WRITER = "augfuse doctor"


def doctor(
    data: Path | None = None,
    *,
    columns: ColumnWords = None,
    explain: str | None = None,
    recipe: Path | None = None,
    model: Path | None = None,
    trust_model: bool = False,
    limit: int = 500,
    json: Annotated[str | None, Parameter(name="--json", allow_leading_hyphen=True)] = None,
    quarantine: Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
) -> int:
    """Find what is wrong with images, labels, a recipe or a trained model: before training, and after it.

    Looks for unreadable and odd files, duplicates and leaks between parts, classes out of balance or numbered
    differently, values on different scales. Tests which preprocessing a model needs. --explain AF202 says more about
    the code AF202. The exit code is 1 where an error or a warning was found, 0 with hints or nothing.

    Parameters
    ----------
    data
        A folder of class folders or of images, a .zip of class folders, a folder of IDX files, a .csv, .tsv, .jsonl or
        .parquet table, or an .npz file with x_train, y_train and perhaps x_val, y_val, x_test, y_test.
    columns
        Of a table: which column is what, where the names do not say it: image=path label=breed split=fold. Also
        boxes=x1,y1,x2,y2, root=FOLDER (of the images), and the other columns that af.from_dataframe takes.
    explain
        Print what a code means and what to do about it, and examine nothing.
    recipe
        A recipe file, as recipe.to_yaml() writes it: does it suit these images?
    model
        A .keras or .h5 file: which preprocessing was it trained with?
    trust_model
        Let the code run that the model file holds (a Lambda layer of a Python lambda, ...). Without it such a file is
        refused.
    limit
        Images of the held-out part that the model is asked about.
    json
        Write the findings as JSON to this file; "-" prints them instead of the table.
    quarantine
        Write the files to leave out (unreadable, copies, leaks) to this list, for augfuse train --exclude LIST and
        from_directory(path, exclude=LIST).
    workers
        Threads that read images. Default: all cores.
    overwrite
        Replace an earlier list that was changed by hand since. Files that are none of this command are never replaced.
    """
    from augfuse.doctor.console import quarantine_list, show
    from augfuse.doctor.examine import examine
    from augfuse.doctor.open_data import holds_rows
    from augfuse.files import write_text
    from augfuse.outputs import check

    if explain is not None:
        return _explain(explain.upper())
    try:
        if data is None:
            raise RangeError("DATA: got nothing, wanted a folder or a file. Type augfuse doctor path/to/photos.")
        outputs = _outputs(json, quarantine)
        for output in outputs:
            check(output, (data,), overwrite)
        if quarantine is not None and holds_rows(data):
            raise RangeError("--quarantine lists files, and the images of this data have none. --json names them.")
        with terminal.bar("looking at images") as update:
            checkup = examine(
                data if columns is None else _table(data, columns),
                recipe,
                model,
                trust_model=trust_model,
                limit=limit,
                workers=workers,
                progress=lambda done, total: update(completed=done, total=total),
            )
        for output in outputs:
            check(output, (data,), overwrite)
            text = quarantine_list(checkup) if output.name == "--quarantine" else checkup.to_json() + "\n"
            write_text(output.target, text)
        if outputs:
            interrupts.finish()
    except AugfuseError as error:
        return refuse(error, USAGE)
    except OSError as error:
        return refuse_file(error, data or Path())
    if json == "-":
        terminal.say(checkup.to_json())
    else:
        show(checkup, terminal.console())
        for written, what in ((quarantine, f"{len(checkup.quarantine)} files to leave out"), (json, "all findings")):
            if written is not None:
                terminal.say(f"{written}: {what}.")
    return OK if checkup.healthy else FAILED


def _outputs(json: str | None, quarantine: Path | None) -> list[Output]:
    """The files to write. Raises RangeError if two of them are the same."""
    from augfuse.data.layouts.exclude import list_state
    from augfuse.doctor.result import json_state
    from augfuse.outputs import Output

    found = [] if quarantine is None else [Output("--quarantine", quarantine, _WRITER, list_state)]
    if json not in (None, "-"):
        found.append(Output("--json", Path(str(json)), _WRITER, json_state))
    if len(found) > 1 and found[0].target.resolve() == found[1].target.resolve():
        raise RangeError(f"--quarantine and --json: got {quarantine} twice, wanted a file for each.")
    return found


def _explain(code: str) -> int:
    from augfuse.doctor.codes import CODES
    from augfuse.doctor.console import show_code

    if code not in CODES:
        return refuse(f"--explain: got {shown(code)}, wanted a code such as AF202.{did_you_mean(code, CODES)}", USAGE)
    show_code(code, terminal.console())
    return OK


def _table(path: Path, columns: list[str]) -> DataSet:
    """The table, its columns named. Of its parts any knows the others."""
    from augfuse.data.open import open_parts

    return next(iter(open_parts(path, None, None, columns).parts.values()))
