"""Job A's network in Lightning: CIFAR-10, five epochs; the loader in a LightningDataModule.

    python examples/lightning_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip. Needs
pip install pytorch-lightning.
"""

from pathlib import Path
from typing import Any

import pytorch_lightning as L
import torch
from shell import run
from torch_cifar10 import feeds, network


class Data(L.LightningDataModule):
    """Batches of the loader. They are asked for where the processes of a strategy exist, and each takes its part with
    af.Loader(..., shard="auto")."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        self.train, self.test, self.classes = feeds(data)

    def train_dataloader(self) -> Any:
        return self.train

    def val_dataloader(self) -> Any:
        return self.test


class Classifier(L.LightningModule):
    """A network, the loss and its optimiser."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.network = network(32, classes)

    def training_step(self, batch: Any, step: int) -> torch.Tensor:
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.network(images), labels)

    def validation_step(self, batch: Any, step: int) -> None:
        images, labels = batch
        hits = (self.network(images).argmax(1) == labels).float().mean()
        self.log("accuracy", hits, batch_size=len(images))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters())


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    L.seed_everything(0)
    module = Data(data)
    trainer = L.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
        enable_progress_bar=False, use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(Classifier(module.classes), datamodule=module)
    accuracy = float(trainer.callback_metrics["accuracy"])
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    run(main)
