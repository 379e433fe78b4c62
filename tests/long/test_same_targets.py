"""Targets and mixes: the same bytes for any workers, batch size, order of access, resume point and process, alone or in
a batch; each position exactly once; annotations that are damaged are read, or refused with an error of augfuse."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af

N = 13
SIZE = (48, 64)
SOURCES = ("arrays", "coco")
SWAPS = af.Targets(swap_keypoints=[(0, 1)], swap_labels=[(0, 2)], min_visibility=0.1)
BODY = [af.RandomResizedCrop(SIZE, scale=(0.4, 1)), af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.Erase()]
RECIPES = {
    "targets": af.Recipe([*BODY, af.GaussianBlur(p=0.3), af.Normalize(0.5, 0.25)], targets=SWAPS),
    "formats": af.Recipe([*BODY, af.ElasticTransform(p=0.5)], targets=SWAPS, box_format="yolo", fill="constant"),
    "mixup": af.Recipe([*BODY, af.OneOf([af.MixUp(), af.CutMix()], p=0.8), af.Rotate(10)], targets=SWAPS),
    "mosaic": af.Recipe([af.HorizontalFlip(), af.Mosaic(SIZE), af.Affine(10), af.ColorJitter()], targets=SWAPS),
    "paste": af.Recipe([*BODY, af.CopyPaste(share=0.7), af.Mosaic(SIZE, p=0.5), af.VerticalFlip()], targets=SWAPS),
}
MIXES = ("mixup", "mosaic", "paste")


def scene(i: int) -> dict[str, Any]:
    """An image with i modulo 4 objects: a box, a polygon, a mask and two points each."""
    rng, k = np.random.default_rng([7, i]), i % 4
    image = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    start = rng.integers(0, 30, (k, 2))
    ends = np.concatenate([start, start + rng.integers(6, 18, (k, 2))], axis=1).astype(np.float32)
    masks = np.zeros((k, *SIZE), np.uint8)
    for mask, (left, top, right, bottom) in zip(masks, ends.astype(int), strict=True):
        mask[top:bottom, left:right] = 1
    polygons = [np.array([[a, b], [c, b], [c, d], [a, d]], np.float32) for a, b, c, d in ends.tolist()]
    points = np.stack([ends[:, :2], ends[:, 2:]], axis=1) if k else np.zeros((0, 2, 2), np.float32)
    labels = rng.integers(0, 4, k)
    return {"image": image, "boxes": ends, "box_labels": labels, "polygons": polygons, "keypoints": points,
            "masks": masks, "crowd": labels == 3}  # fmt: skip


SCENES = [scene(i) for i in range(N)]


def make(kind: str, root: Path) -> af.DataSet:
    """The same scenes from memory, or from the files of COCO, written below `root` where they are not there yet."""
    classes = np.arange(N) % 3
    if kind == "arrays":
        data = af.from_arrays(np.stack([one["image"] for one in SCENES]), classes)
        held: dict[str, Any] = {name: [one[name] for one in SCENES] for name in SCENES[0] if name != "image"}
        return data.with_targets(**held)
    path = root / "instances.json"
    if not path.exists():
        written(path)
    return af.from_coco(path, root).with_labels(classes)


def written(path: Path) -> dict[str, Any]:
    """The scenes as COCO's JSON, with their images beside it."""
    images: list[Any] = []
    annotations: list[Any] = []
    for i, one in enumerate(SCENES):
        Image.fromarray(one["image"]).save(path.parent / f"{i:02}.png")
        images.append({"id": i, "file_name": f"{i:02}.png", "height": SIZE[0], "width": SIZE[1]})
        for k, (left, top, right, bottom) in enumerate(one["boxes"].tolist()):
            annotations.append({
                "id": len(annotations), "image_id": i, "category_id": int(one["box_labels"][k]), "iscrowd": 0,
                "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top),
                "segmentation": [one["polygons"][k].reshape(-1).tolist()],
                "keypoints": [*one["keypoints"][k, 0].tolist(), 2, *one["keypoints"][k, 1].tolist(), 2],
            })  # fmt: skip
    names = [{"id": k, "name": name, "keypoints": ["left_eye", "right_eye"]} for k, name in enumerate("abcd")]
    held = {"images": images, "annotations": annotations, "categories": names}
    path.write_text(json.dumps(held))
    return held


def loader(data: af.DataSet, recipe: str, **options: Any) -> af.Loader:
    return af.Loader(data, RECIPES[recipe], seed=3, one_hot=True, **options)


def flat(value: Any) -> bytes:
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(map(flat, value)) + b"]"
    array = np.asarray(value)
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


def by_sample(batches: Any, into: dict[int, bytes] | None = None) -> dict[int, bytes]:
    """The digest of each sample of these batches; none may be there twice."""
    found = {} if into is None else into
    for batch in batches:
        for row, index in enumerate(batch.indices.tolist()):
            assert index not in found
            held = [entries[row] for entries in (*batch.targets.values(), *batch.visibility.values())]
            parts = flat([batch.images[row], batch.labels[row], *held])
            found[index] = blake2b(parts, digest_size=12).digest()
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", SOURCES)
def test_workers_batches_order_and_resume_points(kind: str, recipe: str, root: Path) -> None:
    data = make(kind, root)
    wanted = [by_sample(loader(data, recipe, batch_size=1, workers=0).stream(epoch)) for epoch in (0, 1)]
    assert all(set(samples) == set(range(N)) for samples in wanted) and wanted[0] != wanted[1]
    for size in (1, 4, N):
        for workers in (0, 1, 2, 4, 8):
            load = loader(data, recipe, batch_size=size, workers=workers)
            assert by_sample(load) == wanted[0]
            assert by_sample(load.fetch(1, step) for step in reversed(range(len(load)))) == wanted[1]
        whole = loader(data, recipe, batch_size=size, workers=2)
        states = [whole.state_dict()]
        for _ in whole:
            states.append(whole.state_dict())
        for step, state in enumerate(states[:-1]):
            rest = loader(data, recipe, batch_size=(3, size)[step % 2], workers=step % 3)
            found = by_sample(whole.fetch(0, s) for s in range(step))
            rest.load_state_dict(state)
            assert by_sample(rest, found) == wanted[0]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", SOURCES)
def test_another_process(kind: str, recipe: str, root: Path) -> None:
    here = by_sample(loader(make(kind, root), recipe, batch_size=5, workers=2).stream(2))
    command = [sys.executable, __file__, kind, recipe, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == printed(here), done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_alone_in_a_batch_and_by_a_plan(recipe: str, root: Path) -> None:
    data, own = make("arrays", root), RECIPES[recipe]
    shares = np.eye(3, dtype=np.float32)[np.arange(N) % 3]
    names = [name for name in SCENES[0] if name not in ("image", "crowd")]
    mixes: dict[str, Any] = {"data": data.with_labels(shares).with_targets(crowd=None)} if recipe in MIXES else {}
    held: dict[str, Any] = {name: [one[name] for one in SCENES] for name in names}
    if own.box_format == "yolo":
        sides = np.array([SIZE[1], SIZE[0]] * 2, np.float32)
        both = [(boxes[:, :2], boxes[:, 2:]) for boxes in held["boxes"]]
        held["boxes"] = [np.concatenate([(low + high) / 2, high - low], axis=1) / sides for low, high in both]
    batch = own.batch(np.stack([one["image"] for one in SCENES]), shares, seed=9, **held, **mixes)
    again = own.replay(
        af.Plan.from_bytes(batch.plan.to_bytes()), [one["image"] for one in SCENES], shares, **held, **mixes
    )
    assert by_sample([again]) == by_sample([batch])
    for i, one in enumerate(SCENES):
        given: dict[str, Any] = {name: entries[i] for name, entries in held.items()}
        alone = own(one["image"], label=shares[i], seed=9, index=i, **given, **mixes)
        assert np.array_equal(alone["image"], batch.images[i]) and np.array_equal(alone["label"], batch.labels[i])
        assert [flat(alone[name]) for name in names] == [flat(batch.targets[name][i]) for name in names]


def damaged(held: Any, chance: np.random.Generator) -> Any:
    """A copy of the annotations with some of their numbers, names and lists changed."""
    odd = (-1, 0, 1e9, -1e9, 0.5, None, "x", [], {}, True, 2**63, "", [[1, 2]], 1e-9)
    found = json.loads(json.dumps(held))
    for _ in range(int(chance.integers(1, 4))):
        entry = found[("images", "annotations", "categories")[chance.integers(0, 3)]]
        one = entry[int(chance.integers(len(entry)))]
        name = str(chance.choice(list(one)))
        how = int(chance.integers(4))
        if how == 0:
            del one[name]
        elif how == 1 and isinstance(one[name], list) and one[name]:
            place = int(chance.integers(len(one[name])))
            one[name][place] = odd[int(chance.integers(len(odd)))]
        elif how == 2:
            entry.append({**one})
        else:
            one[name] = odd[int(chance.integers(len(odd)))]
    return found


def checked(data: af.DataSet, recipe: str) -> None:
    """Serve an epoch: every box lies in its image."""
    for batch in af.Loader(data, RECIPES[recipe], 4, seed=0, workers=0, shuffle=False):
        for boxes in batch.boxes or ():
            assert np.isfinite(boxes).all() and (boxes[:, :2] >= -1e-3).all() and (boxes[:, :2] <= max(SIZE)).all()


def test_damaged_annotations_of_coco(tmp_path: Path, share: Callable[[int], int], chance: np.random.Generator) -> None:
    held, path = written(tmp_path / "instances.json"), tmp_path / "odd.json"
    refused = 0
    for case in range(share(1500)):
        path.write_text(json.dumps(damaged(held, chance)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", af.AugfuseWarning)
            try:
                checked(af.from_coco(path, tmp_path), ("targets", "paste")[case % 2])
            except af.AugfuseError as error:
                refused += 1
                assert len(str(error)) < 2000 and "\n" not in str(error)
    assert refused


def test_damaged_lines_of_yolo(tmp_path: Path, share: Callable[[int], int], chance: np.random.Generator) -> None:
    for i in range(3):
        Image.fromarray(SCENES[i]["image"]).save(tmp_path / f"{i}.png")
    words = ("0", "1", "7", "-1", "0.5", "1.5", "nan", "inf", "1e400", "x", "", "0.1", "640", "٣", "0,5", "-0", "1e-9")
    refused = 0
    for case in range(share(3000)):
        for i in range(3):
            lines = (" ".join(chance.choice(words, chance.integers(0, 12))) for _ in range(chance.integers(0, 3)))
            good = "0 0.5 0.5 0.25 0.25\n" * int(chance.integers(0, 2))
            (tmp_path / f"{i}.txt").write_text(good + ("\n".join(lines) if chance.integers(2) else ""), "utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", af.AugfuseWarning)
            try:
                kind: Any = (None, "boxes", "polygons", "oriented")[case % 4]
                checked(af.from_yolo(tmp_path, tmp_path, names=["a", "b"], kind=kind), "targets")
            except af.AugfuseError as error:
                refused += 1
                assert len(str(error)) < 2000
    assert refused


def test_damaged_targets(share: Callable[[int], int], chance: np.random.Generator) -> None:
    """Entries of a batch that are anything: an error of augfuse, or boxes within their images."""
    nan, inf = float("nan"), float("inf")
    numbers = (0, 1, -1, 0.5, 1e9, nan, inf, 40, 63, 1e-9, 2**70)
    others = (None, "x", [], {}, [[]], 5, [None], np.zeros((3, 3)), np.zeros(0), np.array("x"), [[[]]], b"ab", True)
    kinds = ("boxes", "box_labels", "keypoints", "polygons", "mask", "masks", "segments")
    image, refused = SCENES[1]["image"], 0
    for case in range(share(6000)):
        form: Any = ("pascal_voc", "coco", "yolo", "normalized", "oriented")[case % 5]
        recipe = af.Recipe([af.HorizontalFlip(), af.Rotate(20)], box_format=form)
        given: dict[str, Any] = {}
        for name in chance.choice(kinds, int(chance.integers(1, 4)), replace=False).tolist():
            shape = tuple(chance.integers(0, 6, int(chance.integers(1, 4))).tolist())
            drawn = np.array(numbers, object)[chance.integers(0, len(numbers), shape)].tolist()
            given[name] = [drawn, others[int(chance.integers(len(others)))], np.zeros(SIZE, np.int16)][case % 3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", af.AugfuseWarning)
            try:
                out = recipe(image=image, seed=case, index=0, **given)
            except af.AugfuseError as error:
                refused += 1
                assert len(str(error)) < 2000
            else:
                assert np.isfinite(np.asarray(out.get("boxes", 0.0))).all()
    assert refused


def printed(found: dict[int, bytes]) -> str:
    return "".join(f"{index} {digest.hex()}\n" for index, digest in sorted(found.items()))


if __name__ == "__main__":
    source = make(sys.argv[1], Path(sys.argv[3]))
    print(printed(by_sample(loader(source, sys.argv[2], batch_size=7, workers=0).stream(2))), end="")
