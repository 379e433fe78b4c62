"""Pictures whose suffix is not read are counted aloud, by every door that lists a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, features

import augfuse as af
from augfuse.doctor import examine
from present import present

pytest.importorskip("keras")

from augfuse.keras import ImageDataGenerator


def save(path: Path, format: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (len(path.name), 80, 90)).save(path, format)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for number in range(3):
        for suffix, folder in (("png", "a"), ("webp", "a"), ("png", "b"), ("gif", "b"), ("jfif", "b")):
            save(root / folder / f"{number}.{suffix}", "JPEG" if suffix == "jfif" else suffix)
    (root / "a/notes.txt").write_text("no picture")
    return root


@pytest.mark.parametrize("compat", [None, "strict"])
def test_flow_from_directory_reads_what_keras_reads_and_counts_the_others(
    mixed: Path, compat: Literal["strict"] | None
) -> None:
    with pytest.warns(af.AugfuseWarning, match=r"9 pictures .* left out \(\.gif 3, \.jfif 3, \.webp 3\), as in Keras"):
        iterator = ImageDataGenerator(compat=compat).flow_from_directory(mixed)
    assert iterator.samples == 6


def test_sources_read_all_of_them(mixed: Path, tmp_path: Path) -> None:
    data = af.from_directory(mixed)
    assert len(data) == 15 and {data[i].image.shape for i in range(15)} == {(40, 40, 3)}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in mixed.rglob("*.*"):
            archive.write(path, path.relative_to(mixed))
    assert len(af.from_zip(tmp_path / "a.zip")) == 15
    assert "AF102" not in {finding.code for finding in examine(mixed).findings}


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow does not write AVIF")
@pytest.mark.parametrize("suffix", ["avif", "AVIF"])
def test_avif_is_read_by_sources(mixed: Path, suffix: str) -> None:
    save(mixed / f"a/photo.{suffix}", "AVIF")
    data = af.from_directory(mixed)
    place = next(i for i, path in enumerate(present(data.paths)) if path.endswith(suffix))
    assert len(data) == 16 and data[place].image.shape == (40, 40, 3)
    with pytest.warns(af.AugfuseWarning, match=r"10 pictures .*\.avif 1"):
        ImageDataGenerator().flow_from_directory(mixed)


@pytest.mark.parametrize("suffix", ["heic", "HEIF", "jxl", "cr2", "psd"])
def test_what_no_door_reads_is_counted_by_all(mixed: Path, suffix: str, tmp_path: Path) -> None:
    for name in ("b/x", "b/y"):
        (mixed / f"{name}.{suffix}").write_bytes(b"")
    words = rf"2 pictures have suffixes that are not read and are left out \(\.{suffix.lower()} 2\), the first is .*x\."
    with pytest.warns(af.AugfuseWarning, match=words):
        assert len(af.from_directory(mixed)) == 15
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in mixed.rglob("*.*"):
            archive.write(path, path.relative_to(mixed))
    with pytest.warns(af.AugfuseWarning, match=words):
        af.from_zip(tmp_path / "a.zip")
    with pytest.warns(af.AugfuseWarning, match=rf"11 pictures .*\.{suffix.lower()} 2"):
        ImageDataGenerator().flow_from_directory(mixed)
    found = next(finding for finding in examine(mixed).findings if finding.code == "AF102")
    assert found.count == 2
