"""CopyPaste takes objects of its partners, and the region of a crowd is not an object."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af


def scenes(name: str, crowd: Any, kind: str) -> af.DataSet:
    """Two images, each with an object at the left, and one at the right that may be a crowd."""
    masks = np.zeros((2, 20, 20), np.uint8)
    masks[0, 5:15, 2:8], masks[1, 5:15, 12:18] = 1, 1
    shapes: dict[str, Any] = {
        "masks": masks,
        "segments": masks[0].astype(np.int32) + 2 * masks[1],
        "polygons": [np.array([[l, 5], [r, 5], [r, 15], [l, 15]], float) for l, r in ((2, 8), (12, 18))],  # noqa: E741
    }
    images = np.stack([np.full((20, 20, 3), value, np.uint8) for value in (10, 200)])
    more: dict[str, Any] = {kind: [shapes[kind]] * 2, name: [crowd] * 2}
    boxes = [[[2, 5, 8, 15], [12, 5, 18, 15]]] * 2
    return af.from_arrays(images).with_targets(boxes=boxes, box_labels=[[0, 1]] * 2, **more)


@pytest.mark.parametrize("kind", ["masks", "segments", "polygons"])
@pytest.mark.parametrize(("name", "crowd"), [("crowd", [False, True]), ("iscrowd", np.array([0, 1]))])
def test_a_crowd_stays_where_it_is(kind: str, name: str, crowd: Any) -> None:
    loader = af.Loader(scenes(name, crowd, kind), af.Recipe([af.CopyPaste(share=1.0)]), 2, seed=0, shuffle=False)
    batch = next(iter(loader))
    other = {10.0: 200.0, 200.0: 10.0}
    assert batch.box_labels is not None
    for i, own in enumerate((10.0, 200.0)):
        assert (batch.images[i, 5:15, 2:8] == other[own]).all() and (batch.images[i, 5:15, 12:18] == own).all()
        # The hidden left object is gone, the own crowd is left, and the pasted object is behind it.
        assert batch.box_labels[i] == [1, 0] and [bool(one) for one in batch.targets[name][i]] == [True, False]


def test_without_crowds_all_are_pasted() -> None:
    loader = af.Loader(scenes("crowd", [False, False], "masks"), af.Recipe([af.CopyPaste(share=1.0)]), 2, seed=0)
    batch = next(iter(loader))
    assert batch.box_labels == [[0, 1], [0, 1]] and len({*np.unique(batch.images[:, 5:15, 12:18])}) == 2
