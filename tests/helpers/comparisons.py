"""A finished comparison made up of chosen numbers, and a reader of its page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from augfuse.experiment import evaluation, metrics
from augfuse.experiment.evaluation import Evaluation, Fed, Mistake
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Arm, Comparison, DataFacts, Exported, Point, Settings

TEST_IMAGES = 200


def comparison(
    *,
    plain: tuple[float, ...] = (0.80, 0.82, 0.81),
    augmented: tuple[float, ...] = (0.90, 0.91, 0.89),
    epochs: int = 4,
    classes: tuple[str, ...] = ("cat", "dog"),
    max_difference: float = 1e-7,
    wait_seconds: float = 0.01,
) -> Comparison:
    """A finished comparison with these test accuracies per seed, on 200 test images; epochs 1, 3, 5 .. are measured."""
    arms, evaluations = [], []
    for seed, accuracies in enumerate(zip(plain, augmented, strict=True)):
        for name, accuracy in zip(ARMS, accuracies, strict=True):
            correct = np.arange(TEST_IMAGES) < round(TEST_IMAGES * accuracy)
            points = []
            for epoch in range(epochs):
                measured = epoch % 2 == 1 or epoch == epochs - 1
                train = metrics.Score(0.99, 0.02) if measured else None
                test = metrics.Score(float(correct.mean()), 0.5) if measured else None
                points.append(Point(epoch, 10, 1.0 / (epoch + 1), wait_seconds, 0.99, train, test))
            arms.append(Arm(name, seed, tuple(points)))
            evaluations.append(said(name, seed, correct, len(classes)))
    by_name = {name: [one.predicted == one.labels for one in evaluations if one.arm == name] for name in ARMS}
    interval = metrics.paired_interval(by_name[PLAIN], by_name[AUGMENTED])
    count = len(classes)
    labels = evaluations[0].labels
    return Comparison(
        settings=Settings(
            data="photos",
            name="run-1",
            epochs=epochs,
            seeds=tuple(range(len(plain))),
            batch_size=20,
            size=(8, 8),
            channels=3,
            widths=(4,),
        ),
        facts=DataFacts(
            "photos",
            "Photos of the test.",
            classes,
            tuple(3 + number for number in range(count)),
            tuple(np.bincount(labels, minlength=count).tolist()),
        ),
        recipe_yaml="version: 1\ntransforms: []\n",
        arms=tuple(arms),
        interval=interval,
        winner=metrics.winner(interval),
        exported=Exported(AUGMENTED, 0, (8, 8, 3), 64, max_difference, 1e-3, 0.9, np.eye(count, dtype=np.int64) * 100),
        samples=np.zeros((20, 20, 3), np.uint8),
        plain_samples=np.zeros((20, 20, 1), np.uint8),
        evaluations=tuple(evaluations),
        mistakes=tuple(
            Mistake(name, 199, "/photos/cats/one.jpg", 1, 0, 0.9, 0.1, 1, np.full((8, 8, 3), 40, np.uint8))
            for name in ARMS
        ),
        fed=tuple(
            Fed(part, 64, 0.0, 1.0, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
            for part in ("training, augmented", "training, plain", "test")
        ),
        environment={"python": "3.11"},
        command="augfuse train photos",
        seconds=12.0,
    )


def said(arm: str, seed: int, correct: np.ndarray, classes: int) -> Evaluation:
    """Answers that are right where `correct` says so, each with a probability of 0.9, about files."""
    labels = np.arange(len(correct)) % classes
    answers = np.where(correct, labels, (labels + 1) % classes)
    probabilities = np.full((len(correct), classes), 0.1 / (classes - 1), np.float32)
    probabilities[np.arange(len(correct)), answers] = 0.9
    paths = tuple(f"/photos/{label}/{index}.jpg" for index, label in enumerate(labels.tolist()))
    return Evaluation(arm, seed, probabilities, labels, np.arange(len(correct)), paths)


def save_predictions(result: Comparison, folder: Path) -> None:
    """What a run writes while it trains."""
    for found in result.evaluations:
        evaluation.save(found, folder)


def with_arms(result: Comparison, name: str, **changes: object) -> Comparison:
    """The same with these fields changed in all arms called `name`."""
    return replace(result, arms=tuple(replace(arm, **changes) if arm.name == name else arm for arm in result.arms))


class Page(HTMLParser):
    """Tags, ids, links and texts of a page; fails on a tag that is closed without having been opened."""

    void = ("meta", "img", "br")

    def __init__(self) -> None:
        HTMLParser.__init__(self)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.alts: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.links.append(value or "")
            if tag == "img" and name == "alt":
                self.alts.append(value or "")
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page
