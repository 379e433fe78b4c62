"""Names that no file has: what was meant is named, and what to type for it finds the file."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse import AugfuseWarning  # noqa: E402
from augfuse.errors import DataNotFoundError  # noqa: E402
from augfuse.keras import ImageDataGenerator, list_pictures, load_img  # noqa: E402

NFC = unicodedata.normalize("NFC", "Größe é.png")
NFD = unicodedata.normalize("NFD", NFC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "a").mkdir(parents=True)
    for name in ("a/b.png", "a/Cat.png", f"a/{NFD}", "a/7.jpg"):
        Image.new("RGB", (8, 8)).save(root / name)
    return root


# The name in the frame, what is said, and what the advice makes of it.
CASES: dict[str, tuple[str, str]] = {
    "backslashes": ("a\\b.png", r"the name has backslashes"),
    "a slash before it": ("/a/b.png", r'the name begins with "/"'),
    "another case": ("a/cat.png", r"Did you mean 'Cat\.png'"),
    "another case of the suffix": ("a/Cat.PNG", r"Did you mean 'Cat\.png'"),
    "a close name": ("a/bb.png", r"Did you mean 'b\.png'"),
    "another Unicode form": (f"a/{NFC}", r"another Unicode form"),
    "no suffix": ("a/7", r"there is '7\.jpg'"),
    "no such folder": ("aa/b.png", r"there is no folder '.*aa'\. Did you mean 'a'"),
    "nothing like it": ("a/0123456789.png", r"no such file in '.*a'\.$"),
}


def warning_of(name: str, folder: Any) -> str:
    frame = pd.DataFrame({"filename": [name, "a/b.png"], "class": ["x", "y"]})
    with pytest.warns(AugfuseWarning, match="Found 1 invalid image filename") as caught:
        it = ImageDataGenerator().flow_from_dataframe(frame, folder)
    assert it.n == 1
    return str(caught[0].message)


@pytest.mark.parametrize("kind", CASES)
def test_names_in_a_frame(kind: str, folder: Path) -> None:
    name, said = CASES[kind]
    assert re.search(said, warning_of(name, folder))


@pytest.mark.parametrize("kind", ["backslashes", "a slash before it", "another Unicode form", "no suffix"])
def test_the_advice_finds_the_file(kind: str, folder: Path) -> None:
    frame = pd.DataFrame({"filename": [CASES[kind][0]], "class": ["x"]})
    line = re.search(r"Use (df\[.*)\.$", warning_of(CASES[kind][0], folder))
    assert line is not None
    frame["filename"] = eval(line[1], {"df": frame})
    assert ImageDataGenerator().flow_from_dataframe(frame, folder).n == 1


@pytest.mark.parametrize("kind", ["backslashes", "another case", "another Unicode form", "no suffix", "a close name"])
def test_names_of_load_img(kind: str, folder: Path) -> None:
    name, said = CASES[kind]
    with pytest.raises(DataNotFoundError, match=said):
        load_img(f"{folder}/{name}")


def test_the_folder_is_named_twice(folder: Path) -> None:
    said = warning_of("photos/a/b.png", folder)
    assert f"Use directory={str(folder.parent)!r}" in said
    frame = pd.DataFrame({"filename": ["photos/a/b.png"], "class": ["x"]})
    assert ImageDataGenerator().flow_from_dataframe(frame, str(folder.parent)).n == 1


def test_the_home_folder_is_not_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    advice = r'"~" is not expanded\. Use os\.path\.expanduser'
    datagen = ImageDataGenerator()
    for call in (
        lambda: datagen.flow_from_directory("~/photos"),
        lambda: load_img("~/photos/a/b.png"),
        lambda: list_pictures("~/photos"),
        lambda: datagen.flow_from_directory(folder, save_to_dir="~/photos"),
    ):
        with pytest.raises(DataNotFoundError, match=advice):
            call()
    assert re.search(advice, warning_of_all("~/photos"))


def warning_of_all(folder: str) -> str:
    frame = pd.DataFrame({"filename": ["a/b.png"], "class": ["y"]})
    with pytest.warns(AugfuseWarning) as caught:
        ImageDataGenerator().flow_from_dataframe(frame, folder)
    return str(caught[0].message)


@pytest.mark.parametrize("path", ["", b""])
def test_an_empty_name_is_no_folder(path: Any) -> None:
    for compat in (None, "strict"):
        with pytest.raises(ValueError, match="directory: got an empty text"):
            ImageDataGenerator(compat=compat).flow_from_directory(path)
    with pytest.raises(ValueError, match="path: got an empty text"):
        load_img(path)
