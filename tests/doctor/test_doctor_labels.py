"""What the doctor says about classes, parts, arrays and recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.data.sources.npz import read_npz
from augfuse.doctor import examine
from augfuse.doctor.checks.classes import _check_order
from augfuse.doctor.examined_data import Part
from doctor_cases import codes, healthy, one, photos, picture, save


def arrays(path: Path, count: int = 40, **more: Any) -> Path:
    """An .npz of `count` different 32x32 images, two classes in turn; x_train, y_train or anything given instead."""
    held: dict[str, Any] = {"x_train": np.stack([picture(i, 32, 32) for i in range(count)])}
    held["y_train"] = np.arange(count) % 2
    np.savez(path, **{key: value for key, value in (held | more).items() if value is not None})
    return path


def test_balance_and_few_images(tmp_path: Path) -> None:
    checkup = examine(photos(tmp_path, {"": {"cat": 36, "dog": 4}}))
    assert codes(checkup) == {"AF301", "AF302"}
    found = one(checkup, "AF301")
    assert "9.0 times" in found.message and "scores 0.90" in found.message
    assert one(checkup, "AF302").examples == ("dog: 4",)


def test_class_sets_and_numbers_differ(tmp_path: Path) -> None:
    checkup = examine(photos(tmp_path, {"train": {"cat": 12, "dog": 12}, "val": {"bird": 4, "dog": 4}}))
    assert codes(checkup) == {"AF303"}  # dog is the second in both
    unknown, absent = [f for f in checkup.findings if f.code == "AF303"]
    assert (unknown.severity, unknown.examples) == ("error", ("bird",))
    assert (absent.severity, absent.examples) == ("warning", ("cat",))
    assert codes(examine(photos(tmp_path / "b", {"train": {"a": 12, "b": 12}, "val": {"b": 4}}))) == {"AF303", "AF304"}
    moved = one(examine(tmp_path / "b"), "AF304")
    assert moved.examples == ("'b' is 1 in train and 0 in val",)


def test_names_that_differ_in_case_and_a_single_class(tmp_path: Path) -> None:
    checkup = examine(photos(tmp_path / "a", {"": {"Cat": 12, "cat ": 12, "dog": 12}}))
    assert one(checkup, "AF305").examples == ("'Cat' and 'cat '",)
    spaced = examine(photos(tmp_path / "c", {"": {"hot dog": 12, "hot__dog": 12, "hotdog": 12}}))
    assert one(spaced, "AF305").examples == ("'hot dog' and 'hot__dog'",)
    assert codes(examine(photos(tmp_path / "b", {"": {"cat": 12}}))) == {"AF306"}


@pytest.mark.parametrize("names", [("C", "C++", "C#"), ("1.5", "15"), ("-1", "1"), ("A", "A-", "A+"), ("1-2", "12")])
def test_names_that_differ_in_a_sign_are_different(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert examine(photos(tmp_path, {"": dict.fromkeys(names, 12)})).findings == ()


def test_a_contiguous_split_would_miss_classes(tmp_path: Path) -> None:
    sorted_labels = np.repeat([0, 1, 2, 3], 25)
    checkup = examine(arrays(tmp_path / "d.npz", 100, y_train=sorted_labels))
    assert codes(checkup) == {"AF308"}
    assert "last 20% hold 1 of 4 classes" in one(checkup, "AF308").message
    assert codes(examine(arrays(tmp_path / "e.npz", 100, y_train=np.arange(100) % 4))) == set()


@pytest.mark.parametrize("sizes", [(19, 19), (10, 10), (15,) * 10, (3,) * 8, (180, 20)])
def test_sorted_labels_are_found_in_classes_of_any_size(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)[::-1]
    checkup = examine(arrays(tmp_path / "d.npz", len(labels), y_train=labels))
    assert "AF308" in codes(checkup)


def test_shuffled_labels_that_miss_a_class_by_chance_are_no_finding() -> None:
    rng = np.random.default_rng(0)
    alarms, missing = 0, 0
    for _ in range(2000):
        labels = rng.permutation(np.repeat(np.arange(rng.integers(2, 8)), rng.integers(2, 20)))
        part = Part(name="train", names=("",) * len(labels), labels=labels, images=np.zeros((len(labels), 1, 1)))
        missing += len(np.setxor1d(labels[: int(len(labels) * 0.8)], labels[int(len(labels) * 0.8) :])) > 0
        alarms += len(list(_check_order(part, ("",) * 8)))
    assert missing > 500 and alarms <= 4


def test_parts_of_an_npz_that_train_refuses(tmp_path: Path) -> None:
    x, y = np.stack([picture(i, 32, 32) for i in range(50, 60)]), np.arange(10) % 2
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("a", {"y_train": None}, "x_train has no labels: the file holds no y_train,"),
        ("b", {"x_test": x}, "x_test has no labels: the file holds no y_test,"),
        ("c", {"y_test": y}, "y_test has no images: the file holds no x_test,"),
    ]
    for name, more, words in cases:
        path = arrays(tmp_path / f"{name}.npz", **more)
        found = one(examine(path), "AF311")
        assert words in found.message and found.severity == "error"
        with pytest.raises(af.DataError, match="missing"):
            read_npz(path)
    leak = arrays(tmp_path / "leak.npz", x_test=np.stack([picture(3, 32, 32), *x]))
    assert one(examine(leak), "AF202").files == ("x_train[3]",)


def test_names_that_do_not_fit_the_labels(tmp_path: Path) -> None:
    short = arrays(tmp_path / "short.npz", classes=np.array(["cat"]))
    assert "classes has 1 name, the labels are 0..1, wanted names" in one(examine(short), "AF310").message
    numbers = arrays(tmp_path / "numbers.npz", classes=np.arange(2))
    assert "classes is int64 (2,), wanted names" in one(examine(numbers), "AF310").message
    for path in (short, numbers):
        with pytest.raises(af.DataError):
            read_npz(path)


def test_classes_without_images_in_arrays(tmp_path: Path) -> None:
    hot = examine(arrays(tmp_path / "hot.npz", y_train=np.eye(3)[np.arange(40) % 2 * 2]))
    assert codes(hot) == {"AF307"} and hot.classes == ("0", "1", "2")
    found = one(hot, "AF307")
    assert (found.severity, found.examples) == ("warning", ("1",)) and "1 of 3 classes has no images" in found.message
    named = examine(arrays(tmp_path / "named.npz", classes=np.array(["cat", "dog", "owl"])))
    assert codes(named) == {"AF307"} and one(named, "AF307").examples == ("owl",)
    single = examine(arrays(tmp_path / "single.npz", y_train=np.eye(2)[np.zeros(40, int)]))
    assert codes(single) == {"AF306", "AF307"}


def test_labels_of_two_parts_in_two_forms(tmp_path: Path) -> None:
    x, y = np.stack([picture(i, 32, 32) for i in range(50, 60)]), np.arange(10) % 2
    checkup = examine(arrays(tmp_path / "d.npz", y_train=np.eye(2)[np.arange(40) % 2], x_test=x, y_test=y))
    assert codes(checkup) == {"AF312"} and checkup.classes == ("0", "1")
    found = one(checkup, "AF312")
    assert found.examples == ("y_train", "y_test") and "y_train.argmax(axis=1)" in found.advice
    column = examine(arrays(tmp_path / "e.npz", y_train=(np.arange(40) % 2)[:, None], x_test=x, y_test=y))
    assert column.findings == ()


@pytest.mark.parametrize(
    ("labels", "code", "words"),
    [
        (np.arange(40) % 2 + 1, "AF309", "begin at 1"),
        (np.arange(40) % 2 * 5, "AF309", "0..5 with 2 different values: 4 numbers in between do not occur."),
        (np.arange(40) % 2 - 1, "AF309", "-1..0 with 2 different values: they begin at -1."),
        (np.arange(40) % 2 * 2 - 1, "AF309", "they begin at -1 and 1 number in between does not occur."),
        (np.arange(40) % 2 * 10**15, "AF309", "999,999,999,999,999 numbers in between"),
        (np.arange(39) % 2, "AF310", "39 labels for 40 images"),
        (np.where(np.arange(40) == 3, np.nan, np.arange(40) % 2), "AF310", "1 value that are NaN"),
        (np.full((40, 2), 0.5), "AF310", "40 rows of 40 that are not one-hot"),
        (np.arange(40) % 2 + 0.5, "AF310", "not whole, such as 0.5"),
    ],
)
def test_labels_of_arrays(tmp_path: Path, labels: np.ndarray, code: str, words: str) -> None:
    found = one(examine(arrays(tmp_path / "d.npz", y_train=labels)), code)
    assert words in found.message


@pytest.mark.parametrize("form", ["ids", "column", "one-hot", "names", "floats"])
def test_labels_in_every_usual_form_are_fine(tmp_path: Path, form: str) -> None:
    ids = np.arange(40) % 2
    labels = {"ids": ids, "column": ids[:, None], "one-hot": np.eye(2)[ids], "names": np.array(["a", "b"])[ids]}
    checkup = examine(arrays(tmp_path / "d.npz", y_train=labels.get(form, ids.astype(float))))
    assert checkup.findings == () and len(checkup.classes) == 2


def test_parts_on_different_scales(tmp_path: Path) -> None:
    x = np.stack([picture(i, 32, 32) for i in range(50, 60)])
    y = np.arange(10) % 2
    checkup = examine(arrays(tmp_path / "d.npz", x_test=(x / 255).astype(np.float32), y_test=y))
    assert codes(checkup) == {"AF401"}
    assert "train uint8 0..255" in one(checkup, "AF401").message
    checkup = examine(arrays(tmp_path / "e.npz", x_test=((x - 120.0) / 60).astype(np.float32), y_test=y))
    assert codes(checkup) == {"AF401", "AF403"}


def test_nan_and_float_ranges(tmp_path: Path) -> None:
    x = np.stack([picture(i, 32, 32) for i in range(40)]).astype(np.float32)
    x[4, 1, 2, 0] = np.nan
    x[9, :2, 0] = np.inf
    checkup = examine(arrays(tmp_path / "d.npz", x_train=x))
    assert codes(checkup) == {"AF402", "AF403"}
    assert (
        one(checkup, "AF402").examples == ("x_train[4]", "x_train[9]") and "7 values" in one(checkup, "AF402").message
    )
    assert "value_range=(0, 255)" in one(checkup, "AF403").advice


def test_arrays_no_source_takes(tmp_path: Path) -> None:
    x = np.stack([picture(i, 32, 32) for i in range(40)])
    assert "AF404" in codes(examine(arrays(tmp_path / "d.npz", x_train=x.astype(np.int64))))
    with pytest.raises(af.DataError, match="channels last"):
        examine(arrays(tmp_path / "e.npz", x_train=x.transpose(0, 3, 1, 2)))
    checkup = examine(arrays(tmp_path / "f.npz", x_test=x[:4, :20] // 2, y_test=[0, 1, 0, 1]))
    assert "(20, 32, 3), (32, 32, 3)" in one(checkup, "AF404").message
    with pytest.raises(af.DataError, match="holds a, wanted x_train"):
        examine(arrays(tmp_path / "g.npz", x_train=None, y_train=None, a=x))


def test_an_array_source(tmp_path: Path) -> None:
    x = np.stack([picture(i, 32, 32) for i in range(40)])
    checkup = examine(af.from_arrays(x, np.arange(40) % 2, classes=("cat", "dog")))
    assert checkup.findings == () and checkup.classes == ("cat", "dog") and checkup.parts == {"": 40}


def test_sizes_that_do_not_stack(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    good = [af.Resize(32), af.HorizontalFlip(), af.ToFloat()]
    assert examine(root, af.Recipe(good)).findings == ()
    save(root / "train/cat/tall.png", picture(90, 80, 60))
    assert examine(root, af.Recipe(good)).findings == ()
    found = one(examine(root, af.Recipe(good[1:])), "AF502")
    assert "2 sizes" in found.message and set(found.examples) == {"60x80", "80x60"}
    found = one(examine(root, af.Recipe([af.Resize((32, 48)), af.Rotate90(), af.ToFloat()])), "AF502")
    assert "In training" in found.message


def test_recipes_that_fail(tmp_path: Path) -> None:
    path = arrays(tmp_path / "d.npz", x_train=np.stack([picture(i, 32, 32)[:, :, 0] for i in range(40)]))
    found = one(examine(path, af.Recipe([af.Normalize()])), "AF501")
    assert "Normalize" in found.message and "1" in found.message


def test_scale_and_statistics(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    unscaled = examine(root, af.Recipe([af.Rotate(10)]))  # augfuse train adds ToFloat
    assert "outside augfuse train" in one(unscaled, "AF503").message and unscaled.healthy
    assert "values up to 255" in one(unscaled, "AF503").message
    assert codes(examine(root, af.Recipe([af.Normalize()]))) == set()
    with pytest.warns(af.AugfuseWarning, match=r"Normalize.mean: got \(120.0,\)"):
        in_pixels = af.Normalize(mean=120.0, std=60.0)
    checkup = examine(root, af.Recipe([in_pixels]))
    advice = one(checkup, "AF505").advice
    fitted = eval(advice[advice.index("af.Normalize") :].rstrip("."), {"af": af})
    assert codes(examine(root, af.Recipe([fitted]))) == set()


@pytest.mark.parametrize(
    ("names", "transform", "found"),
    [
        (("3", "8"), af.HorizontalFlip(), True),
        (("3", "8"), af.Rotate(90), True),
        (("3", "8"), af.Rotate(20), False),
        (("3", "8"), af.HorizontalFlip(p=0), False),
        (("seven", "nine"), af.VerticalFlip(), True),
        (("B", "D"), af.Transpose(), True),
        (("turn_left", "turn_right"), af.HorizontalFlip(), True),
        (("turn_left", "turn_right"), af.VerticalFlip(), False),
        (("arrow up", "arrow down"), af.VerticalFlip(), True),
        (("cat", "dog"), af.HorizontalFlip(), False),
        (("upright piano", "copyright"), af.HorizontalFlip(), False),
        (("TurnLeft", "TurnRight"), af.HorizontalFlip(), True),
        (("digit0", "digit1"), af.HorizontalFlip(), True),
        (("letter_a", "letter_b"), af.HorizontalFlip(), True),
        (("06", "09"), af.Rotate(90), True),
        (("letter", "invoice"), af.HorizontalFlip(), False),
        (("number plate", "3D"), af.HorizontalFlip(), False),
    ],
)
def test_augmentations_that_may_change_labels(
    tmp_path: Path, names: tuple[str, str], transform: af.Transform, found: bool
) -> None:
    root = photos(tmp_path, {"": dict.fromkeys(names, 12)})
    checkup = examine(root, af.Recipe([transform, af.Resize(32), af.ToFloat()]))
    assert codes(checkup) == ({"AF504"} if found else set())
    assert checkup.healthy


def test_labels_of_arrays_are_numbers_not_digits(tmp_path: Path) -> None:
    recipe = af.Recipe([af.HorizontalFlip(), af.ToFloat()])
    assert examine(arrays(tmp_path / "d.npz"), recipe).findings == ()
    named = arrays(tmp_path / "e.npz", classes=np.array(["3", "8"]))
    assert examine(named, recipe).findings == ()


@pytest.mark.parametrize(
    ("side", "transform", "found"),
    [
        (28, af.HorizontalFlip(), True),
        (8, af.Rotate(90), True),
        (28, af.Rotate(10), False),
        (32, af.HorizontalFlip(), False),
    ],
)
def test_ten_numbered_classes_of_small_grey_images_may_be_digits(
    tmp_path: Path, side: int, transform: af.Transform, found: bool
) -> None:
    x = np.stack([picture(i, side, side)[:, :, 0] for i in range(100)])
    path = arrays(tmp_path / "d.npz", x_train=x, y_train=np.arange(100) % 10)
    checkup = examine(path, af.Recipe([transform, af.ToFloat()]))
    assert codes(checkup) == ({"AF504"} if found else set())
    assert not found or "if these 10 numbered classes" in one(checkup, "AF504").message


def test_a_recipe_file(tmp_path: Path) -> None:
    root = healthy(tmp_path / "set")
    (tmp_path / "r.yaml").write_text(af.Recipe([af.Rotate(10)]).to_yaml())
    assert codes(examine(root, tmp_path / "r.yaml")) == {"AF503"}
    with pytest.raises(af.DataNotFoundError, match="no such recipe file"):
        examine(root, tmp_path / "nosuch.yaml")
    with pytest.raises(af.RecipeError, match="recipe: got int"):
        examine(root, 3)  # pyright: ignore[reportArgumentType]
