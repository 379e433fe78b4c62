"""Job A's network in PyTorch: CIFAR-10, five epochs; the loader's batches as tensors.

    python examples/torch_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip.
"""

from pathlib import Path
from typing import Any

import torch
from shell import run
from torch import nn

import augfuse as af

RECIPE = Path(__file__).with_name("a_cifar10.yaml")


def network(size: int, classes: int) -> nn.Module:
    """The tutorial's: two convolutions, two layers of ten."""
    side = ((size - 2) // 2 - 2) // 2
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * side * side, 10), nn.ReLU(), nn.Linear(10, classes),
    )  # fmt: skip


def feeds(data: Path) -> tuple[Any, Any, int]:
    """The batches of training and test, and how many classes there are."""
    recipe, parts = af.Recipe.from_yaml(RECIPE.read_text(encoding="utf-8")), af.open(data).parts
    train = af.Loader(parts["train"], recipe, 128, seed=0)
    test = af.Loader(parts["test"], recipe, 128, training=False)
    return train.to_torch(), test.to_torch(), len(parts["train"].classes or ())


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    train, test, classes = feeds(data)
    torch.manual_seed(0)
    model = network(32, classes)
    optimizer = torch.optim.Adam(model.parameters())
    accuracy = 0.0
    for epoch in range(epochs):
        for images, labels in train:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            hits = [(model(images).argmax(1) == labels).float() for images, labels in test]
        accuracy = float(torch.cat(hits).mean())
        print(f"epoch {epoch}: accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    run(main)
