"""The message for a file that does not exist: a similar name beside it, and what to type."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from augfuse.data.layouts.names import names_beside
from augfuse.errors import did_you_mean
from augfuse.text import shown

_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".tif", ".tiff", ".webp")


def why_missing(name: str, directory: str = "", column: str | None = None, kind: str = "file") -> str:
    """A sentence or two on `name` in `directory`, which does not exist. column: of a frame, that the name is from.
    kind: "file" or "folder".
    """
    path = Path(directory, name)
    write = f"df[{shown(column)}]" if column is not None else "name"
    texts = f"{write}.str" if column is not None else write
    whole = os.path.join(directory, name)  # noqa: PTH118 - as it is opened
    if whole.startswith("~") and Path(whole).expanduser().exists():
        what = "directory" if directory.startswith("~") else "name"
        return f'"~" is not expanded. Use os.path.expanduser({what}).'
    if "\\" in name and _exists(directory, name.replace("\\", "/")):
        return f'the name has backslashes, and here folders are parted by "/". Use {texts}.replace("\\\\", "/").'
    if directory and name.startswith("/") and _exists(directory, name.lstrip("/")):
        return f'the name begins with "/", so that directory= is left out. Use {texts}.lstrip("/").'
    first = Path(name).parts[0] if len(Path(name).parts) > 1 else ""
    if directory and first == Path(directory).name and Path(Path(directory).parent, name).exists():
        return (
            f"the name begins with {shown(first)}, and so does directory= end. Use "
            f"directory={shown(str(Path(directory).parent))}."
        )
    if kind == "file" and not path.parent.is_dir():
        return f"there is no folder {shown(str(path.parent))}.{_close(path.parent)}"
    for form in ("NFC", "NFD"):
        if unicodedata.normalize(form, name) != name and _exists(directory, unicodedata.normalize(form, name)):
            use = f"{texts}.normalize({form!r})" if column is not None else f"unicodedata.normalize({form!r}, name)"
            return f"a file whose name looks the same writes its letters in another Unicode form. Use {use}."
    for suffix in _SUFFIXES:
        if _exists(directory, name + suffix):
            return f"there is {shown(path.name + suffix)}. Use {write} + {shown(suffix)}."
    if kind == "folder":
        return f"there is no folder {shown(str(path))}.{_close(path)}"
    return f"no such file in {shown(str(path.parent))}.{_close(path)}"


def _exists(directory: str, name: str) -> bool:
    return Path(directory, name).exists()


def _close(path: Path) -> str:
    """` Did you mean ...?` for what lies beside; a name in other letters of upper and lower case comes first."""
    names = sorted(names_beside(path))
    same = [name for name in names if name.lower() == path.name.lower()]
    return f" Did you mean {shown(same[0])}?" if same else did_you_mean(path.name, names)
