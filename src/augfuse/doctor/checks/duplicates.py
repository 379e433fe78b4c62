"""Checks for the same picture twice: inside a part, in two parts (a leak), or with two labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from augfuse.doctor.checks import similar
from augfuse.doctor.examined_data import Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.read_images import SIDE, Looks, read_pixels

SMALLEST = 16  # images with a shorter side have too little detail to be told apart by it


class _Image(NamedTuple):
    """One image of any part: its part's number, its row there, its name and its label, -1 for "not known"."""

    part: int
    row: int
    name: str
    label: int


def check_duplicates(survey: Survey, looks: Sequence[Looks]) -> list[Finding]:
    """AF201..AF206. Images of one colour are left out: they are all equal."""
    images, digests = _pool(survey, looks)
    if not images:
        return []
    groups: dict[bytes, list[int]] = defaultdict(list)
    for number, digest in enumerate(digests):
        groups[digest].append(number)
    same = [[images[number] for number in group] for group in groups.values() if len(group) > 1]
    found = list(_report(survey, same, exact=True))

    firsts = [group[0] for group in groups.values()]
    shorter = [np.minimum(seen.height, seen.width) for seen in looks]
    kept = np.array([n for n in firsts if shorter[images[n].part][images[n].row] >= SMALLEST], np.int64)
    if len(kept) > 1:
        small = _small_copies(looks, [images[number] for number in kept])
        pairs, strict = similar.candidates(len(kept), small)
        confirmed = similar.confirm(
            kept[pairs], strict, lambda n: read_pixels(survey.parts[images[n].part], images[n].row)
        )
        # A copy of `first` is nearly the same as a copy of `second`, wherever the copies lie.
        alike = [[images[n] for n in groups[digests[a]] + groups[digests[b]]] for a, b in confirmed]
        found += _report(survey, alike, exact=False)
    return found


def check_copies(survey: Survey) -> Iterator[Finding]:
    """AF207: augmented copies in held-out parts, from groups.csv."""
    training = survey.training
    for part in survey.parts:
        if part is training:
            continue
        rows = np.zeros(len(part), bool) if part.copies is None else part.copies
        if part.groups is not None and training.groups is not None:
            rows = rows | np.isin(part.groups, training.groups)
        if rows.any():
            names = [part.names[row] for row in np.flatnonzero(rows)]
            yield finding(
                "AF207",
                f"{counted(len(names), 'image')} of {len(part)} in {part.title} are augmented copies, or share their "
                f"original with {training.title}, by groups.csv.",
                "Split first, then augment only the training part: augfuse augment.",
                examples=names,
                files=names,
            )


def _pool(survey: Survey, looks: Sequence[Looks]) -> tuple[list[_Image], list[bytes]]:
    """All readable images of all parts that are not of one colour, and their digests."""
    images: list[_Image] = []
    digests: list[bytes] = []
    for number, (part, seen) in enumerate(zip(survey.parts, looks, strict=True)):
        rows = np.flatnonzero(seen.readable & ~seen.flat)
        labels = np.full(len(part), -1) if part.labels is None else part.labels
        images += [_Image(number, int(row), part.names[row], int(labels[row])) for row in rows]
        digests += [seen.digests[row] for row in rows]
    return images, digests


def _small_copies(looks: Sequence[Looks], images: Sequence[_Image]) -> Callable[[np.ndarray], np.ndarray]:
    """From (k,) positions in `images` to their small copies (k, SIDE, SIDE)."""
    part, row = np.array([image[:2] for image in images]).T

    def copies(positions: np.ndarray) -> np.ndarray:
        found = np.empty((len(positions), SIDE, SIDE), np.uint8)
        for number, seen in enumerate(looks):
            here = part[positions] == number
            found[here] = seen.small[row[positions[here]]]
        return found

    return copies


def _report(survey: Survey, groups: Sequence[Sequence[_Image]], *, exact: bool) -> Iterator[Finding]:
    """Report each group of images under the most severe code that fits: labels differ, parts differ, or neither."""
    kinds: dict[str, list[Sequence[_Image]]] = {"labels": [], "parts": [], "inside": []}
    for group in groups:
        if len({image.label for image in group if image.label >= 0}) > 1:
            kinds["labels"].append(group)
        elif len({image.part for image in group}) > 1:
            kinds["parts"].append(group)
        else:
            kinds["inside"].append(group)
    codes = ("AF203", "AF202", "AF201") if exact else ("AF206", "AF205", "AF204")
    for code, (kind, found) in zip(codes, kinds.items(), strict=True):
        if found:
            yield _finding(survey, code, kind, found, exact)


def _finding(survey: Survey, code: str, kind: str, groups: list[Sequence[_Image]], exact: bool) -> Finding:
    several = len(groups) > 1
    if exact:
        how = f"{'are' if several else 'is'} there more than once, pixel for pixel"
    else:
        how = f"{'look' if several else 'looks'} nearly the same, fine detail included"
    files: list[str]
    if kind == "labels":
        result = "and the copies have different labels"
        advice = "Look at them and keep the copy with the right label; the quarantine list holds all of them."
        files = [image.name for group in groups for image in group if image.label >= 0] if exact else []
    elif kind == "parts":
        result = f"and copies lie in different parts: {_shares(survey, groups)}"
        # Parts are listed train, val, test: what is judged on last keeps its images, and stays comparable.
        spoilt = [image for group in groups for image in group if image.part < max(i.part for i in group)]
        sides = [survey.parts[number].title for number in sorted({image.part for image in spoilt})]
        advice = f"Leave the copies in {' and '.join(sides)} out; until then the held-out score is too good."
        files = [image.name for image in spoilt]
    else:
        result = f"in one part: {counted(_more_than_needed(groups), 'image')} more than needed"
        advice = "Keep one of each: a random split puts copies on both sides."
        files = [image.name for group in groups for image in group[1:]] if exact else []
    message = f"{counted(len(groups), 'picture' if exact else 'pair')} {how}, {result}."
    shown = [" = ".join(_shown(survey, image) for image in group[:3]) for group in groups]
    return finding(code, message, advice, examples=shown, files=dict.fromkeys(files))


def _more_than_needed(groups: Sequence[Sequence[_Image]]) -> int:
    """The number of images minus the number of different pictures; groups with a common image show the same picture."""
    lead: dict[_Image, _Image] = {}

    def leader(image: _Image) -> _Image:
        while lead.setdefault(image, image) != image:
            image = lead[image]
        return image

    for first, *others in groups:
        for other in others:
            lead[leader(other)] = leader(first)
    return len(lead) - sum(image == first for image, first in lead.items())


def _shown(survey: Survey, image: _Image) -> str:
    """File names hold their class already; rows of arrays do not."""
    if survey.files or image.label < 0:
        return image.name
    return f"{image.name} ({survey.classes[image.label]})"


def _shares(survey: Survey, groups: Sequence[Sequence[_Image]]) -> str:
    """`12 of 1,000 images in test are also in another part`."""
    words = []
    for number, part in enumerate(survey.parts):
        if part is survey.training:
            continue
        rows = {image.row for group in groups for image in group if image.part == number}
        if rows:
            words.append(f"{len(rows)} of {counted(len(part), 'image')} in {part.title}")
    return " and ".join(words)
