"""Training on samples that are mixed: shares of classes reach the loss, or an error says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.experiment.network.head import ClassHead
from stripes import stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


def test_a_network_learns_from_shares_of_classes(tmp_path: Path) -> None:
    x, y = stripes(96, seed=0)
    recipe = af.Recipe([af.OneOf([af.MixUp(), af.CutMix()]), af.ToFloat()])
    parts = ((x[:64], y[:64]), (x[64:], y[64:]))
    result = af.train(parts, recipe, epochs=1, seeds=1, batch_size=16, out=tmp_path, progress=False)
    assert 0 <= result.test_accuracy["augmented"] <= 1


@pytest.mark.parametrize("rows", [[[0.7, 0.3]], [[1, 0], [0.5, 0.5]], [[[0.2, 0.8]]]])
def test_a_loss_of_class_numbers_takes_no_shares(rows: list[object]) -> None:
    truth = np.array(rows, np.float32)
    assert ClassHead(None, False, False, sparse=False).targets(truth) is truth
    with pytest.raises(af.DataError, match=r"mixes samples.*CategoricalCrossentropy"):
        ClassHead(None, False, False, sparse=True).targets(truth)
    whole = np.eye(2, dtype=np.float32)
    assert ClassHead(None, False, False, sparse=True).targets(whole).tolist() == [0, 1]
