"""Public docstrings have one form: a sentence, then Args, Returns and Raises. "others: as in `f`" names the rest.

A function of up to three parameters may name them in its sentences; one whose first word is "Return" needs no Returns.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

import pytest

import augfuse as af

MODULES = ("augfuse", "augfuse.functional", "augfuse.keras", "augfuse.torch", "augfuse.jax", "augfuse.grain")
METHODS = (af.Recipe, af.Loader, af.DataSet, af.Batch, af.Plan, af.Statistics)
SECTIONS = ("Args:", "Attributes:", "Returns:", "Yields:", "Raises:")


def public() -> Iterator[tuple[str, object]]:
    """Every public name of the modules, and every public method of the main classes."""
    for path in MODULES:
        try:
            module = importlib.import_module(path)
        except (ImportError, af.MissingExtraError):  # an extra that is not installed
            continue
        for name in dir(module):
            value = getattr(module, name)
            if not name.startswith("_") and getattr(value, "__module__", "").startswith("augfuse"):
                yield f"{module.__name__}.{name}", value
    for cls in METHODS:
        for name, member in vars(cls).items():
            if not name.startswith("_") and (callable(member) or isinstance(member, staticmethod | classmethod)):
                yield f"augfuse.{cls.__name__}.{name}", getattr(cls, name)


PUBLIC = dict(public())


def section(text: str, title: str) -> str:
    """The indented lines below `title`; "" without them."""
    found = re.search(rf"^{title}\n((?: +.*\n|\n)+)", text + "\n", re.MULTILINE)
    return found[1] if found else ""


def parameters(value: object) -> list[str]:
    """Names of the parameters that a caller gives. Errors and records have none of their class."""
    if inspect.isclass(value) and issubclass(value, Exception | tuple):
        return []
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except ValueError:  # a class that is made by no call
        return []
    return [name for name, one in signature.parameters.items() if name not in ("self", "cls") and name[0] != "_"]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_docstrings_have_one_form(name: str) -> None:
    value = PUBLIC[name]
    text = inspect.getdoc(value)
    assert text, "no docstring"
    summary = text.split("\n\n")[0]
    assert not any(summary.startswith(title) for title in SECTIONS)
    assert summary.rstrip().endswith("."), "the first paragraph is a sentence"
    assert not re.search(r"[.!?] [A-Z]", summary.replace("\n", " ")), "the first paragraph is one sentence"
    arguments = section(text, "Args:")
    entries = ", ".join(re.findall(r"^    ([\w*, ]+):", arguments, re.MULTILINE))
    named = {one.strip(" *") for one in entries.split(",")}
    wanted = [] if "others" in named else parameters(value)
    if len(wanted) <= 3 and not arguments:  # few parameters may be named by the sentences
        named |= set(re.findall(r"`(\w+)`", text))
    missing = [one for one in wanted if one not in named]
    assert not missing, f"Args does not name {missing}"
    gives = inspect.isfunction(value) and value.__annotations__.get("return") not in (None, "None")
    if gives and not summary.startswith("Return "):
        assert section(text, "Returns:") or section(text, "Yields:"), "no Returns"
    places = [text.index(f"\n{title}\n") for title in SECTIONS if f"\n{title}\n" in text]
    assert places == sorted(places), "the order is Args, Returns, Raises"
