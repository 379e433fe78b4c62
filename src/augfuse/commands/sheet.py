"""The page that `augfuse preview` writes: rows of one image each, the columns its copies in successive epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.data.batches.loader import Loader
from augfuse.data.dataset import DataSet
from augfuse.display.pages import FAINT, Page, fitted, type_of
from augfuse.plan.describe import caption
from augfuse.plan.explain import explain
from augfuse.plan.plan import Plan
from augfuse.recipe import Recipe

_MARGIN, _GAP, _LABEL = 18, 10, 150


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture (h, w, 3) uint8 with its words, and the smallest and largest value that a model receives for it."""

    image: np.ndarray
    words: str
    values: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One image through one recipe: `cells[0]` as evaluation sees it, then a copy for each epoch from `epoch` on."""

    label: str
    recipe: int
    epoch: int
    cells: tuple[Cell, ...]
    plan: Plan


def spread(length: int, count: int) -> list[int]:
    """`count` positions (all, if there are fewer) spread evenly over 0..length-1."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist()


def rows(
    source: DataSet, recipes: Sequence[tuple[str, Recipe]], positions: Sequence[int], copies: int, seed: int, epoch: int
) -> list[Row]:
    """For each position the rows of all recipes, through the loader that training uses."""
    loaders = [
        (
            Loader(source, recipe, batch_size=1, seed=seed, shuffle=False, training=False, workers=0),
            Loader(source, recipe, batch_size=1, seed=seed, shuffle=False, workers=0),
        )
        for _, recipe in recipes
    ]
    found: list[Row] = []
    for position in positions:
        for k, (evaluation, training) in enumerate(loaders):
            before = evaluation.fetch(0, position)
            batches = [training.fetch(epoch + copy, position) for copy in range(copies)]
            label = _label(before, source, position)
            if len(recipes) > 1:
                label = f"{recipes[k][0]}\n{label}" if k == 0 else recipes[k][0]
            shape = "x".join(map(str, before.images.shape[1:]))
            cells = (_cell(before, shape), *(_cell(b, caption(b.plan.describe(0))) for b in batches))
            found.append(Row(label, k, epoch, cells, batches[0].plan))
    return found


def _cell(batch: Any, words: str) -> Cell:
    values = (float(batch.images.min()), float(batch.images.max()))
    return Cell(batch.drawn()[0], words, values)


def _label(batch: Any, source: DataSet, position: int) -> str:
    """Class, position, file and size of an image, a line each."""
    label = None if batch.labels is None else batch.labels[0]
    classes = source.classes
    lines = [f"image {position}"]
    if label is not None and np.ndim(label) == 0:
        name = f"label {label}" if classes is None else classes[int(label)]
        lines.insert(0, f"class {name}" if name.isdigit() else name)
    if batch.paths is not None:
        lines.append(Path(batch.paths[0]).name)
    plan = batch.plan
    lines.append(f"{plan.source.height[0]}x{plan.source.width[0]}x{plan.channels}")
    return "\n".join(lines)


def head(title: str, found: Sequence[Row], names: Sequence[str], seed: int) -> list[str]:
    """The title, then for each recipe what it fuses and how its values were made visible."""
    copies = len(found[0].cells) - 1
    last = found[0].epoch + copies - 1
    epochs = f"epoch {last}" if copies == 1 else f"epochs {found[0].epoch} to {last}"
    lines = [f"{title}: seed {seed}, {epochs}"]
    for k, name in enumerate(names):
        own = [row for row in found if row.recipe == k]
        low = min(cell.values[0] for row in own for cell in row.cells)
        high = max(cell.values[1] for row in own for cell in row.cells)
        plan = own[0].plan
        lines += [f"{name}: {explain(plan)}", f"A model receives {low:.4g} to {high:.4g}{_undone(plan)}."]
    return lines


def _undone(plan: Plan) -> str:
    if plan.write.name is None:
        return "; nothing normalises"
    if plan.write.standardize is not None:
        return f"; {plan.write.name} cannot be undone, so each picture is stretched over its own range"
    return f"; for the pictures {plan.write.name} is undone"


def draw(lines: Sequence[str], found: Sequence[Row], cell: int) -> np.ndarray:
    """(h, w, 3) uint8: the head, the names of the columns, and the rows. `cell`: the longer side of an image."""
    title, small = type_of(18), type_of(12)
    shown = [[fitted(c.image, cell) for c in row.cells] for row in found]
    width = max(max(image.shape[1] for row in shown for image in row), 96)
    columns = len(found[0].cells)
    across = _LABEL + columns * (width + _GAP) - _GAP
    heading = [title.wrapped(lines[0], across), *(type_of(13).wrapped(line, across) for line in lines[1:])]
    words = [[small.wrapped(c.words, width, commas=True) for c in row.cells] for row in found]
    labels = [small.wrapped(row.label, _LABEL - _GAP) for row in found]
    heights = [
        max(
            max(i.shape[0] + len(w) * small.line + 4 for i, w in zip(images, under, strict=True)),
            len(label) * small.line,
        )
        for images, under, label in zip(shown, words, labels, strict=True)
    ]
    head_height = len(heading[0]) * title.line + sum(len(h) for h in heading[1:]) * type_of(13).line
    top_of_rows = _MARGIN + head_height + 12 + small.line + 6
    page = Page(top_of_rows + sum(heights) + len(heights) * _GAP + _MARGIN, across + 2 * _MARGIN)

    page.lines(heading[0], title, _MARGIN, _MARGIN)
    top = _MARGIN + len(heading[0]) * title.line
    for part in heading[1:]:
        page.lines(part, type_of(13), top, _MARGIN, FAINT)
        top += len(part) * type_of(13).line
    lefts = [_MARGIN + _LABEL + column * (width + _GAP) for column in range(columns)]
    names = ["as evaluated", *(f"epoch {found[0].epoch + copy}" for copy in range(columns - 1))]
    for left, name in zip(lefts, names, strict=True):
        page.lines([name], small, top + 12, left, FAINT)

    top = top_of_rows
    for row, images, under, label, height in zip(found, shown, words, labels, heights, strict=True):
        if row.recipe == 0:  # the next image
            page.rule(top - 3, _MARGIN, _MARGIN + across)
        page.lines(label[:1], small, top, _MARGIN)
        page.lines(label[1:], small, top + small.line, _MARGIN, FAINT)
        for left, image, texts in zip(lefts, images, under, strict=True):
            page.picture(image, top, left)
            page.lines(texts, small, top + image.shape[0] + 2, left)
        top += height + _GAP
    return page.pixels()
