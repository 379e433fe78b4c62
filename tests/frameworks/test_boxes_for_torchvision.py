"""`af.torch.DetectionCollate` gives torchvision what it reads: pixels, whole class numbers, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")


def collated(labels: Any = (0,), form: Any = "pascal_voc", boxes: Any = ((30, 30, 40, 50),)) -> dict[str, Any]:
    data = af.from_arrays(np.zeros((1, 64, 80, 3), np.uint8))
    data = data.with_targets(boxes=[list(boxes)], box_labels=[labels if hasattr(labels, "dtype") else list(labels)])
    samples = af.torch.dataset(data, af.Recipe([af.HorizontalFlip(p=1)], box_format=form), seed=0)
    return af.torch.DetectionCollate()([samples[0]])[1][0]


@pytest.mark.parametrize("form", ["pascal_voc", "coco", "yolo", "normalized"])
def test_boxes_are_pixels_in_every_format(form: str) -> None:
    target = collated(form=form)
    assert torch.allclose(target["boxes"], torch.tensor([[40.0, 30, 50, 50]]))
    assert target["boxes"].dtype == torch.float32
    assert torch.allclose(target["area"], torch.tensor([200.0])) and set(target) == {
        "boxes", "labels", "image_id", "area", "iscrowd"
    }  # fmt: skip
    none = collated((), form, np.zeros((0, 4)))
    assert none["boxes"].shape == (0, 4) and none["labels"].dtype == torch.int64 and none["labels"].shape == (0,)


def test_oriented_boxes_are_refused() -> None:
    with pytest.raises(af.DataError, match=r"sample 0: got oriented boxes, .*box_format=\"pascal_voc\""):
        collated(form="oriented")


@pytest.mark.parametrize("labels", [[0], (np.int32(0),), np.array([0], np.uint8)])
def test_class_numbers_as_lists(labels: Any) -> None:
    assert collated(labels)["labels"].tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0], r"got box_labels \[0.0\].*astype\(np.int64\)"),
        (np.array([1.5]), r"got box_labels \[1.5\]"),
        (["cat"], r"got box_labels \['cat'\], wanted 1 class numbers .* names.index"),
        ([[0]], r"got box_labels \[\[0\]\]"),
        ([None], r"got box_labels \[None\]"),
    ],
)
def test_labels_that_are_not_class_numbers(labels: Any, message: str) -> None:
    with pytest.raises(af.DataError, match=message):
        collated(labels)


def test_what_is_not_a_list_of_samples() -> None:
    data = af.from_arrays(np.zeros((2, 8, 8, 3), np.uint8)).with_targets(boxes=[[]] * 2, box_labels=[[]] * 2)
    loader, collate = af.Loader(data, None, 2, seed=0), af.torch.DetectionCollate()
    wrong: list[Any] = [next(iter(loader)), next(iter(loader.to_torch())), [], [3, 4], None, af.torch.dataset(data)[0]]
    for given in wrong:
        with pytest.raises(af.DataError, match=r"wanted samples \(image, targets\) .* collate_fn=af.torch"):
            collate(given)
    plain = data.with_targets(box_labels=None)
    with pytest.raises(af.DataError, match="got boxes without box_labels"):
        collate([af.torch.dataset(plain, seed=0)[0]])
