"""The same picture twice: exact, nearly, across parts, with two labels; and what is no copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import augfuse as af
from augfuse.doctor import examine
from augfuse.doctor.checks import similar
from doctor_cases import codes, healthy, one, photos, picture, save
from present import present


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    decoded = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


EDITS = {
    "saved anew": lambda x: jpeg(x, 50),
    "half the size": lambda x: cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "enlarged": lambda x: cv2.resize(x, (150, 150)),
    "brighter": lambda x: cv2.convertScaleAbs(x, alpha=0.8, beta=20),
    "gray": lambda x: cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
}


def test_exact_copies_in_one_part(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "train/cat/again.png", picture(5))
    save(root / "train/cat/once_more.png", picture(5))
    checkup = examine(root)
    found = one(checkup, "AF201")
    assert codes(checkup) == {"AF201"} and "2 images more than needed" in found.message
    assert found.examples == ("train/cat/5.png = train/cat/again.png = train/cat/once_more.png",)
    assert checkup.quarantine == ("train/cat/again.png", "train/cat/once_more.png")


def test_exact_leak(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "val/cat/leak.png", picture(5))
    checkup = examine(root)
    found = one(checkup, "AF202")
    assert codes(checkup) == {"AF202"} and "1 of 9 images in val" in found.message
    assert checkup.quarantine == ("train/cat/5.png",)  # the held-out part stays comparable


def test_a_leak_from_val_into_test_costs_val_its_copy(tmp_path: Path) -> None:
    root = photos(healthy(tmp_path), {"test": {"cat": 4, "dog": 4}}, start=100)
    save(root / "test/cat/leak.png", picture(25))
    save(root / "test/cat/near.jpg", picture(26), quality=60)
    checkup = examine(root)
    assert codes(checkup) == {"AF202", "AF205"}
    assert one(checkup, "AF202").examples == ("val/cat/1.png = test/cat/leak.png",)
    assert one(checkup, "AF202").advice.startswith("Leave the copies in val out;")
    assert set(checkup.quarantine) == {"val/cat/1.png", "val/cat/2.png"}
    save(root / "train/cat/too.png", picture(25))
    checkup = examine(root)
    assert one(checkup, "AF202").advice.startswith("Leave the copies in train and val out;")
    assert one(checkup, "AF202").files == ("train/cat/too.png", "val/cat/1.png")


def test_a_leak_into_a_part_without_labels_is_no_matter_of_labels(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    for number in range(6):
        save(root / f"test/{number}.png", picture(100 + number))
    save(root / "test/leak.png", picture(5))
    save(root / "test/near.jpg", picture(7), quality=60)
    checkup = examine(root)
    assert not {"AF203", "AF206"} & codes(checkup)
    assert one(checkup, "AF202").examples == ("train/cat/5.png = test/leak.png",)
    assert one(checkup, "AF205").examples == ("train/cat/7.png = test/near.jpg",)
    assert set(checkup.quarantine) == {"train/cat/5.png", "train/cat/7.png"}
    save(root / "train/dog/wrong.png", picture(5))
    assert one(examine(root), "AF203").files == ("train/cat/5.png", "train/dog/wrong.png")


def test_exact_copies_with_two_labels(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "train/dog/wrong.png", picture(5))
    checkup = examine(root)
    assert codes(checkup) == {"AF203"}
    assert checkup.quarantine == ("train/cat/5.png", "train/dog/wrong.png")


@pytest.mark.parametrize("edit", EDITS)
def test_near_copies(tmp_path: Path, edit: str) -> None:
    root = healthy(tmp_path)
    save(root / "val/cat/near.png", EDITS[edit](picture(5)))
    checkup = examine(root)
    assert codes(checkup) == {"AF205"}
    assert one(checkup, "AF205").examples == ("train/cat/5.png = val/cat/near.png",)


def test_near_copies_inside_a_part_and_with_two_labels(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "train/cat/near.jpg", picture(5), quality=60)
    save(root / "train/dog/near.jpg", picture(2), quality=60)
    checkup = examine(root)
    assert codes(checkup) == {"AF204", "AF206"} and checkup.quarantine == ()
    assert one(checkup, "AF206").examples == ("train/cat/2.png = train/dog/near.jpg",)


def candidates(small: np.ndarray) -> tuple[np.ndarray, bool]:
    return similar.candidates(len(small), lambda rows: small[rows])


def meets(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether hashes and small copies of two images agree, so that only their pixels can tell them apart."""
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (one, other)]
    small = np.stack([cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA) for image in gray])
    return len(candidates(small)[0]) == 1


def test_the_same_composition_is_no_copy(tmp_path: Path) -> None:
    """The same smooth shapes with other grain."""
    rng = np.random.default_rng(9)
    smooth = cv2.resize(rng.integers(0, 220, (6, 8, 3), dtype=np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
    pair = [cv2.add(smooth, rng.integers(0, 30, smooth.shape, dtype=np.uint8)) for _ in range(2)]
    assert meets(*pair)
    root = healthy(tmp_path)
    for number, image in enumerate(pair):
        save(root / f"train/cat/like{number}.png", image)
    assert codes(examine(root)) == set()


def test_other_colours_are_other_pictures(tmp_path: Path) -> None:
    """A red and a green light: as grey pictures they are the same."""
    gray = cv2.cvtColor(picture(50), cv2.COLOR_RGB2GRAY) // 3 + 80
    tint = np.array([60, -60 * 0.299 / 0.587, 0])
    red, green = (np.clip(np.rint(gray[:, :, None] + sign * tint), 0, 255).astype(np.uint8) for sign in (1, -1))
    assert meets(red, green)
    root = healthy(tmp_path)
    save(root / "train/cat/red.png", red)
    save(root / "val/cat/green.png", green)
    assert codes(examine(root)) == set()


def bar(seed: int) -> np.ndarray:
    """28x28: a light bar on black, as wide and as slanted as the seed says. All bars look much alike."""
    rng = np.random.default_rng(seed)
    top, bottom = rng.uniform(9, 19, 2)
    width, light = rng.uniform(1.5, 3.5), rng.uniform(180, 255)
    y, x = np.mgrid[:28, :28]
    beside = np.abs(x - top - (bottom - top) * y / 27) - width
    ends = np.clip(np.minimum(y - 2, 25 - y), 0, 1)
    return (light * ends * np.clip(1 - beside, 0, 1)).astype(np.uint8)


def test_sets_whose_images_are_alike_by_nature(tmp_path: Path) -> None:
    images = np.stack([bar(seed) for seed in range(600)])
    _, strict = candidates(np.stack([cv2.resize(i, (32, 32), interpolation=cv2.INTER_AREA) for i in images]))
    assert strict
    copy = np.clip(images[7].astype(int) + (images[7] > 0), 0, 255).astype(np.uint8)
    x = np.concatenate([images, copy[None]])
    np.savez(tmp_path / "bars.npz", x=x, y=np.zeros(len(x), int))
    found = one(examine(tmp_path / "bars.npz"), "AF204")
    assert "x[7] (0) = x[600] (0)" in found.examples and found.count < 0.05 * len(x)


def test_a_lone_pair_in_a_small_set_says_nothing_about_the_set() -> None:
    """Of 40 images two are near copies that correlate by 0.95 to 0.98; that is no set of look-alikes."""
    small = np.stack([cv2.resize(picture(i), (32, 32), interpolation=cv2.INTER_AREA) for i in range(40)])
    small = np.rint(small @ [0.299, 0.587, 0.114]).astype(np.uint8)
    small[39] = np.clip(small[2] * 1.3, 0, 255)
    assert 0.95 < similar._correlation(small[[2]].reshape(1, -1), small[[39]].reshape(1, -1))[0] < 0.98
    pairs, strict = candidates(small)
    assert pairs.tolist() == [[2, 39]] and not strict


def test_hash_pairs_finds_every_pair_within_three_bits() -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 600, dtype=np.uint64)
    for number in range(0, 300, 2):
        flips = rng.choice(64, rng.integers(0, 4), replace=False)
        hashes[number + 1] = hashes[number] ^ np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64), initial=0)
    found = {tuple(pair) for pair in similar._hash_pairs(hashes).tolist()}
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    near = {(i, j) for i, j in np.argwhere(np.triu(distance <= 3, 1)).tolist()}
    assert near <= found and len(near) >= 150
    assert all(distance[i, j] <= 8 for i, j in found)


def test_arrays_name_rows_and_labels(tmp_path: Path) -> None:
    x = np.stack([picture(i, 32, 32) for i in range(40)])
    x[33] = x[2]
    np.savez(tmp_path / "d.npz", x_train=x[:30], y_train=np.arange(30) % 2, x_test=x[30:], y_test=np.arange(10) % 2)
    checkup = examine(tmp_path / "d.npz")
    assert one(checkup, "AF203").examples == ("x_train[2] (0) = x_test[3] (1)",)


def test_augmented_copies_in_a_held_out_part(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    rows = [f"{name}/{number}.png,{name}{number},0" for name in ("cat", "dog") for number in range(4)]
    rows[1] = "cat/1.png,cat0,1"
    (root / "val/groups.csv").write_text("\n".join(["file,group,copy", *rows]) + "\n")
    checkup = examine(root)
    assert one(checkup, "AF207").examples == ("val/cat/1.png",)


def test_the_quarantine_cures(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    save(root / "val/cat/leak.png", picture(5))
    save(root / "train/dog/again.png", picture(13))
    (root / "val/dog/bad.png").write_bytes(b"")
    left_out = examine(root).quarantine
    source = af.from_directory(root, exclude=left_out)
    assert len(source) == 24 - 1 and len(source.parts["val"]) == 9
    assert not any(path.endswith(left_out) for part in source.parts.values() for path in present(part.paths))
