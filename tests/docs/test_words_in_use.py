"""Words that are retired: no docstring, comment, message or page of the docs uses them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from places import ROOT

FILES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for folder in ("docs", "benchmarks", "examples") for path in sorted((ROOT / folder).rglob("*.md"))),
    *(path for folder in ("src", "docs", "benchmarks", "examples") for path in sorted((ROOT / folder).rglob("*.py"))),
]
# A retired phrase, and what to write in its place. A gap between words is one character: a space or the end of a line.
RETIRED = {
    r"(?<!\bthere\s)\b(is|are|was|were)\sno\b(?!\slonger\b)": "is not a ..., are not ..., has no ..., means no ...",
    r"\bof\s(its|their)\sown\b": "its own ..., a separate ...",
    r"\bwhere\sthere\s(is|are|was|were)\snone\b": "without one, if there is none",
    r"\bcomput\w*\sahead\b": "prefetch",
    r"\brehears\w*\b": "dry run",
    r"\b(go|goes|going|gone|went)\sby\b": "uses, depends on, is decided by",
    r"\bwhoever\sasks?\b": "for every caller",
    r"(?<!`)\bsaid\b(?![`:])": "predicted, reported, warned about, documented",  # not the name of a field
    r"(?<!`)\bfed\b(?![`:])": "given to the model, received",
    r"(?<!\bstandard\s)(?<!\babsolute\s)\bdeviations?\b": "standard deviation",
}


def prose(text: str) -> Iterator[tuple[int, str]]:
    """The comments and strings of a Python file, each with its first line; keys of dicts are names and left out."""
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            values = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value
    comments = list[tuple[int, str]]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, words = token.start[0], token.string.strip("# ")
            if comments and comments[-1][0] + comments[-1][1].count("\n") == line - 1:
                comments[-1] = (comments[-1][0], f"{comments[-1][1]}\n{words}")
            else:
                comments.append((line, words))
    yield from comments


def page(text: str) -> Iterator[tuple[int, str]]:
    """The text of a Markdown file; of its code blocks the comments."""
    lines, code = text.split("\n"), False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            code = not code
        elif code:
            lines[number] = line.partition("#")[2]
    yield 1, "\n".join(lines)


def retired(texts: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """The line of each retired phrase, and what to do."""
    found = list[tuple[int, str]]()
    for first, text in texts:
        gaps = re.sub(r"[ \t]+", " ", re.sub(r"[ \t]*\n[ \t]*", "\n", text))
        for pattern, instead in RETIRED.items():
            for match in re.finditer(pattern, gaps, re.IGNORECASE):
                around = gaps[max(match.start() - 30, 0) : match.end() + 30].replace("\n", " ")
                line = first + gaps.count("\n", 0, match.start())
                found.append((line, f"...{around}... Write in place of {match[0]!r}: {instead}"))
    return found


def test_retired_words_are_not_used() -> None:
    found: list[str] = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        words = retired(prose(text) if path.suffix == ".py" else page(text))
        found += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in words]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        '"""A file that\n    is no image."""',
        'raise ValueError("labels are "\n    "no numbers")',
        "# in a folder\n# of its own",
        "x = f\"{y} goes by {z}, {w + ' and {v}'}\"",
        'x = f"its {a} deviation"',
        "x = 1  # what the model is fed",
    ],
)
def test_retired_words_are_found(text: str) -> None:
    assert retired(prose(text))


@pytest.mark.parametrize(
    "text",
    [
        "# there is no folder",
        "# it is no longer there",
        'x = "standard deviation"',
        'fed = f"{said}"  # names are code',
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert not retired(prose(text))
