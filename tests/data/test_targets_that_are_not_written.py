"""What a form of a data set cannot hold is never left out without a word, with what to type instead."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main
from augfuse.data.tfrecord.writer import write_tfrecord

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 40, 3), dtype=np.uint8)
BOXES = [np.array([[1, 2, 10, 20]], np.float32)] * 4
KINDS: dict[str, dict[str, Any]] = {
    "boxes": {"boxes": BOXES, "box_labels": [np.array([0])] * 4},
    "flags": {"boxes": BOXES, "box_labels": [np.array([0])] * 4, "crowd": [np.array([True])] * 4},
    "mask": {"mask": list(IMAGES[..., 0])},
    "points": {"boxes": BOXES, "box_labels": [np.array([0])] * 4, "keypoints": [np.full((1, 2, 3), 2, np.float32)] * 4},
}


@pytest.fixture
def source(tmp_path: Path) -> Any:
    def make(kind: str) -> Path:
        path = tmp_path / "data.tfrecord"
        data = af.from_arrays(IMAGES, np.arange(4) % 2, classes=("a", "b")).with_targets(**KINDS[kind])
        with path.open("wb") as file:
            write_tfrecord(data, file, lambda done: None)
        return path

    return make


def told(capsys: pytest.CaptureFixture[str], *command: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main([str(word) for word in command]) == 0
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "form"), [("folder", "class folders do"), ("data.npz", "an .npz file does")])
@pytest.mark.parametrize("command", ["convert", "augment"])
def test_forms_without_targets(
    kind: str, name: str, form: str, command: str, source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, command, source(kind), tmp_path / "out" / name)
    names = ", ".join(KINDS[kind])
    instead = (
        "a DST that ends in .tfrecord" if kind == "mask" else "--to coco, yolo or voc, or a DST that ends in .tfrec"
    )
    assert f"{name}: 4 samples lose {names}, which {form} not hold. Type {instead}" in said
    assert len(af.open(tmp_path / "out" / name)) == (4 if command == "convert" else 8)


@pytest.mark.parametrize("form", ["coco", "yolo", "voc"])
def test_forms_without_a_class_of_the_image(
    form: str, source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, "convert", source("boxes"), tmp_path / "out", "--to", form)
    assert "out: 4 samples lose the class of their image, which" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_that_holds_all(
    kind: str, source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # a warning would be an error
    assert main(["convert", str(source(kind)), str(tmp_path / "copy.tfrecord")]) == 0
    capsys.readouterr()
    data = af.open(tmp_path / "copy.tfrecord")
    assert data.labels is not None
    assert set(data.table.targets) == set(KINDS[kind]) and data.labels.tolist() == [0, 1, 0, 1]
