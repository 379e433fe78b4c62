"""The columns of a table from command line words: image=path label=breed boxes=x1,y1,x2,y2 root=photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from augfuse.data.tables.roles import Columns
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

_SEVERAL = ("label", "boxes")
_ROOT = "root"
_ROLES = (*Columns.__annotations__, _ROOT)


class Named(NamedTuple):
    """columns: as `from_dataframe` takes them. root: the folder of the images; None for that of the table."""

    columns: Columns
    root: str | None = None


UNNAMED = Named({})


def named_columns(words: Sequence[str]) -> Named:
    """What ROLE=COLUMN words say. DataError for one of another form, an unknown role, and a role twice."""
    found: dict[str, Any] = {}
    for word in words:
        role, equals, column = word.partition("=")
        if not equals:
            raise DataError(f"--columns: got {shown(word)}, wanted ROLE=COLUMN, such as label=breed.")
        if role not in _ROLES:
            raise DataError(
                f"--columns: got the role {shown(role)}, wanted one of {', '.join(_ROLES)}.{did_you_mean(role, _ROLES)}"
            )
        if role in found:
            raise DataError(f"--columns: got {shown(role)} twice, wanted it once. Several columns: label=cat,dog.")
        found[role] = column.split(",") if role in _SEVERAL and "," in column else column
    root = found.pop(_ROOT, None)
    return Named(cast(Columns, found), root)
