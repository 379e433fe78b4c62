"""What is hidden, and what file managers, archivers and notebooks leave behind, is neither a class nor a picture."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image

import augfuse as af
from augfuse.doctor import examine

pytest.importorskip("keras")

from augfuse.keras import ImageDataGenerator

FOLDERS = (".ipynb_checkpoints", "__MACOSX", ".thumbnails", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
FILES = ("._0.png", ".hidden.png")
INSIDE = (".ipynb_checkpoints/0-checkpoint.png", "__MACOSX/._0.png", "@eaDir/0.png", "deep/.cache/9.png")
NO_PICTURES = ("Thumbs.db", "desktop.ini", ".DS_Store", "Icon\r")


pytestmark = pytest.mark.usefixtures("notices_anew")


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Two classes of three pictures each."""
    for name in ("cat", "dog"):
        for number in ("0", "1", "deep/2"):
            save(tmp_path / "data" / name / f"{number}.png")
    return tmp_path / "data"


def litter(root: Path, folders: tuple[str, ...] = FOLDERS, files: tuple[str, ...] = FILES + INSIDE) -> None:
    for folder in folders:
        save(root / folder / "cat-checkpoint.png")
    for file in files:
        save(root / "cat" / file)
    for name in NO_PICTURES:
        for folder in ("cat", "."):
            (root / folder / name).write_bytes(b"")


def test_a_source_passes_them_over(clean: Path) -> None:
    wanted = af.from_directory(clean).paths
    litter(clean)
    data = af.from_directory(clean)
    assert data.classes == ("cat", "dog") and data.paths == wanted


def test_a_zip_archive_passes_them_over(clean: Path, tmp_path: Path) -> None:
    litter(clean)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(clean.rglob("*")):
            if path.name != "Icon\r":  # no name for an archive
                archive.write(path, path.relative_to(clean))
    data = af.from_zip(tmp_path / "a.zip")
    assert data.classes == ("cat", "dog") and len(data) == 6


def test_the_doctor_passes_them_over(clean: Path) -> None:
    before = [finding.code for finding in examine(clean).findings]
    litter(clean)
    checkup = examine(clean)
    assert checkup.classes == ("cat", "dog")
    assert [finding.code for finding in checkup.findings] == before


@pytest.mark.parametrize(
    ("folders", "files"),
    [(FOLDERS[:1], ()), (FOLDERS[1:2], ()), (FOLDERS[3:], ()), ((), FILES), ((), INSIDE), (FOLDERS, FILES + INSIDE)],
)
def test_flow_from_directory_passes_them_over_and_says_so_once(
    clean: Path, folders: tuple[str, ...], files: tuple[str, ...]
) -> None:
    wanted = ImageDataGenerator().flow_from_directory(clean).filenames
    litter(clean, folders, files)
    with pytest.warns(af.AugfuseWarning, match=rf"{len(folders)} folders and {len(files)} images that are hidden"):
        iterator = ImageDataGenerator().flow_from_directory(clean)
    assert iterator.class_indices == {"cat": 0, "dog": 1} and iterator.filenames == wanted
    ImageDataGenerator().flow_from_directory(clean)  # no second warning


def test_with_strict_they_count_as_in_keras_and_a_warning_says_so(clean: Path) -> None:
    litter(clean)
    with pytest.warns(af.AugfuseWarning, match=r"6 folders and 6 images .* count as classes and pictures, as in Keras"):
        iterator = ImageDataGenerator(compat="strict").flow_from_directory(clean)
    assert sorted(iterator.class_indices) == sorted([*FOLDERS, "cat", "dog"])
    assert iterator.n == 6 + len(FOLDERS) + len(FILES) + len(INSIDE)


def test_a_hidden_folder_that_is_asked_for_is_read(clean: Path) -> None:
    litter(clean, FOLDERS[:1], ())
    iterator = ImageDataGenerator().flow_from_directory(clean, classes=[".ipynb_checkpoints", "dog"])
    assert iterator.class_indices == {".ipynb_checkpoints": 0, "dog": 1} and iterator.n == 4


def test_names_that_only_look_alike_stay(clean: Path) -> None:
    for name in ("cat/thumbs.png", "cat/desktop.png", "cat/macosx/3.png"):
        save(clean / name)
    assert len(af.from_directory(clean)) == ImageDataGenerator().flow_from_directory(clean).n == 9
