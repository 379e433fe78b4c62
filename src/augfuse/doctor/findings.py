"""One finding, as a record: what was found, with numbers, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import msgspec

from augfuse.doctor.codes import CODES, Severity

EXAMPLES = 5


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding.

    severity: "error", "warning" or "hint". message: one sentence with numbers. count: how many images, classes or pairs
    it is about. examples: up to five of them, by name. advice: what to do next. files: the files for the quarantine
    list; empty if leaving files out does not help.
    """

    code: str
    severity: Severity
    title: str
    message: str
    count: int
    examples: tuple[str, ...]
    advice: str
    files: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The address of its explanation in the documentation."""
        return f"docs/doctor.md#{self.code.lower()}"


def finding(
    code: str,
    message: str,
    advice: str,
    *,
    examples: Iterable[str] = (),
    count: int | None = None,
    files: Iterable[str] = (),
    severity: Severity | None = None,
) -> Finding:
    """A finding of a known code. count: that of the examples by default. severity: that of the code by default."""
    named = tuple(examples)
    known = CODES[code]
    return Finding(
        code=code,
        severity=severity or known.severity,
        title=known.title,
        message=message,
        count=len(named) if count is None else count,
        examples=named[:EXAMPLES],
        advice=advice,
        files=tuple(files),
    )


@final
class Findings(list[Finding]):
    """Findings in the order in which they are made."""

    def add(self, code: str, message: str, advice: str, **more: Any) -> None:
        """Append a `finding`."""
        self.append(finding(code, message, advice, **more))


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 image`, `3 images`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """`a, b, c`, with `...` where there are more than EXAMPLES."""
    return ", ".join(names[:EXAMPLES]) + (", ..." if len(names) > EXAMPLES else "")
