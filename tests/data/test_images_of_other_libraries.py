"""Data sets that hand out images of Pillow or tensors, arrays in a tuple, or augmented samples: the error says what to
type instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from oracles import pictures

torch = pytest.importorskip("torch")
X, Y = pictures(6, 16, 16), np.arange(6) % 3
DATA = af.from_arrays(X, Y)
RECIPE = af.Recipe([af.Rotate(20)])
PLANES = torch.from_numpy(X).permute(0, 3, 1, 2)


class Photos:
    """As torchvision's ImageFolder."""

    def __init__(self, images: Any) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Any:
        return self.images[i]


def doors(data: Any) -> list[Any]:
    """What reads the samples of a data set."""
    return [
        lambda: next(iter(af.Loader(data, RECIPE, 2, workers=0))),
        lambda: af.torch.dataset(data, RECIPE)[0],
        lambda: af.from_samples(data)[0],
    ]


@pytest.mark.parametrize("alone", [True, False])
def test_pillow(alone: bool) -> None:
    images = [Image.fromarray(image) for image in X]
    for door in doors(Photos(images if alone else [(image, 1) for image in images])):
        with pytest.raises(af.ImageTypeError, match=r"got Image, .*transform=np\.asarray .*Photos\("):
            door()


@pytest.mark.parametrize("sample", [(PLANES[0] / 255, 1), PLANES[0], af.Sample(PLANES[0])])  # type: ignore[arg-type]
def test_tensors(sample: Any) -> None:
    for door in doors(Photos([sample, sample])):
        with pytest.raises(af.ImageTypeError, match=r"got Tensor, .*np\.asarray in place of ToTensor\(\)"):
            door()


def test_a_tensor_dataset() -> None:
    for door in doors(torch.utils.data.TensorDataset(PLANES, torch.from_numpy(Y))):
        with pytest.raises(af.ImageTypeError, match=r"af\.from_arrays\(images\.numpy\(\), labels\.numpy\(\)\)"):
            door()


@pytest.mark.parametrize("given", [(X, Y), [X, Y], (X[..., 0], Y), (X,)])
def test_arrays_in_a_tuple_or_list(given: Any) -> None:
    for door in doors(given):
        with pytest.raises(af.ImageTypeError, match=r"of arrays, wanted a data set\. Use af\.from_arrays\(\*data\)"):
            door()


def test_a_list_of_images_is_a_data_set() -> None:
    assert len(next(iter(af.Loader(list(X[:3]), RECIPE, 3, seed=0)))) == 3  # type: ignore[arg-type]
    assert len(next(iter(af.Loader([X[0], X[1][..., :1]], af.Recipe(), 1, seed=0)))) == 1  # type: ignore[arg-type]


def test_what_is_augmented_already() -> None:
    loader = af.Loader(DATA, RECIPE, 2, seed=0)
    served: list[Any] = [af.torch.dataset(DATA, RECIPE), loader.to_torch(), loader]
    for data in served:
        with pytest.raises(af.ImageTypeError, match=r"augmented already, wanted the data set itself\. Use data\."):
            af.Loader(data, RECIPE)


def test_a_folder_in_place_of_images(tmp_path: Any) -> None:
    with pytest.raises(af.ImageTypeError, match=r"for a folder type af\.from_directory\("):
        RECIPE.batch(str(tmp_path), seed=0)  # type: ignore[arg-type]
