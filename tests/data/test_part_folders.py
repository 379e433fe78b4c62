"""Part folders of the usual names are parts through every door; what looks like a part is asked about, never silent."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.doctor import examine
from present import present

Open = Callable[[Path], Any]
CLASSES = ("glioma", "pituitary")


def save(root: Path, folders: Iterable[str], count: int = 4) -> Path:
    """`count` small pictures in each of these folders, all different."""
    rng = np.random.default_rng(len(str(root)))
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).save(root / folder / f"{k}.png")
    return root


def below(*parts: str, classes: Iterable[str] = CLASSES) -> list[str]:
    return [f"{part}/{name}" for part in parts for name in classes]


def packed(root: Path) -> Path:
    """The same as a zip archive, without a folder of its name inside."""
    path = root.parent / f"{root.name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.png")):
            archive.write(file, file.relative_to(root))
    return path


def from_packed(root: Path) -> Any:
    return af.from_zip(packed(root))


DOORS: tuple[Open, ...] = (af.from_directory, from_packed)

LAYOUTS = {
    "Training, Testing": (below("Training", "Testing"), ["train", "test"]),
    "training_set, test_set": (below("training_set", "test_set"), ["train", "test"]),
    "seg_train, seg_test": (below("seg_train", "seg_test"), ["train", "test"]),
    "seg_train inside seg_train": (below("seg_train/seg_train", "seg_test/seg_test"), ["train", "test"]),
    "training_set inside training_set": (below("training_set/training_set", "test_set/test_set"), ["train", "test"]),
    "train, dev, test": (below("train", "dev", "test"), ["train", "val", "test"]),
    "training, validation": (below("training", "validation"), ["train", "val"]),
    "TrainingData, TestData": (below("TrainingData", "TestData"), ["train", "test"]),
    "train_images, val_images": (below("train_images", "val_images"), ["train", "val"]),
    "train2017, val2017": (below("train2017", "val2017"), ["train", "val"]),
    "TRAIN, VALID": (below("TRAIN", "VALID"), ["train", "val"]),
    "below one folder": (below("chest_xray/train", "chest_xray/val"), ["train", "val"]),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("folders", "parts"), LAYOUTS.values(), ids=LAYOUTS)
def test_parts_of_the_usual_names_are_parts(folders: list[str], parts: list[str], door: Open, tmp_path: Path) -> None:
    root = save(tmp_path / "set", folders)
    source = door(root)
    assert list(source.parts) == parts
    assert source.part == "train"
    assert source.classes == CLASSES
    assert {len(part) for part in source.parts.values()} == {8}
    assert [source[k].image.shape for k in range(2)] == [(6, 6, 3)] * 2
    assert list(examine(root).parts) == parts
    assert list(examine(packed(root)).parts) == parts
    assert set(examine(root).classes) == set(CLASSES)


def test_parts_are_asked_for_by_any_usual_name(tmp_path: Path) -> None:
    root = save(tmp_path / "set", below("Training", "Testing", "Validation"))
    for part, name in (("Training", "train"), ("testing", "test"), ("dev", "val"), ("valid", "val")):
        assert af.from_directory(root, part=part).part == name


def test_train_divides_by_such_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    from augfuse.experiment.setup.train_and_test import load_parts

    for name in ("Training, Testing", "seg_train inside seg_train", "below one folder"):
        folders, _ = LAYOUTS[name]
        parts = load_parts(save(tmp_path / name.replace(" ", "-"), folders))
        assert parts.classes == CLASSES
        assert (len(parts.train), len(parts.test)) == (8, 8)


# --- one folder too high ---


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("above", ["PetImages", "archive/PetImages", "a/b/c"])
def test_one_folder_too_high(above: str, door: Open, tmp_path: Path) -> None:
    root = save(tmp_path / "set", below(above, classes=("Cat", "Dog")))
    assert door(root).classes == ("Cat", "Dog")
    assert examine(root).classes == ("Cat", "Dog")
    assert examine(packed(root)).classes == ("Cat", "Dog")


def test_a_class_that_is_named_stays_a_class(tmp_path: Path) -> None:
    root = save(tmp_path / "set", ["cat/2019", "cat/2020"])
    assert af.from_directory(root, classes=["cat"]).classes == ("cat",)
    assert af.from_zip(packed(root), classes=["cat"]).classes == ("cat",)
    alone = save(tmp_path / "alone", ["cat"])
    assert af.from_directory(alone).classes == ("cat",)
    assert af.from_zip(packed(alone)).classes == ("cat",)


# --- classes that are called like parts ---


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "classes",
    [
        ("bus", "train"),
        ("dev board", "test tube"),
        ("train", "test"),
        ("validation stamp", "test print", "training shoe"),
    ],
)
def test_class_folders_with_such_names_are_classes(classes: tuple[str, ...], door: Open, tmp_path: Path) -> None:
    source = door(save(tmp_path / "set", classes))
    assert source.classes == tuple(sorted(classes))
    assert source.parts == {}


# --- what looks like a part ---


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("names", [("fold_a", "fold_b"), ("1", "2", "3"), ("links", "rechts")])
def test_folders_that_look_like_parts_are_asked_about(names: tuple[str, ...], door: Open, tmp_path: Path) -> None:
    root = save(tmp_path / "set", below(*names))
    with pytest.warns(af.AugfuseWarning, match=r"hold the same folders \('glioma' and 'pituitary'\).*part_names="):
        assert door(root).classes == names
    (found,) = [found for found in examine(root).findings if found.code == "AF313"]
    assert found.severity == "warning"
    assert "AF313" in {found.code for found in examine(packed(root)).findings}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert af.from_directory(root, classes=list(names)).classes == names
        named = af.from_directory(root, part_names={names[0]: "test", names[1]: "train"}, part="test")
    if len(names) == 2:
        assert named.classes == CLASSES
        assert list(named.parts) == ["train", "test"]
        assert present(named.paths)[0] == str(root / names[0] / "glioma" / "0.png")


def test_class_folders_with_unlike_folders_are_not_asked_about(tmp_path: Path) -> None:
    nested = save(tmp_path / "nested", ["cat/2019", "cat/2020", "dog/spring", "dog/autumn"])
    assert af.from_directory(nested).classes == ("cat", "dog")
    single = save(tmp_path / "single", below("cat", "dog", classes=("1", "2", "3")), count=1)  # a folder for each image
    assert af.from_directory(single).classes == ("cat", "dog")
    many = save(tmp_path / "many", below(*map(str, range(11)), classes=("front", "side")))
    assert len(present(af.from_directory(many).classes)) == 11
    mixed = save(tmp_path / "mixed", ["cat", "cat/front", "cat/side", "dog/front", "dog/side"])
    assert af.from_directory(mixed).classes == ("cat", "dog")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["holdout", "extra", "seg_pred"])
def test_what_lies_beside_the_parts_is_counted_aloud(name: str, door: Open, tmp_path: Path) -> None:
    root = save(tmp_path / "set", [*below("train", "test"), *below(name)])
    with pytest.warns(
        af.AugfuseWarning, match=rf"8 images in '{name}' beside the parts 'train' and 'test' are not used"
    ):
        source = door(root)
    assert list(source.parts) == ["train", "test"]
    (found,) = [found for found in examine(root).findings if found.code == "AF109"]
    assert name in found.examples
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = {"train": "train", "test": "test", name: "val"}
        assert list(af.from_directory(root, part_names=names).parts) == ["train", "val", "test"]


def test_what_lies_beside_the_parts_without_images_is_not(tmp_path: Path) -> None:
    root = save(tmp_path / "set", below("train", "test"))
    (root / "annotations").mkdir()
    (root / "annotations" / "labels.csv").write_text("file,label\n", encoding="utf-8")
    assert list(af.from_directory(root).parts) == ["train", "test"]
    assert not [found for found in examine(root).findings if found.code == "AF109"]


@pytest.mark.parametrize("door", DOORS)
def test_a_missing_train_part_asks_for_the_folder_beside(door: Open, tmp_path: Path) -> None:
    root = save(tmp_path / "set", below("learning", "validation"))
    with pytest.raises(af.DataError, match=r"has no part 'train', only 'val'\. Beside it lies 'learning'"):
        door(root)


@pytest.mark.parametrize(
    ("part_names", "words"),
    [
        ({"Trainin": "train"}, r"has no folder 'Trainin', only 'Testing', 'Training'\. Did you mean 'Training'"),
        ({"Training": "learn"}, "wanted 'train', 'val' or 'test'"),
        ({}, "wanted a dictionary"),
        (["Training"], "wanted a dictionary"),
    ],
)
def test_part_names_are_checked(part_names: Any, words: str, tmp_path: Path) -> None:
    root = save(tmp_path / "set", below("Training", "Testing"))
    with pytest.raises(af.DataError, match=words):
        af.from_directory(root, part_names=part_names)
    with pytest.raises(af.DataError, match=words):
        af.from_zip(packed(root), part_names=part_names)


def test_archives_are_parts_by_the_same_names(tmp_path: Path) -> None:
    from augfuse.data.open import open_parts

    folder = tmp_path / "archives"
    folder.mkdir()
    for name in ("pets_Training", "pets_Testing"):
        packed(save(tmp_path / name, CLASSES)).rename(folder / f"{name}.zip")
    assert list(open_parts(folder).parts) == ["train", "test"]


def test_commands_name_what_is_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = save(tmp_path / "set", [*below("train", "test"), *below("holdout")], count=6)
    main(["doctor", str(root), "--json", "-"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert any(entry["code"] == "AF109" and "holdout" in entry["examples"] for entry in found)


# --- Keras' rule: every folder is a class ---


def flow(root: Path, **options: Any) -> Any:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
    from augfuse.keras import ImageDataGenerator

    generator = ImageDataGenerator(compat=options.pop("compat", None))
    return generator.flow_from_directory(root, target_size=(6, 6), **options)


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (below("train", "test"), r"'test' and 'train' are parts of a data set, and counted as classes.*set/train"),
        (below("Training", "Testing"), r"are parts of a data set.*set/Training"),
        (below("PetImages", classes=("Cat", "Dog")), r"one folder too high\? Type .*set/PetImages"),
    ],
)
def test_flow_from_directory_says_that_parts_are_classes(folders: list[str], words: str, tmp_path: Path) -> None:
    root = save(tmp_path / "set", folders)
    names = sorted({folder.partition("/")[0] for folder in folders})
    with pytest.warns(af.AugfuseWarning, match=words):
        assert flow(root, class_mode="sparse").class_indices == {name: k for k, name in enumerate(names)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        flow(root, class_mode=None)
        flow(root, classes=names)
        assert list(flow(root, compat="strict").class_indices) == names


def test_class_folders_in_class_folders_are_keras_own_case(tmp_path: Path) -> None:
    root = save(tmp_path / "set", below("class-0", "class-1", classes=("sub-0", "sub-1")))
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        assert flow(root).class_indices == {"class-0": 0, "class-1": 1}


# --- one class order for all parts ---


@pytest.mark.parametrize(("val", "labels"), [(("b", "c"), {1, 2}), (("c",), {2}), (("a", "c"), {0, 2})])
def test_validation_with_fewer_classes_is_numbered_as_training_is(
    val: tuple[str, ...], labels: set[int], tmp_path: Path
) -> None:
    root = save(tmp_path / "set", [*below("train", classes=("a", "b", "c")), *below("val", classes=val)])
    with pytest.warns(af.AugfuseWarning, match="has no images of"):
        source = af.from_directory(root)
    assert source.classes == source.parts["val"].classes == ("a", "b", "c")
    assert set(present(source.parts["val"].labels).tolist()) == labels
    batch = next(iter(af.Loader(source.parts["val"], training=False, one_hot=True, batch_size=len(val) * 4)))
    assert set(batch.labels.argmax(axis=1).tolist()) == labels
    assert batch.labels.shape[1] == 3
