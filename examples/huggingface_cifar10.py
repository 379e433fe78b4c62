"""Job A's network in PyTorch, on a Hugging Face data set: CIFAR-10, five epochs; the recipe in `set_transform`.

    python examples/huggingface_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip. They are made a
`datasets.Dataset` of Pillow images here, as data sets of the hub are.
"""

from pathlib import Path
from typing import Any

import datasets
import torch
from PIL import Image
from shell import run
from torch.utils.data import DataLoader
from torch_cifar10 import RECIPE, network

import augfuse as af


def table(part: af.DataSet) -> datasets.Dataset:
    """The columns image, label and id."""
    samples = [part[i] for i in range(len(part))]
    columns = {
        "image": [Image.fromarray(sample.image) for sample in samples],
        "label": [int(sample.label) for sample in samples],
        "id": list(range(len(part))),
    }
    return datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())


def together(rows: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows as a batch."""
    images = torch.stack([torch.as_tensor(row["pixel_values"]) for row in rows])
    return images, torch.tensor([row["label"] for row in rows])


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    recipe, parts = af.Recipe.from_yaml(RECIPE.read_text(encoding="utf-8")), af.open(data).parts
    transform = recipe.hf(seed=0, index="id")
    train, test = table(parts["train"]), table(parts["test"])
    train.set_transform(transform)
    test.set_transform(recipe.hf(training=False))
    torch.manual_seed(0)
    model = network(32, len(parts["train"].classes or ()))
    optimizer = torch.optim.Adam(model.parameters())
    accuracy = 0.0
    for epoch in range(epochs):
        transform.set_epoch(epoch)
        for images, labels in DataLoader(train, 128, shuffle=True, collate_fn=together):  # type: ignore[arg-type]
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            feed = DataLoader(test, 128, collate_fn=together)  # type: ignore[arg-type]
            hits = [(model(images).argmax(1) == labels).float() for images, labels in feed]
        accuracy = float(torch.cat(hits).mean())
        print(f"epoch {epoch}: accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    run(main)
