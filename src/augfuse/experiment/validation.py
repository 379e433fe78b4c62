"""Which images early stopping and the learning rate look at: never those of the test part."""

from __future__ import annotations

from dataclasses import replace

from augfuse.experiment.setup.train_and_test import Parts, hold_out, without_copies

FRACTION = 0.1
_SPLIT_SEED = 0


def with_validation(parts: Parts, needed: bool) -> tuple[Parts, str | None]:
    """The parts with a validation part where one is needed, and what it is, in words.

    It is the val part of the data; without one, a tenth of each class of the training part, which is then not
    trained on. Groups are never parted, and augmented copies are not validated on.
    """
    if not needed:
        words = "" if parts.validation is None else " Its val part is not used."
        unused = parts.validation
        return replace(parts, validation=None, unused=unused, description=parts.description + words), None
    if parts.validation is not None:
        return parts, f"the val part, {len(parts.validation)} images"
    what = f"{parts.title}: no validation part"
    train, held_out = hold_out(parts.train, FRACTION, _SPLIT_SEED, what, parts.task.stratified)
    held_out = without_copies(held_out)
    words = f"{len(held_out)} images of the training part, held out and not trained on (seed {_SPLIT_SEED})"
    description = f"{parts.description} Validated on {words}."
    return replace(parts, train=train, validation=held_out, description=description), words
