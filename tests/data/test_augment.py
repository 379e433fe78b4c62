"""Augmented copies: af.augment, `augfuse augment`, and what keeps a copy out of validation data."""

from __future__ import annotations

import os
import signal
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.data.layouts.manifest import Entry, read_groups, write_manifest
from augfuse.data.sources.folder import open_folder
from augfuse.experiment.setup.train_and_test import load_parts
from children import running
from present import present

RECIPE = af.Recipe([af.Rotate((-20, 20)), af.HorizontalFlip(), af.Normalize()])


def images(n: int, size: tuple[int, ...] = (8, 6, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *size), dtype=np.uint8)


def tree(root: Path, parts: tuple[str, ...] = ("",), count: int = 10, size: tuple[int, ...] = (8, 6, 3)) -> Path:
    for part in parts:
        for i, image in enumerate(images(2 * count, size)):
            folder = root / part / "ab"[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.squeeze()).save(folder / f"{i:03}.png")
    return root


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "r.yaml"
    path.write_text(RECIPE.to_yaml(), encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_originals_are_kept_each_followed_by_its_copies() -> None:
    x, y = images(7), np.arange(7) % 2
    big, labels, group = af.augment(af.from_arrays(x, y), RECIPE, copies=2, seed=3)
    assert big.shape == (21, 8, 6, 3) and big.dtype == np.uint8
    np.testing.assert_array_equal(big[::3], x)
    assert labels is not None and labels.tolist() == np.repeat(y, 3).tolist()
    assert group.tolist() == np.repeat(np.arange(7), 3).tolist()
    assert all((big[i] != x[i // 3]).any() for i in range(21) if i % 3)


def test_a_copy_is_what_a_loader_serves() -> None:
    data = af.from_arrays(images(10), np.arange(10))
    recipe = af.Recipe(RECIPE.transforms[:2])
    big, _, _ = af.augment(data, recipe, copies=2, seed=5)
    loader = af.Loader(data, recipe, batch_size=4, seed=5, dtype="uint8")
    for copy in (1, 2):
        for batch in loader:  # shuffled: a position in the source keys the draws
            np.testing.assert_array_equal(big[3 * batch.indices + copy], batch.images)


def test_the_same_bytes_whatever_the_workers_blocks_and_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    data = af.from_arrays(images(50), np.arange(50))
    wanted = af.augment(data, RECIPE, copies=2, workers=1)[0]
    for workers in (0, 3, None):
        assert np.array_equal(af.augment(data, RECIPE, copies=2, workers=workers)[0], wanted)
    monkeypatch.setattr("augfuse.data.export.augmented_copies._BLOCK_BYTES", 1000)
    assert np.array_equal(af.augment(data, RECIPE, copies=2)[0], wanted)
    assert not np.array_equal(af.augment(data, RECIPE, copies=2, seed=1)[0], wanted)


def test_deterministic_transforms_hold_for_originals_too() -> None:
    big, y, _ = af.augment(af.from_arrays(images(3)), af.Recipe([af.Resize((4, 5)), af.Rotate(10), af.ToFloat()]))
    assert big.shape == (6, 4, 5, 3) and big.dtype == np.uint8 and y is None
    np.testing.assert_array_equal(big[::2], af.Recipe([af.Resize((4, 5))]).batch(images(3), seed=0).images)


def test_floats_keep_their_range() -> None:
    x = images(4).astype(np.float32)
    big, _, _ = af.augment(af.from_arrays(x, value_range=(0, 255)), RECIPE)
    assert big.dtype == np.float32 and big.max() > 1
    np.testing.assert_array_equal(big[::2], x)


def test_groups_of_the_source_are_kept() -> None:
    data = af.from_arrays(images(4), [0, 0, 1, 1], groups=["p", "p", "q", "r"])
    assert af.augment(data, RECIPE, copies=1)[2].tolist() == ["p", "p", "p", "p", "q", "q", "r", "r"]


def test_what_cannot_be_augmented() -> None:
    data = af.from_arrays(images(4))
    with pytest.raises(af.RecipeError, match="nothing random in it"):
        af.augment(data, af.Recipe([af.Resize(4), af.Normalize()]))
    with pytest.raises(af.ImageTypeError, match=r"wanted an af\.Recipe"):
        af.augment(data, [af.Rotate()])  # type: ignore[arg-type]
    with pytest.raises(af.RangeError, match="copies"):
        af.augment(data, RECIPE, copies=0)
    with pytest.raises(af.ImageTypeError, match=r"af\.from_arrays"):
        af.augment(images(4), RECIPE)
    with pytest.raises(af.ImageError, match=r"Begin the recipe with af\.Resize"):
        af.augment(data, af.Recipe([af.Rotate90(quarters=1, p=0.5)]), copies=3)


def test_files_of_one_size_make_arrays_and_broken_ones_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path)
    (root / "a" / "004.png").write_bytes(b"<html>")
    data = af.from_directory(root)
    with pytest.raises(af.DecodeError, match=r"004\.png"):
        af.augment(data, RECIPE)
    with pytest.warns(af.AugfuseWarning, match=r"1 of 20 images left out, the first: .*004\.png"):
        big, y, group = af.augment(data, RECIPE, on_error="skip")
    assert len(big) == 38 and y is not None and np.bincount(y).tolist() == [18, 20] and 2 not in group
    Image.new("RGB", (9, 9)).save(root / "a" / "004.png")
    with pytest.raises(af.ImageError, match=r"\(9, 9, 3\) beside|\(8, 6, 3\) beside"):
        af.augment(data, RECIPE)
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(af.DataError, match="none of the 20 images can be read"):
        af.augment(data, RECIPE, on_error="skip")


# --- splits -----------------------------------------------------------------------------------------------------------


def leaked(train: af.DataSet, val: af.DataSet, group: np.ndarray) -> int:
    """Validation images whose original, or another copy of it, is in the training side."""
    return int(np.isin(group[val.rows], group[train.rows]).sum())


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_copies_never_leak_across_a_split(stratify: bool, seed: int) -> None:
    x, y, group = af.augment(af.from_arrays(images(60), np.arange(60) % 3), RECIPE, copies=2)
    train, val = af.from_arrays(x, y, groups=group).split(0.25, seed=seed, stratify=stratify)
    assert leaked(train, val, group) == 0 and abs(len(val) - 45) <= 3
    again, _ = train.split(0.25, seed=seed)  # a side of a split knows its groups too
    assert again.groups is not None and len(again.groups) == len(again)
    # The trap: without the groups, nearly every validation image has a sister in the training part.
    train, val = af.from_arrays(x, y).split(0.25, seed=seed, stratify=stratify)
    assert leaked(train, val, group) > 0.7 * len(val)


def test_a_contiguous_split_parts_one_group_at_most() -> None:
    """Keras' validation_split takes the last rows: had the copies been appended, they would be what it takes."""
    _, _, group = af.augment(af.from_arrays(images(60)), RECIPE, copies=2)
    cut = int(len(group) * 0.77)
    assert len(np.intersect1d(group[:cut], group[cut:])) <= 1


def test_other_groups_may_be_given() -> None:
    data = af.from_arrays(images(12), np.arange(12) % 2, groups=np.arange(12) // 6)
    train, _ = data.split(0.5, groups=np.arange(12))
    assert train.groups is not None and set(train.groups) == {0, 1}
    with pytest.raises(af.DataError, match=r"groups: got shape \(3,\) for 12 images"):
        af.from_arrays(images(12), groups=[1, 2, 3])


# --- groups.csv -------------------------------------------------------------------------------------------------------


def test_groups_of_a_folder_an_archive_and_a_part(tmp_path: Path) -> None:
    root = tree(tmp_path / "set", ("train", "val"), count=2)
    lines = ["file,group", "a/000.png,p", "a/002.png,q", "b/001.png,p", "b/003.png,q"]
    (root / "train" / "groups.csv").write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in root.rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path))
    for data in (af.from_directory(root), af.from_directory(root / "train"), af.from_zip(tmp_path / "set.zip")):
        assert data.groups is not None and data.groups.tolist() == ["p", "q", "p", "q"]
        assert data.copies is not None and not data.copies.any()
        train, val = data.split(0.5, stratify=False)
        assert train.groups is not None and val.groups is not None and not set(train.groups) & set(val.groups)
        assert data.subset([1]).groups.tolist() == ["q"]  # type: ignore[union-attr]
    assert af.from_directory(root).parts["val"].groups is None


def test_images_that_are_not_listed_are_counted(tmp_path: Path) -> None:
    root = tree(tmp_path, count=2)
    (root / "groups.csv").write_text(write_manifest([Entry("a/000.png", "p", 0), Entry("gone.png", "p", 1)]))
    with pytest.warns(af.AugfuseWarning, match=r"3 of 4 images are not in groups\.csv, the first is a/002\.png"):
        data = af.from_directory(root)
    assert data.groups is not None and data.groups.tolist() == ["p", "a/002.png", "b/001.png", "b/003.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got the columns none, wanted file,group"),
        ("id,name\n", "got the columns id, name"),
        ("file,group\na/000.png\n", "line 2: got 1 values, wanted 2"),
        ("file,group,copy\na/000.png,p,-1\n", "copy is '-1'"),
        ("file,group\na/000.png,p\na/000.png,q\n", "line 3: 'a/000.png' is there twice"),
        ("file,group\n\udcff", "UTF-8"),
    ],
)
def test_a_manifest_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    root = tree(tmp_path, count=1)
    (root / "groups.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(af.DataError, match=words) as caught:
        af.from_directory(root)
    assert "groups.csv" in str(caught.value)


def test_any_name_can_be_listed_and_read_again(tmp_path: Path) -> None:
    names = ["a\rb.png", "a\nb.png", 'a,"b".png', "a\r\nb.png", " b.png", "é.png"]
    root = tree(tmp_path, count=1)
    listed = [Entry(f"a/{name}", f"group of {name}", i % 2) for i, name in enumerate(names)]
    (root / "groups.csv").write_text(write_manifest(listed), encoding="utf-8", newline="")
    read = read_groups(open_folder(root), [f"{root}{os.sep}a{os.sep}{name}" for name in names])
    assert read is not None
    groups, copies = read
    assert groups.tolist() == [entry.group for entry in listed] and copies.tolist() == [False, True] * 3


# --- the command ------------------------------------------------------------------------------------------------------


def test_folders(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src, dst = tree(tmp_path / "src"), tmp_path / "new" / "dst"
    assert main(["augment", str(src), str(dst), "--copies", "2", "--recipe", str(recipe), "--seed", "4"]) == 0
    out = capsys.readouterr().out
    assert f"{dst}: 20 originals and 40 copies, seed 4" in out and "Normalize was left out" in out
    written = contents(dst)
    assert len(written) == 62 and {"a/000.png", "a/000~1.png", "a/000~2.png", "groups.csv"} <= set(written)
    assert all(written[name] == raw for name, raw in contents(src).items())  # originals byte for byte
    data = af.from_directory(dst)
    big, y, _ = af.augment(af.from_directory(src, color=None), RECIPE, copies=2, seed=4)
    assert y is not None and present(data.labels).tolist() == y.tolist()
    for i in range(len(data)):
        np.testing.assert_array_equal(data[i].image, big[i])
    assert data.copies is not None and data.copies.tolist() == [False, True, True] * 20
    train, val = data.split(0.2)
    assert train.groups is not None and val.groups is not None and not set(train.groups) & set(val.groups)
    names = lambda source: {Path(p).stem.split("~")[0] for p in source.paths}  # noqa: E731
    assert not names(train) & names(val) and np.bincount(present(val.labels)).tolist() == [6, 6]
    assert af.Recipe.from_yaml((dst / "recipe.yaml").read_text()) == af.Recipe(RECIPE.transforms[:2])


def test_training_on_the_written_folder_tests_on_originals_only(tmp_path: Path, recipe: Path) -> None:
    src = tree(tmp_path / "src")
    for dst in (tmp_path / "dst", tmp_path / "dst.npz"):
        assert main(["augment", str(src), str(dst), "--copies", "3", "--recipe", str(recipe)]) == 0
        parts = load_parts(dst)
        assert (len(parts.train), len(parts.test)) == (64, 4) and not present(parts.test.copies).any()
        assert not set(present(parts.train.groups).tolist()) & set(present(parts.test.groups).tolist())
        assert "groups kept together" in parts.description and "copies are in the train part only" in parts.description


def test_only_the_train_part_gets_copies(tmp_path: Path, recipe: Path) -> None:
    src = tree(tmp_path / "src", ("train", "validation", "test"), count=3)
    assert main(["augment", str(src), str(tmp_path / "dst"), "--recipe", str(recipe)]) == 0
    data = af.from_directory(tmp_path / "dst")
    assert {name: len(part) for name, part in data.parts.items()} == {"train": 12, "val": 6, "test": 6}
    assert contents(tmp_path / "dst" / "test") == contents(src / "test")
    assert main(["augment", str(src), str(tmp_path / "dst.npz"), "--recipe", str(recipe)]) == 0
    with np.load(tmp_path / "dst.npz") as file:
        assert {"x_train", "y_val", "group_test", "copy_train", "classes"} <= set(file.files)
        assert len(file["x_train"]) == 12 and len(file["x_test"]) == 6 and not file["copy_test"].any()
        assert file["classes"].tolist() == ["a", "b"]
    parts = load_parts(tmp_path / "dst.npz")
    assert (len(parts.train), len(parts.test), parts.classes) == (12, 6, ("a", "b"))


def test_npz_and_back(tmp_path: Path, recipe: Path) -> None:
    x, y = images(9), np.array(["dog", "cat", "dog"] * 3)
    np.savez(tmp_path / "src.npz", x=x, y=y)
    assert main(["augment", str(tmp_path / "src.npz"), str(tmp_path / "dst.npz"), "--recipe", str(recipe)]) == 0
    with np.load(tmp_path / "dst.npz") as file:
        np.testing.assert_array_equal(file["x"][::2], x)
        assert file["classes"][file["y"]].tolist() == np.repeat(y, 2).tolist()
        assert file["copy"].tolist() == [0, 1] * 9 and file["group"].tolist() == np.repeat(np.arange(9), 2).tolist()
        train, val = af.from_arrays(file["x"], file["y"], groups=file["group"]).split(0.3)
        assert leaked(train, val, file["group"]) == 0
    assert main(["augment", str(tmp_path / "src.npz"), str(tmp_path / "dst"), "--recipe", str(recipe)]) == 0
    written = contents(tmp_path / "dst")
    assert {"dog/0.png", "dog/0~1.png", "cat/1.png", "dog/8~1.png"} <= set(written) and len(written) == 20
    np.testing.assert_array_equal(af.from_directory(tmp_path / "dst")[0].image, x[1])


def test_numbers_become_folders_that_sort(tmp_path: Path, recipe: Path) -> None:
    np.savez(tmp_path / "src.npz", x=images(12, (5, 5)), y=np.arange(12))
    assert main(["augment", str(tmp_path / "src.npz"), str(tmp_path / "dst"), "--recipe", str(recipe)]) == 0
    data = af.from_directory(tmp_path / "dst", color=None)
    assert present(data.classes)[9:] == ("09", "10", "11") and data[0].image.shape == (5, 5, 1)
    np.savez(tmp_path / "odd.npz", x=images(2), y=np.arange(2), classes=np.array(["T-shirt/top", "T-shirt:top"]))
    assert main(["augment", str(tmp_path / "odd.npz"), str(tmp_path / "odd"), "--recipe", str(recipe)]) == 1


@pytest.mark.parametrize("format", ["png", "jpg", "npz"])
def test_the_same_files_for_any_number_of_workers(tmp_path: Path, recipe: Path, format: str) -> None:
    src = tree(tmp_path / "src")
    found = []
    for workers in (0, 1, 4):
        out = tmp_path / f"out{workers}"
        dst = out / ("d.npz" if format == "npz" else "d")
        options = ["--recipe", str(recipe), "--format", format, "--workers", str(workers)]
        assert main(["augment", str(src), str(dst), *options]) == 0
        found.append(contents(out))
    assert found[0] == found[1] == found[2] and len(found[0]) > 0


def test_files_of_many_sizes_and_kinds(tmp_path: Path) -> None:
    src = tree(tmp_path / "src", count=3)
    Image.fromarray(images(1, (9, 5))[0]).save(src / "a" / "grey.jpg")
    Image.fromarray(images(1, (5, 9, 4))[0]).save(src / "a" / "see-through.png")
    Image.fromarray(images(1, (5, 9))[0].astype(np.uint16) * 256).save(src / "b" / "deep.png")
    (tmp_path / "r.yaml").write_text(af.Recipe([af.Rotate90(), af.Rotate(5)]).to_yaml())
    command = ["augment", str(src), str(tmp_path / "dst"), "--recipe", str(tmp_path / "r.yaml")]
    assert main(command) == 0
    data = af.from_directory(tmp_path / "dst", color=None)
    shapes = {Path(p).name: data[i].image for i, p in enumerate(present(data.paths))}
    assert shapes["grey~1.png"].shape in ((9, 5, 1), (5, 9, 1)) and shapes["see-through~1.png"].shape[2] == 4
    assert shapes["deep~1.png"].dtype == np.uint16
    assert len({shapes[name].shape for name in shapes if name.endswith("~1.png")}) > 3  # some were turned


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="the file system takes names in Unicode only")
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_computed(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    src = tree(tmp_path / "src", ("train", "val"), count=1)
    os.rename(src / "val" / "a" / "000.png", os.fsencode(src / "val" / "a") + b"/\xff.png")  # noqa: PTH104
    assert main(["augment", str(src), str(tmp_path / "dst"), "--recipe", str(recipe)]) == 0  # val has no groups.csv
    os.rename(src / "train" / "b" / "001.png", os.fsencode(src / "train" / "b") + b"/\xff.png")  # noqa: PTH104
    assert main(["augment", str(src), str(tmp_path / "dst.npz"), "--recipe", str(recipe)]) == 0
    capsys.readouterr()
    monkeypatch.delattr("augfuse.data.export.copy_files.augmented")
    assert main(["augment", str(src), str(tmp_path / "dst2"), "--recipe", str(recipe)]) == 1
    err = capsys.readouterr().err
    assert r"'b/\udcff.png': the name is not UTF-8" in err and "Traceback" not in err and "Rename the file" in err
    assert not (tmp_path / "dst2").exists()


@pytest.mark.filterwarnings("default:x holds:augfuse.errors.AugfuseWarning")  # the command prints it
@pytest.mark.parametrize(
    ("pixels", "options", "hint", "advice"),
    [
        (images(1, (8, 6, 4))[0], [], "uint8 images of shape (8, 6, 4)", "type x = x[..., :3]"),
        (images(1, (8, 6, 4))[0], ["--color", "rgb"], "", ""),
        (images(1, (8, 6))[0].astype(np.uint16) * 257, [], "uint16 images of shape (8, 6, 1)", "np.round(x / 257)"),
    ],
)
def test_an_npz_file_that_no_command_takes_is_warned_of(
    tmp_path: Path, recipe: Path, pixels: np.ndarray, options: list[str], hint: str, advice: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for letter in "ab":
        (tmp_path / "src" / letter).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "src" / letter / "0.png")
    dst = tmp_path / "dst.npz"
    command = ["augment", str(tmp_path / "src"), str(dst), "--recipe", str(recipe), *options]
    if not advice:
        assert main(command) == 0 and load_parts(dst)
        return
    assert main(command) == 0
    err = capsys.readouterr().err
    assert hint in err and "a folder as DST" in err
    with pytest.raises(af.DataError) as caught:
        load_parts(dst)
    assert advice in str(caught.value)
    with np.load(dst) as file:  # the advice can be followed
        held = {key: file[key] for key in file.files if key != "recipe"}
    x = held["x"]
    made = x[..., :3] if x.dtype == np.uint8 else np.round(x / 257).astype(np.uint8)
    np.savez(dst, **(held | {"x": made}))
    assert made[0, 0, 0, 0] == np.ravel(pixels)[0] // (257 if x.dtype == np.uint16 else 1) and load_parts(dst)


def test_names_do_not_collide(tmp_path: Path, recipe: Path) -> None:
    src = tree(tmp_path / "src", count=1)
    for name in ("x.png", "X.jpg", "x~1.png"):
        Image.fromarray(images(1)[0]).save(src / "a" / name)
    assert main(["augment", str(src), str(tmp_path / "dst"), "--recipe", str(recipe)]) == 0
    written = set(contents(tmp_path / "dst" / "a"))
    assert {"x.png", "x.png~1.png", "X.jpg", "X.jpg~1.png", "x~1.png", "x~1~1.png"} <= written
    (src / "a" / "X.jpg").unlink()
    assert main(["augment", str(src), str(tmp_path / "dst2"), "--recipe", str(recipe)]) == 1  # x~1.png twice
    assert not (tmp_path / "dst2").exists()


def test_a_target_is_never_overwritten_unasked(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src, dst = tree(tmp_path / "src", count=2), tmp_path / "dst"
    command = ["augment", str(src), str(dst), "--recipe", str(recipe)]
    assert main(command) == 0
    before = contents(dst)
    assert main([*command, "--seed", "1"]) == 2
    assert "exists already" in capsys.readouterr().err and contents(dst) == before
    assert main([*command, "--seed", "1", "--overwrite"]) == 0
    assert contents(dst) != before and set(contents(dst)) == set(before)
    other = tree(tmp_path / "precious", count=1)
    kept = contents(other)
    assert main(["augment", str(src), str(other), "--recipe", str(recipe), "--overwrite"]) == 2
    assert "was not written by augfuse augment" in capsys.readouterr().err and contents(other) == kept
    for target in (src, src / "inside", tmp_path):
        assert main(["augment", str(src), str(target), "--recipe", str(recipe), "--overwrite"]) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dst", "precious", "r.yaml", "src"]


def test_broken_files_stop_it_or_are_named(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src, dst = tree(tmp_path / "src", count=3), tmp_path / "dst"
    (src / "b" / "003.png").write_bytes(b"<html>")
    command = ["augment", str(src), str(dst), "--recipe", str(recipe)]
    assert main(command) == 1
    err = capsys.readouterr().err
    assert "003.png: this is a text file" in err and "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir() if "dst" in p.name] == []
    assert main([*command, "--on-error", "skip"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("003.png") == 1 and "skipped" in captured.err
    assert "5 originals and 5 copies" in captured.out and not list(dst.rglob("003*"))
    assert len(af.from_directory(dst)) == 10


def test_usage(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src = tree(tmp_path / "src", count=2)
    still = tmp_path / "still.yaml"
    still.write_text(af.Recipe([af.Resize(4)]).to_yaml())
    for options, words in (
        (["--copies", "0"], "--copies: got 0, wanted 1 or more"),
        (["--copies", "1000000000"], "--copies: got 1000000000, wanted at most 10000"),
        (["--workers", "-1"], "--workers: got -1"),
        (["--format", "npz"], "wanted a name that ends in .npz"),
        (["--recipe", str(still)], "nothing random in it"),
        (["--recipe", str(tmp_path / "none.yaml")], "no such recipe"),
    ):
        assert main(["augment", str(src), str(tmp_path / "dst"), *options]) == 2
        assert words in capsys.readouterr().err
    assert main(["augment", str(tmp_path / "nothing"), str(tmp_path / "dst")]) == 2
    assert main(["augment", str(src), str(tmp_path / "d.npz"), "--format", "png"]) == 2
    assert main(["augment", str(src), str(tmp_path / "once"), "--recipe", str(recipe)]) == 0
    assert main(["augment", str(tmp_path / "once"), str(tmp_path / "twice"), "--recipe", str(recipe)]) == 2
    assert "holds augmented copies already" in capsys.readouterr().err
    assert main(["augment", str(src), str(tmp_path / "jpg"), "--format", "jpg", "--color", "rgba"]) == 1
    assert "a JPEG holds no uint8 image of 4 channels" in capsys.readouterr().err
    assert not (tmp_path / "dst").exists() and not (tmp_path / "jpg").exists()


def test_without_a_recipe_a_mild_one_is_used_and_grey_images_are_not_mirrored(tmp_path: Path) -> None:
    src = tree(tmp_path / "src", count=2, size=(8, 6))
    assert main(["augment", str(src), str(tmp_path / "dst")]) == 0
    text = (tmp_path / "dst" / "recipe.yaml").read_text()
    assert "Rotate" in text and "Flip" not in text and "ToFloat" not in text


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_half_written(tmp_path: Path, number: signal.Signals) -> None:
    np.savez(tmp_path / "src.npz", x=images(3000, (64, 64, 3)), y=np.arange(3000) % 2)
    command = [sys.executable, "-m", "augfuse", "augment", "src.npz", "dst", "--copies", "50"]
    with running(command, cwd=tmp_path) as process:
        while not list(tmp_path.glob(".augfuse.dst.*.partial/*/*.png")) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert not (tmp_path / "dst").exists()
    if number == signal.SIGINT:
        assert process.returncode == 130, err
        assert "interrupted; dst was not written" in err and "Traceback" not in err
        assert [p.name for p in tmp_path.iterdir()] == ["src.npz"]
