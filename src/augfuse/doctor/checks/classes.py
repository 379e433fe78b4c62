"""Checks of classes and parts: balance, missing classes, class numbers."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding, listed
from augfuse.text import shown

UNEVEN = 4.0  # times as many images in the largest class as in the smallest
FEW = 10
_TAIL = 0.2  # what validation_split=0.2 holds out
_BY_CHANCE = 1e-3  # how rarely shuffled labels stand in as few stretches as labels that are called sorted


def check_labels(survey: Survey) -> Iterator[Finding]:
    """AF301..AF306, AF308 and AF312."""
    labelled = [part for part in survey.parts if part.labels is not None]
    if not labelled:
        return
    there = sorted({name for part in labelled for name in part.classes})
    if len(there) == 1:
        yield finding(
            "AF306",
            f"All {counted(sum(map(len, labelled)), 'image')} are of one class, {shown(there[0])}.",
            "Put the images of each class into its own folder.",
            examples=there,
        )
    yield from _check_forms(labelled)
    yield from _check_names(survey)
    yield from _check_sets(survey, labelled)
    training = survey.training
    if training.labels is not None:
        yield from _check_balance(training, survey.classes)
        yield from _check_order(training, survey.classes)


def _check_forms(labelled: list[Part]) -> Iterator[Finding]:
    hot = [f"y_{part.name}" for part in labelled if part.label_form == "one-hot"]
    ids = [f"y_{part.name}" for part in labelled if part.label_form != "one-hot"]
    if hot and ids:
        yield finding(
            "AF312",
            f"{listed(hot)} {'is' if len(hot) == 1 else 'are'} one-hot rows, {listed(ids)} "
            f"{'has' if len(ids) == 1 else 'have'} one label for each image: no loss takes both.",
            f"Type {hot[0]} = {hot[0]}.argmax(axis=1).",
            examples=[*hot, *ids],
        )


def _check_balance(part: Part, classes: tuple[str, ...]) -> Iterator[Finding]:
    assert part.labels is not None
    counts = np.bincount(part.labels, minlength=len(classes))
    there = np.flatnonzero(counts)
    if len(there) < 2:
        return
    order = there[np.argsort(counts[there], kind="stable")]
    least, most = order[0], order[-1]
    if counts[most] >= UNEVEN * counts[least]:
        yield finding(
            "AF301",
            f"{part.title}: {counts[most]:,} images of {shown(classes[most])}, {counts[least]:,} of "
            f"{shown(classes[least])}: {counts[most] / counts[least]:.1f} times as many; always saying "
            f"{shown(classes[most])} scores {counts[most] / counts.sum():.2f}.",
            "Judge by recall of each class, not by accuracy alone; weight the classes, or find more images.",
            examples=[f"{classes[k]}: {counts[k]:,}" for k in order],
        )
    few = order[counts[order] < FEW]
    if len(few):
        yield finding(
            "AF302",
            f"{part.title}: {counted(len(few), 'class', 'classes')} with fewer than {FEW} images.",
            "Find more images: a split leaves too few of them to learn from or to judge by.",
            examples=[f"{classes[k]}: {counts[k]}" for k in few],
        )


def _check_sets(survey: Survey, labelled: list[Part]) -> Iterator[Finding]:
    training = survey.training
    for part in labelled:
        if part is training or training.labels is None:
            continue
        unknown = [name for name in part.classes if name not in training.classes]
        absent = [name for name in training.classes if name not in part.classes]
        if unknown:
            yield finding(
                "AF303",
                f"{part.title} has {counted(len(unknown), 'class', 'classes')} that {training.title} lacks: "
                f"{listed(unknown)}.",
                "A model cannot learn them. Add them to the training part, or remove them.",
                examples=unknown,
            )
        if absent:
            yield finding(
                "AF303",
                f"{part.title} lacks {counted(len(absent), 'class', 'classes')} that {training.title} has: "
                f"{listed(absent)}.",
                "Its score says nothing about them. Split again, each class by itself: source.split(0.2).",
                examples=absent,
                severity="warning",
            )
    moved = _renumbered(survey, labelled)
    if moved:
        yield finding(
            "AF304",
            f"Listed part by part, {counted(len(moved), 'class', 'classes')} get different numbers; from_directory "
            "gives all parts one order, other loaders do not.",
            "Give the parts the same class folders, or pass the same list of classes for each.",
            examples=moved,
        )


def _renumbered(survey: Survey, labelled: list[Part]) -> list[str]:
    """`'dog' is 1 in train and 0 in val` for each class folder that its own part would number differently."""
    moved = []
    for name in survey.classes if survey.files else ():
        places = {part.title: part.classes.index(name) for part in labelled if name in part.classes}
        if len(set(places.values())) > 1:
            moved.append(f"{shown(name)} is " + " and ".join(f"{place} in {title}" for title, place in places.items()))
    return moved


def _check_names(survey: Survey) -> Iterator[Finding]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in survey.classes:  # other signs tell classes apart: C and C++, 1.5 and 15, A and A-
        alike[re.sub(r"[\s_-]+", " ", name.strip().casefold())].append(name)
    pairs = [" and ".join(map(shown, names)) for names in alike.values() if len(names) > 1]
    if pairs:
        yield finding(
            "AF305",
            f"{counted(len(pairs), 'class', 'classes')} under several names, which differ only in case, spaces, _ or "
            f"-: {listed(pairs)}.",
            "Give the folders one name: they count as different classes.",
            examples=pairs,
        )


def _check_order(part: Part, classes: tuple[str, ...]) -> Iterator[Finding]:
    """AF308, for arrays only: class folders are always sorted, and no loader splits them at one position."""
    if part.images is None or len(classes) < 2:
        return
    assert part.labels is not None
    cut = int(len(part) * (1 - _TAIL))
    head, tail = np.unique(part.labels[:cut]), np.unique(part.labels[cut:])
    every = np.unique(part.labels)
    missed = np.setxor1d(head, tail).tolist()
    # A short tail may miss a class by chance; in shuffled labels the class does not stand in stretches then.
    if missed and _log_chance_of_stretches(part.labels, missed) <= np.log(_BY_CHANCE):
        yield finding(
            "AF308",
            f"{part.title} is sorted by class: its last {_TAIL:.0%} hold {len(tail)} of {len(every)} classes, the rest "
            f"{len(head)}; model.fit(validation_split={_TAIL:g}) cuts there.",
            "Shuffle images and labels together, or use source.split(0.2), which takes a share of each class.",
            examples=[classes[k] for k in missed],
        )


def _log_chance_of_stretches(labels: np.ndarray, classes: list[int]) -> float:
    """The log probability that shuffled labels give these classes so few runs: one probability per class, combined by
    Fisher's method."""
    surprise = -sum(_log_chance_of_runs(np.flatnonzero(labels == k), len(labels)) for k in classes)
    if surprise <= 0:
        return 0.0
    # Minus twice the logarithm of m even chances is chi squared with 2 m degrees of freedom.
    steps = [i * math.log(surprise) - math.lgamma(i + 1) for i in range(len(classes))]
    return float(np.logaddexp.reduce(steps)) - surprise


def _log_chance_of_runs(rows: np.ndarray, total: int) -> float:
    """The log probability that as many rows, drawn from `total`, make at most so many runs (Wald and Wolfowitz)."""
    count = len(rows)
    runs = 1 + int((np.diff(rows) > 1).sum())
    between = total - count + 1  # places for a run
    ways = [_log_choose(count - 1, r - 1) + _log_choose(between, r) for r in range(1, min(runs, between) + 1)]
    return min(0.0, float(np.logaddexp.reduce(ways)) - _log_choose(total, count))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
