"""What the training command trains on: the digits, .npz files, class folders, and the recipe for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.data.sources import digits
from augfuse.experiment.setup import run_recipe
from augfuse.experiment.setup.prepare import Options, prepare
from augfuse.experiment.setup.train_and_test import load_parts
from present import present
from stripes import SHAPE, save_npz, stripes


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = stripes(48, 0)
    x_test, y_test = stripes(40, 1)
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    return save_npz(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)


# --- the digits ---


def test_digits_are_the_bundled_scans_and_the_same_each_time() -> None:
    one, two = digits.load_digits(), digits.load_digits()
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert one.x_train.shape == (300, 28, 28, 1)
    assert one.x_test.shape == (1497, 28, 28, 1)
    assert one.x_train.dtype == np.uint8
    assert one.x_train.max() == 255
    counts = np.bincount(one.y_train)
    assert len(counts) == 10
    assert counts.min() >= 28
    assert counts.max() <= 32


def test_placed_digits_keep_their_pixels_and_are_all_over_the_canvas() -> None:
    scans = np.full((200, 8, 8), 200, np.uint8)
    placed = digits.place(scans)
    assert (placed > 0).sum(axis=(1, 2, 3)).tolist() == [256] * 200
    corners = {(int(i[0].min()), int(i[1].min())) for i in (np.nonzero(image[..., 0]) for image in placed)}
    assert len(corners) > 80
    assert {row for row, _ in corners} == set(range(13))


# --- DATA ---


def test_npz_with_a_test_part(npz: Path) -> None:
    parts = load_parts(npz)
    assert (len(parts.train), len(parts.test)) == (48, 40)
    assert parts.classes == ("0", "1")
    assert parts.shape == SHAPE
    assert np.array_equal(parts.train[3].image, stripes(48, 0)[0][3])


def test_npz_without_a_test_part_holds_out_a_fifth_of_each_class(tmp_path: Path) -> None:
    x, _ = stripes(50, 0)
    y = np.array(["b"] * 40 + ["a"] * 10)
    parts = load_parts(save_npz(tmp_path / "d.npz", x_train=x, y_train=y))
    assert parts.classes == ("a", "b")
    assert np.bincount(present(parts.test.labels)).tolist() == [2, 8]
    assert np.bincount(present(parts.train.labels)).tolist() == [8, 32]
    assert not set(parts.train.rows.tolist()) & set(parts.test.rows.tolist())
    assert "held out" in parts.description


@pytest.mark.parametrize("form", ["column", "one-hot", "floats", "bools"])
def test_npz_takes_labels_in_usual_forms(tmp_path: Path, form: str) -> None:
    x, y = stripes(20, 0)
    forms = {"column": y[:, None], "one-hot": np.eye(2)[y], "floats": y.astype(np.float64), "bools": y == 1}
    parts = load_parts(save_npz(tmp_path / "d.npz", x_train=x, y_train=forms[form], x_test=x, y_test=y))
    assert np.array_equal(present(parts.train.labels), y)


def test_npz_numbers_the_classes_of_both_parts_alike(tmp_path: Path) -> None:
    x, _ = stripes(4, 0)
    path = save_npz(
        tmp_path / "d.npz", x_train=x, y_train=np.array([3, 7, 9, 9]), x_test=x[:2], y_test=np.array([9, 3])
    )
    parts = load_parts(path)
    assert parts.classes == ("3", "7", "9")
    assert present(parts.test.labels).tolist() == [2, 0]


IMAGES, TWO = np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x_train": IMAGES}, "y_train missing, the file holds x_train"),
        ({"a": np.zeros(3)}, "x_train and y_train missing"),
        (
            {
                "x_train": IMAGES,
                "y_train": TWO,
                "x_test": IMAGES,
            },
            "y_test missing",
        ),
        ({"x_train": IMAGES, "y_train": np.arange(3)}, "y_train has 3 labels for 4 images"),
        ({"x_train": np.zeros((4, 8, 8)), "y_train": TWO}, "x_train is float64, wanted uint8"),
        ({"x_train": np.zeros((4, 8, 8), np.uint16), "y_train": TWO}, "type x_train = np.round(x_train / 257).astype"),
        ({"x_train": np.zeros((4, 8, 8), int), "y_train": TWO}, "type x_train = x_train.astype(np.uint8)"),
        ({"x_train": np.zeros((4, 8), np.uint8), "y_train": TWO}, "shape (4, 8)"),
        ({"x_train": np.zeros((4, 8, 8, 4), np.uint8), "y_train": TWO}, "shape (4, 8, 8, 4)"),
        ({"x_train": IMAGES, "y_train": np.linspace(0, 1, 4)}, "wanted class numbers"),
        ({"x_train": IMAGES, "y_train": np.ones((4, 3))}, "wanted class numbers"),
        ({"x_train": np.zeros((9, 8, 8), np.uint8), "y_train": np.zeros(9)}, "got 1 class"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    path = save_npz(tmp_path / "d.npz", **arrays)
    with pytest.raises(af.DataError) as caught:
        load_parts(path)
    assert words in str(caught.value)
    assert "d.npz" in str(caught.value)


def test_data_that_is_not_there_or_not_readable(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="no such file or folder"):
        load_parts(tmp_path / "nothing")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(af.DataError, match="not a readable"):
        load_parts(tmp_path / "x.npz")
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(af.DataError, match="not a readable"):
        load_parts(tmp_path / "x.npz")
    np.savez(tmp_path / "pickled.npz", x_train=np.array([{}, {}]), y_train=np.arange(2))
    with pytest.raises(af.DataError, match="not a readable"):
        load_parts(tmp_path / "pickled.npz")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(af.DataError, match="wanted a folder"):
        load_parts(tmp_path / "x.txt")


def write_folders(root: Path, parts: tuple[str, ...], count: int = 10) -> Path:
    from PIL import Image

    for part in parts:
        images, labels = stripes(count, 0, (12, 12, 3))
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = root / part / ("up", "down & <out>")[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{i}.png")
    return root


@pytest.mark.parametrize(
    ("folders", "counts"), [((".",), (8, 2)), (("train", "valid"), (10, 10)), (("train",), (8, 2))]
)
def test_class_folders_with_and_without_a_test_part(
    tmp_path: Path, folders: tuple[str, ...], counts: tuple[int, int]
) -> None:
    parts = load_parts(write_folders(tmp_path / "pictures", folders))
    assert (len(parts.train), len(parts.test)) == counts
    assert parts.classes == ("down & <out>", "up")
    assert np.bincount(present(parts.test.labels)).tolist() == [counts[1] // 2] * 2
    assert not set(present(parts.train.paths)) & set(present(parts.test.paths))


# --- recipes ---


def test_a_recipe_is_completed_for_a_network() -> None:
    done = run_recipe.complete(af.Recipe([af.Rotate(10)], fill="reflect"), (8, 10))
    assert [type(t).__name__ for t in done.transforms] == ["Resize", "Rotate", "ToFloat"]
    assert done.fill == "reflect"
    whole = af.Recipe([af.Rotate(10), af.Normalize()])
    assert run_recipe.complete(whole, None) == whole


def test_a_recipe_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(af.RecipeError, match="nothing random"):
        run_recipe.complete(af.Recipe([af.Resize(8), af.ToFloat()]), None)
    with pytest.raises(af.RecipeError, match="sets a size too"):
        run_recipe.complete(af.Recipe([af.RandomCrop(8)]), (8, 8))


def test_default_recipes_do_not_mirror_characters() -> None:
    names = [type(t).__name__ for t in run_recipe.default_recipe((8, 8), 1).transforms]
    assert "HorizontalFlip" not in names
    assert "HorizontalFlip" in [type(t).__name__ for t in run_recipe.default_recipe((8, 8), 3).transforms]
    assert not {"HorizontalFlip", "VerticalFlip"} & {type(t).__name__ for t in run_recipe.digits_recipe().transforms}
    for channels in (1, 3):
        image = np.full((9, 7, channels), 99, np.uint8)
        assert run_recipe.default_recipe((8, 6), channels)(image=image)["image"].shape == (8, 6, channels)


def test_prepare_refuses_images_of_different_sizes(tmp_path: Path) -> None:
    from PIL import Image

    root = write_folders(tmp_path / "pictures", (".",))
    for path in (root / "up").iterdir():
        with Image.open(path) as image:
            image.resize((20, 14)).save(path)
    (tmp_path / "r.yaml").write_text(af.Recipe([af.Rotate(5)]).to_yaml(), encoding="utf-8")
    with pytest.raises(af.RecipeError, match="different sizes"):
        prepare(Options(data=root, recipe=tmp_path / "r.yaml", out=tmp_path / "runs"))
    job = prepare(Options(data=root, recipe=tmp_path / "r.yaml", size=(8, 6), out=tmp_path / "runs"))
    assert (job.settings.size, job.settings.channels) == ((8, 6), 3)
