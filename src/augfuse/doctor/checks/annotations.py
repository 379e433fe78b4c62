"""Checks of boxes, masks and their classes: outside of the image, empty, duplicated, without a name, or of another
size."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import final

import numpy as np

from augfuse.data.columns.objects import Size
from augfuse.data.dataset import DataSet
from augfuse.data.layouts.classes import Found
from augfuse.data.layouts.problems import Kind, Problem
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import EXAMPLES, Finding, counted, finding, listed
from augfuse.doctor.read_images import Looks
from augfuse.errors import DecodeError

TINY = 4.0  # pixels of the shorter side
_OUTSIDE = 0.5  # pixels: less is rounding
_DIGITS = 2  # of pixels, for boxes that are the same
_UNLABELLED = 255  # in masks, beside numbers of classes
_GAP = 32  # between any two values: these are not class numbers; a few images may well lack classes in between
_MASKS = re.compile(
    r"(seg(mentation)?_?)?masks?|labels?.*|annotations?.*|segmentationclass|ground_?truth|gt", re.IGNORECASE
)
_PAIRS = "af.from_pairs(.../{0}, .../{1})"
# How labels are read, by the ending of their files.
_LABELS = {".txt": "af.from_yolo(.../{0}, .../{1}, names=[...])", ".xml": "af.from_voc(.../{1}, .../{0})"}
_KINDS: dict[Kind, tuple[str, str]] = {
    "unreadable": ("AF701", "cannot be read"),
    "astray": ("AF701", "are of images that are not there"),
    "upside down": ("AF701", "have a box upside down"),
    "unnamed": ("AF702", "are of a class that has no name"),
    "empty": ("AF704", "have a box without area"),
}
# {code: (what is counted, what is wrong with it, what to do)}
_NOTED = {
    "AF703": ("box", "reach out of their images", "Look at some of them; cut them at the border, or scale them with "
              "their image."),
    "AF704": ("box", "have no area", "Remove them, or draw them again."),
    "AF705": ("box", "are there twice, in one image and of one class", "Remove one of each."),
    "AF706": ("box", f"have a shorter side of fewer than {TINY:g} pixels", "Check that they are meant; train on larger "
              "images or on crops."),
    "AF708": ("image", "have no annotation", "As background that is right. Look at some of them."),
    "AF709": ("mask", "do not fit their images, or cannot be read", "Make them anew."),
}  # fmt: skip


def check_reading(problems: Sequence[Problem]) -> Iterator[Finding]:
    """AF701, AF702 and AF704: annotations that readers refuse or leave out."""
    for kind, (code, words) in _KINDS.items():
        same = [problem for problem in problems if problem.kind == kind]
        count = sum(problem.objects for problem in same)
        if count:
            yield finding(
                code,
                f"{counted(count, 'annotation')} {words}.",
                "They are left out." if kind == "empty" else "Mend them: af.open stops at the first one.",
                examples=[example for problem in same for example in problem.examples],
                count=count,
            )


def check_annotations(survey: Survey, looks: Sequence[Looks]) -> Iterator[Finding]:
    """AF703..AF710 of all parts."""
    for part, seen in zip(survey.parts, looks, strict=True):
        if part.data is not None:
            yield from _Part(part, part.data, seen).findings(part is survey.training)


def check_pairs(folders: Mapping[str, Found]) -> Iterator[Finding]:
    """AF711: class folders that are images and their masks, or images and their labels. folders: what is in each."""
    for name, files in folders.items():
        if not _MASKS.match(name):
            continue
        others = [path for path in files.others if PurePath(path).suffix.lower() in _LABELS]
        marks = files.images or others
        for pictures, held in folders.items():
            shared = _stems(held.images) & _stems(marks)
            if pictures != name and shared and 2 * len(shared) > len(held.images):
                what = "masks" if files.images else "labels"
                call = _PAIRS if files.images else _LABELS[PurePath(others[0]).suffix.lower()]
                yield finding(
                    "AF711",
                    f"{pictures} and {name} hold {counted(len(shared), 'file')} of the same names: images and their "
                    f"{what}, which are taken as classes.",
                    f"Type {call.format(pictures, name)}.",
                    examples=sorted(shared),
                )
                return


def _stems(paths: Sequence[str]) -> set[str]:
    return {PurePath(path).stem for path in paths}


@final
class _Part:
    """The annotations of a part, summed up."""

    def __init__(self, part: Part, data: DataSet, seen: Looks) -> None:
        self._part, self._data = part, data
        self._examples: dict[str, list[str]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._of_class = np.zeros(len(data.classes or ()), np.int64)
        self._values: Counter[int] = Counter()
        self._first_with: dict[int, str] = {}
        for row in np.flatnonzero(seen.readable).tolist():
            size = Size(int(seen.height[row]), int(seen.width[row]))
            self._look_at_boxes(row, size)
            self._look_at_masks(row, size)

    def findings(self, is_training: bool) -> Iterator[Finding]:
        """Those of this part."""
        for code, (what, words, advice) in _NOTED.items():
            if count := self._counts[code]:
                message = f"{self._part.title}: {counted(count, what, 'boxes' if what == 'box' else None)} {words}."
                yield finding(code, message, advice, examples=self._examples[code], count=count)
        yield from self._undeclared()
        if is_training and "box_labels" in self._data.table.targets:
            yield from self._without_a_box()

    def _note(self, code: str, example: str) -> None:
        self._counts[code] += 1
        if len(self._examples[code]) < EXAMPLES:
            self._examples[code].append(example)

    def _look_at_boxes(self, row: int, size: Size) -> None:
        targets = self._data.table.targets
        if "boxes" not in targets:
            return
        name = self._part.names[row]
        boxes = np.asarray(targets["boxes"].entry(row, size), np.float64)
        if not len(boxes):
            self._note("AF708", name)
            return
        labels = targets["box_labels"].entry(row, size) if "box_labels" in targets else np.zeros(len(boxes), np.int64)
        if len(self._of_class):
            self._of_class += np.bincount(labels, minlength=len(self._of_class))[: len(self._of_class)]
        sides = boxes[:, 2:] - boxes[:, :2]
        full = np.array([size.width, size.height])
        outside = (boxes[:, :2] < -_OUTSIDE).any(axis=1) | (boxes[:, 2:] > full + _OUTSIDE).any(axis=1)
        empty = (sides <= 0).any(axis=1)
        _, places, times = np.unique(
            np.column_stack([labels, np.round(boxes, _DIGITS)]), axis=0, return_index=True, return_counts=True
        )
        twice = np.zeros(len(boxes), bool)
        twice[places[times > 1]] = True
        for code, bad in (
            ("AF703", outside),
            ("AF704", empty),
            ("AF705", twice),
            ("AF706", (sides.min(axis=1) < TINY) & ~empty),
        ):
            for k in np.flatnonzero(bad).tolist():
                corners = ", ".join(f"{value:g}" for value in np.round(boxes[k], _DIGITS))
                self._note(code, f"{name}: box {k} [{corners}] in {size.width}x{size.height}")

    def _look_at_masks(self, row: int, size: Size) -> None:
        targets = self._data.table.targets
        name = self._part.names[row]
        for column in ("mask", "masks"):
            if column not in targets:
                continue
            try:
                mask = targets[column].entry(row, size)
            except DecodeError as error:
                self._note("AF709", f"{name}: {error.reason}")
                return
            if column == "mask":
                values, counts = np.unique(mask, return_counts=True)
                self._values.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
                for value in values.tolist():
                    self._first_with.setdefault(value, name)

    def _undeclared(self) -> Iterator[Finding]:
        """AF710."""
        values = sorted(self._values)
        labelled = [value for value in values if value != _UNLABELLED]
        if self._data.classes is not None:
            wrong = [value for value in labelled if value >= len(self._data.classes)]
            words = f"of {counted(len(self._data.classes), 'class', 'classes')}"
        else:
            usual = labelled if len(labelled) > 1 else values
            marked = [value for value in usual if value]
            wrong = usual if marked and np.diff([0, *marked]).min() >= _GAP else []
            words = "which are far apart"
        if wrong:
            firsts = [f"{value}: {self._values[value]:,} pixels, first in {self._first_with[value]}" for value in wrong]
            yield finding(
                "AF710",
                f"{self._part.title}: the masks hold the values {listed(list(map(str, wrong)))}, {words}.",
                "Number them 0..k-1, in all files alike.",
                examples=firsts,
            )

    def _without_a_box(self) -> Iterator[Finding]:
        """AF707."""
        classes = self._data.classes or ()
        absent = [name for name, count in zip(classes, self._of_class.tolist(), strict=True) if not count]
        if absent:
            yield finding(
                "AF707",
                f"{self._part.title}: {counted(len(absent), 'class', 'classes')} of {len(classes)} have no box: "
                f"{listed(absent)}.",
                "Find images of them, or take them off the list.",
                examples=absent,
            )
