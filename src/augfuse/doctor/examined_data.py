"""The data set to examine: its parts, before any image has been read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from augfuse.data.dataset import DataSet
from augfuse.doctor.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a data set.

    name: "train", "val", "test", or "" for data without parts. names: what findings call each image; for files the path
    below DATA. labels: (n,) int64 into `Survey.classes`, or None. classes: those this part has itself, in its order.
    raw: the bytes of file i; raises OSError. images: (n, h, w) or (n, h, w, c) instead, as they lie in the array.
    label_form: how the labels lie in the file: "folders", "ids" (n,), "column" (n, 1), "one-hot" (n, k).
    data: the data set, where its images have boxes or masks.
    copies: (n,) True for augmented copies, groups: (n,) names of what belongs together; None where nothing says so.
    """

    name: str
    names: tuple[str, ...]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    raw: Callable[[int], bytes] | None = None
    images: np.ndarray | None = None
    label_form: str = "folders"
    copies: np.ndarray | None = None
    groups: np.ndarray | None = None
    data: DataSet | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def title(self) -> str:
        """Its name in sentences: `train`, or `the data` without parts."""
        return self.name or "the data"


@dataclass(frozen=True, slots=True)
class Survey:
    """A data set. title: its name. classes: the sorted union of all parts, label k is classes[k]; empty without labels.
    findings: what is wrong with the folders or arrays themselves."""

    title: str
    parts: tuple[Part, ...]
    classes: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def training(self) -> Part:
        """The part used for training: the first one if none is called train."""
        return next((part for part in self.parts if part.name == "train"), self.parts[0])

    @property
    def held_out(self) -> Part:
        """The part used to judge a model: of those with labels test, else val, else the training part."""
        named = {part.name: part for part in self.parts if part.labels is not None}
        return named.get("test") or named.get("val") or self.training

    @property
    def files(self) -> bool:
        """Whether the images are files, rather than rows of arrays."""
        return any(part.raw is not None for part in self.parts)
