"""What belongs to an image and does not fit it: the same words from a call, a batch and a data set, with the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af

HEIGHT, WIDTH = 32, 40
IMAGES = np.zeros((3, HEIGHT, WIDTH, 3), np.uint8)
MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
BOX = [[2, 3, 10, 12]]
RING = [[[1, 2], [3, 4], [5, 9]]]
POINTS = [[[1, 2], [3, 4], [5, 6], [7, 8]]]
NAN = float("nan")

# The target, one that fits, one that does not, and what is said of it.
WRONG: list[tuple[str, Any, Any, str]] = [
    ("boxes", BOX, [[10, 12, 2, 3]], r"upside down as pascal_voc, wanted x1 <= x2 and y1 <= y2.*box_format=\"coco\""),
    ("boxes", BOX, [[50, 3, 60, 12]], r"outside of the image, 40 wide and 32 high, wanted boxes that .*Leave it"),
    ("boxes", BOX, [[2, 3, NAN, 12]], r"row 0 is .*, wanted finite numbers. Leave it out"),
    ("boxes", BOX, [[0.1, 0.2, 0.5, 0.6]], r"all numbers are 0..1, wanted pixels .*box_format=\"yolo\""),
    ("boxes", BOX, [1, 2, 3, 4], r"got shape \(4,\), wanted \(k, 4\) .* One box is a list of one"),
    ("boxes", BOX, [[1, 2, 3, 4, 0]], r"got shape \(1, 5\), wanted \(k, 4\) .* box_labels"),
    ("mask", MASK, MASK.T.copy(), r"got shape \(40, 32\) for an image of 32x40.* mask.T"),
    ("mask", MASK, MASK[:16], r"got shape \(16, 40\).*cv2.resize\(mask, \(40, 32\)"),
    ("mask", MASK, np.float32(np.arange(HEIGHT * WIDTH).reshape(MASK.shape) % 4), r"whole numbers only .*np.int32"),
    ("mask", MASK, MASK.astype(object), r"got object, wanted whole numbers.*astype\(np.int32\)"),
    ("mask", MASK, None, r"got NoneType, .*np.zeros\(\(h, w\), np.uint8\)"),
    ("mask", MASK, "a.png", r"got str, .*af.from_pairs"),
    ("masks", MASK[None], MASK.T[None].copy(), r"got shape \(1, 40, 32\).*transpose\(0, 2, 1\)"),
    ("keypoints", POINTS, [[[1, 2], [3, 4], [5, 6]]], r"swap_keypoints names point 3, and there are 3, .*wanted all"),
    ("keypoints", POINTS, [[1, 2]], r"swap_keypoints names point 3, and there are 1, .*visibility 0"),
    ("keypoints", POINTS, [[[NAN, 2], [3, 4], [5, 6], [7, 8]]], r"wanted finite numbers. .*visibility"),
    ("keypoints", POINTS, [[1, 2, 3, 4, 5]], r"got shape \(1, 5\), .*keypoint_format"),
    ("polygons", RING, [[[1, 2], [3, 4]]], r"polygon 0: got shape \(2, 2\), .*three points. Leave it out"),
    ("polygons", RING, [[1, 2, 3, 4, 5, 6]], r"got shape \(6,\).*np.reshape\(ring, \(-1, 2\)\)"),
    ("polygons", RING, [[[1, 2], [NAN, 4], [5, 6]]], r"polygon 0: row 1 is .*, wanted finite numbers"),
    ("box_labels", [0], [0, 1], r"got 2 for 1 boxes, wanted one for each. Give them in the order"),
    ("box_labels", [0], [], r"got 0 for 1 boxes"),
    ("box_labels", [0], "cat", r"got 'cat', wanted a list with one entry for each box"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "good", "bad", "message"), WRONG)
def test_the_same_words_from_all_doors(name: str, good: Any, bad: Any, message: str, tmp_path: Path) -> None:
    swap = [(0, 1), (2, 3)] if name == "keypoints" else ()
    recipe = af.Recipe([af.HorizontalFlip(), af.Rotate(10)], targets=af.Targets(swap_keypoints=swap))
    more: dict[str, Any] = {"boxes": BOX} if name == "box_labels" else {}
    if bad is not None:  # which leaves the target of a call out
        with pytest.raises(af.AugfuseError, match=rf"^{name}.*{message}"):
            recipe(image=IMAGES[0], **{name: bad}, **more)
    given = {name: [good, bad, good], **{other: [value] * 3 for other, value in more.items()}}
    with pytest.raises(af.AugfuseError, match=rf"^{name}\[1\].*{message}"):
        recipe.batch(IMAGES, **given)
    for i in range(3):
        Image.fromarray(IMAGES[i]).save(tmp_path / f"{i}.png")
    arrays = af.from_arrays(IMAGES)
    files = af.from_samples([af.Sample(image, None, f"{i}.png") for i, image in enumerate(IMAGES)])
    for data, where in ((arrays, "sample 1"), (files, r"sample 1 \(1.png\)")):
        loader = af.Loader(data.with_targets(**given), recipe, 3, seed=0, shuffle=False, workers=0)
        with pytest.raises(af.AugfuseError, match=rf"^{where}: {name}.*{message}"):
            next(iter(loader))


def annotation(root: Path, box: str) -> Path:
    (root / "a.xml").write_text(f"<annotation><object><name>a</name><bndbox>{box}</bndbox></object></annotation>")
    return root


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("0 20 15 8 8", "boxes", "line 1: got '0 20 15 8 8', wanted fractions 0..1 of the width and the height"),
        ("0 2 3 20 3 20 20", "polygons", "line 1: got '0 2 3 20 3 20 20', wanted fractions 0..1"),
        ("0 1 -7 .5 .5", "boxes", "line 1: got '0 1 -7 .5 .5', wanted fractions 0..1"),
    ],
)
def test_pixels_in_labels_of_yolo(line: str, kind: Any, message: str, tmp_path: Path) -> None:
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(af.DataError, match=f"a.txt, {message}"):
        af.from_yolo(tmp_path, tmp_path, names=["a"], kind=kind)
    (tmp_path / "a.txt").write_text("0 1.2 .5 .5 .5" if kind == "boxes" else "0 -.1 .1 1.1 .2 .5 .5")
    assert len(af.from_yolo(tmp_path, tmp_path, names=["a"], kind=kind)[0].targets["boxes"]) == 1  # reaches outside


@pytest.mark.parametrize("box", [(0.1, 0.2, 0.5, 0.6), (0, 0.5, 1, 1), (0.25, 0.25, 0.75, 0.5)])
def test_fractions_in_annotations_of_pascal_voc(box: tuple[float, ...], tmp_path: Path) -> None:
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    names = "xmin", "ymin", "xmax", "ymax"
    sides = "".join(f"<{side}>{value}</{side}>" for side, value in zip(names, box, strict=True))
    with pytest.raises(af.DataError, match=r"a.xml: object 0 \(a\) has fractions, xmin .*, wanted pixels: multiply"):
        af.from_voc(annotation(tmp_path, sides), tmp_path)
    pixel = "".join(f"<{side}>1</{side}>" for side in names)
    assert af.from_voc(annotation(tmp_path, pixel), tmp_path)[0].targets["boxes"].tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("name", ["polygons", "box_labels"])
def test_what_is_ragged_does_not_become_one_array(name: str) -> None:
    rings = [[[1, 2], [3, 4], [5, 9]], [[1, 1], [9, 1], [9, 9], [1, 9]]]
    given: dict[str, Any] = {"polygons": [rings, [], rings[:1]], "boxes": [BOX * 2, [], BOX]}
    given["box_labels"] = [[[1], [2, 3]], [], [[1]]]
    batch = af.Recipe().batch(IMAGES, **given)
    with pytest.raises(af.DataError, match=f"padded: '{name}' has entries of different shapes"):
        batch.padded(name, 10)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (([[1, 2, 3, 4]], [0.5]), "image 0: got what is not an array, wanted boxes .* or a dict with names"),
        ({"boxes": [[1, 2, 3, 4], [1, 2]]}, "image 0: got what is not an array"),
        ({"boxes": [[1, 2, 3, 4]], "scores": [0.5, 0.1]}, "image 0: got .*, wanted as many entries as boxes"),
    ],
)
def test_answers_that_are_not_boxes(answer: Any, message: str) -> None:
    ask = af.tta(lambda images: [answer] * len(images), af.Recipe([af.HorizontalFlip()]), n=2, target="boxes")
    with pytest.raises(af.DataError, match=f"model, {message}"):
        ask(IMAGES)
