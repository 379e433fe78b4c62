"""The pictures and tables of the documentation are those that their scripts make."""

from __future__ import annotations

import inspect
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augfuse import transforms
from places import ROOT

FOLDER = ROOT / "docs" / "pictures"


def test_pictures_are_as_they_are_drawn(tmp_path: Path) -> None:
    runpy.run_path(str(FOLDER / "make.py"))["main"](tmp_path)
    names = sorted(path.name for path in FOLDER.glob("*.png"))
    assert names == sorted(path.name for path in tmp_path.iterdir())
    pages = "".join(page.read_text(encoding="utf-8") for page in FOLDER.parent.glob("*.md"))
    for name in names:
        stored, drawn = (np.asarray(Image.open(folder / name)).astype(int) for folder in (FOLDER, tmp_path))
        assert stored.shape == drawn.shape and f"](pictures/{name})" in pages
        assert np.abs(stored - drawn).mean() < 1, f"{name}: type python docs/pictures/make.py"


def test_the_page_of_transforms_is_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "transforms.md"
    runpy.run_path(str(FOLDER / "transforms.py"))["main"](page)
    text = (FOLDER.parent / "transforms.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text, "type python docs/pictures/transforms.py"
    known = transforms.list_transforms()
    assert len(known) > 60 and all(f"| `{cls.__name__}` |" in text for cls in known)


@pytest.mark.parametrize("cls", transforms.list_transforms(), ids=lambda cls: cls.__name__)
def test_help_lists_every_field(cls: type[transforms.Transform]) -> None:
    _, _, fields = (inspect.getdoc(cls) or "").partition("\nArgs:\n")
    assert [line.split(":")[0].strip() for line in fields.splitlines()] == list(cls.__struct_fields__)
