"""Print findings in a terminal, and write the quarantine list."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from augfuse.data.layouts.exclude import write_list
from augfuse.doctor.codes import CODES, SEVERITIES
from augfuse.doctor.explanations import EXPLANATIONS
from augfuse.doctor.findings import Finding, counted
from augfuse.doctor.result import Checkup
from augfuse.text import printable

_STYLES = {"error": "bold red", "warning": "yellow", "hint": "cyan"}


def show(checkup: Checkup, console: Console) -> None:
    """Print what was examined, a table of the findings, and the accuracy and loss of the model."""
    parts = [f"{count:,} {name}".strip() for name, count in checkup.parts.items()]
    classes = f", {counted(len(checkup.classes), 'class', 'classes')}" if checkup.classes else ", no classes"
    console.print(Text(printable(f"{checkup.data}: {' + '.join(parts)} images{classes}", console.encoding)))
    if checkup.findings:
        table = Table(show_lines=True, expand=False, title_justify="left")
        table.add_column("code", no_wrap=True)
        table.add_column("finding", overflow="fold")
        for found in checkup.findings:
            table.add_row(_code(found), _sentence(found, console))
        console.print(table)
    if checkup.trials:
        table = Table(title=Text(printable(checkup.model, console.encoding)), title_justify="left")
        table.add_column("preprocessing")
        table.add_column("accuracy", justify="right")
        table.add_column("loss", justify="right")
        for trial in checkup.trials:
            table.add_row(trial.way, f"{trial.accuracy:.3f}", f"{trial.loss:.3f}")
        console.print(table)
    console.print(Text(_summary(checkup)))


def show_code(code: str, console: Console) -> None:
    """Print what a code of CODES means, and what to do."""
    known, (meaning, cure) = CODES[code], EXPLANATIONS[code]
    title = Text.assemble((code, "bold"), " ", (known.severity, _STYLES[known.severity]), f": {known.title}")
    for paragraph in (title, "", meaning, "", f"What to do: {cure}"):
        console.print(paragraph, markup=False, highlight=False)


def quarantine_list(checkup: Checkup) -> str:
    """The text of a list that `augfuse train --exclude` and the sources take; comments say why a file is on it."""
    reasons: dict[str, list[str]] = {}
    for found in checkup.findings:
        for name in found.files:
            reasons.setdefault(name, []).append(f"{found.code} {found.title}")
    return write_list(reasons)


def _code(found: Finding) -> Text:
    return Text.assemble((found.code, "bold"), "\n", (found.severity, _STYLES[found.severity]))


def _sentence(found: Finding, console: Console) -> Text:
    lines = Text(printable(found.message, console.encoding))
    for example in found.examples:
        lines.append(f"\n  {printable(example, console.encoding)}", style="dim")
    if found.count > len(found.examples) > 0:
        lines.append(f"\n  ... {found.count:,} in all", style="dim")
    lines.append(f"\n{printable(found.advice, console.encoding)}", style="italic")
    return lines


def _summary(checkup: Checkup) -> str:
    if not checkup.findings:
        return "Nothing found."
    counts = [(sum(f.severity == severity for f in checkup.findings), severity) for severity in SEVERITIES]
    words = ", ".join(counted(count, severity) for count, severity in counts if count)
    return f"{words}. What a code means: augfuse doctor --explain {checkup.findings[0].code}"
