"""The Python blocks of every page in docs/ run, in order, one session a page; links between pages lead somewhere, and
command lines are ones that the command takes."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest

from augfuse.cli import app
from augfuse.errors import AugfuseWarning
from places import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
IDS = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
NEEDS_KERAS = re.compile(r"augfuse\.keras|to_keras\(|import keras|af\.train\(")

NEEDED = {
    "torch": r"import torch|af\.torch|to_torch\(",
    "tensorflow": r"to_tf\(",
    "jax": r"import jax|to_jax\(",
    "grain": "import grain",
    "datasets": "import datasets",
}


def python_blocks(page: Path) -> list[str]:
    """The blocks of a page, each padded with empty lines so that tracebacks show the line of the page."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return ["\n" * text.count("\n", 0, match.start(1)) + match.group(1) for match in found]


TRAINING = pytest.param(ROOT / "docs" / "training.md", marks=pytest.mark.slow(reason="a dozen trainings"))


def anchors(page: Path) -> set[str]:
    """The names that headings get on the page, as GitHub and most site builders make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")
@pytest.mark.parametrize("page", [TRAINING if page.name == "training.md" else page for page in PAGES], ids=IDS)
def test_python_blocks_run(page: Path) -> None:
    blocks = python_blocks(page)
    if any(NEEDS_KERAS.search(block) for block in blocks):
        pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
    for module, words in NEEDED.items():
        if any(re.search(words, block) for block in blocks):
            pytest.importorskip(module, reason=f"needs {module}")
    session: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AugfuseWarning)  # pages show what is warned about
        for block in blocks:
            exec(compile(block, str(page), "exec"), session)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        other = page.parent / file if file else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_there_are_pages() -> None:
    assert len(PAGES) >= 2


def command_lines(page: Path) -> list[str]:
    """The `augfuse ...` lines of a page's blocks of shell lines, and those it shows in the running text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    shell = [block for language, block in blocks if language in ("", "sh", "console")]
    lines = [line.removeprefix("$ ").strip() for block in shell for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
    return [line for line in lines if re.match(r"augfuse [a-z]+ [^ ]", line)]


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=["README.md", *IDS])
def test_command_lines_are_ones_that_the_command_takes(page: Path) -> None:
    for line in command_lines(page):
        words = shlex.split(line, comments=True)[1:]
        if "..." in words:
            continue
        command, bound, unknown = app.parse_known_args(words)[:3]
        assert callable(command) and bound.arguments is not None and not unknown, line


def test_command_lines_are_found() -> None:
    assert len(command_lines(ROOT / "README.md")) >= 8
