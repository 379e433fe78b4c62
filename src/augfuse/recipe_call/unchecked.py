"""The inner calls of a recipe, for callers that have checked what they give."""

from __future__ import annotations

from functools import cached_property
from typing import Any, final

import numpy as np

from augfuse.algebra.rng import Slots
from augfuse.batch import Batch
from augfuse.errors import RecipeError
from augfuse.execute.batch_images import Images
from augfuse.plan.draw import Drawn, draw
from augfuse.plan.make_plan import checked, make
from augfuse.plan.partners import Pool
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Settings, Source
from augfuse.recipe_call.arguments import class_labels
from augfuse.recipe_call.run_plan import How, carried_out
from augfuse.targets.crop_places import sought
from augfuse.targets.masks_as_labels import warn_of_masks
from augfuse.targets.partners import Mates, Read, met, of_batch
from augfuse.targets.requested import Asks, asks
from augfuse.targets.validate import Given
from augfuse.transforms.base import Transform
from augfuse.transforms.checks.undone import warn_of_undone
from augfuse.warn_once import warn


@final
class Inner:
    """What follows from the fields of a recipe, made once for it. asked: the subjects that were asked about before."""

    def __init__(self, transforms: tuple[Transform, ...], settings: Settings, asked: set[str]) -> None:
        self.settings, self.slots = settings, Slots()
        self._transforms, self._asked = transforms, asked

    @cached_property
    def asks(self) -> Asks:
        return asks(self._transforms)

    def is_first(self, subject: str) -> bool:
        """Whether this is the first time that `subject` is asked about, for this recipe."""
        known = subject in self._asked
        self._asked.add(subject)
        return not known

    def asked_labels(self, labels: Any, data: object = None) -> np.ndarray | None:
        """The labels as (n,) class numbers or names, where the draws ask for them; warnings and errors where they are
        not there. data: the data set that partners are drawn from."""
        if not (self.asks.when or self.asks.classes):
            return None
        if labels is None and self.asks.when and self.is_first("labels"):
            warn("When: got images without labels, and leaves them as they are. Give labels, one for each image.")
        if labels is None and data is None and self.asks.classes:
            raise RecipeError("labels: got none for partners of a class, wanted one for each image. Give labels.")
        return class_labels(labels)

    def draw(
        self, seed: int, epoch: int, indices: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...] | None,
        pool: Pool | None = None,
    ) -> Drawn:  # fmt: skip
        """The draws of these positions."""
        return draw(self._transforms, seed, epoch, indices, labels, classes, self.slots, pool)

    def plan(self, drawn: Drawn, images: Source, dtype: np.dtype | None) -> Plan:
        """What these draws do to images of these sizes."""
        if self.is_first("undone"):
            warn_of_undone(self._transforms)
        return checked(make(drawn, self.settings, images, dtype))

    def run(
        self, drawn: Drawn, images: Images, how: How, labels: Any = None, paths: tuple[str, ...] | None = None,
        held: Given | None = None, mates: Mates | Read | None = None,
    ) -> Batch:  # fmt: skip
        """Images, and what is held of them, through these draws. mates: the partners of mixes, or what reads them;
        None: the images themselves."""
        source = Source(images.canvas, images.channels, images.dtype)
        if self.asks.mixes and not isinstance(mates, Mates):
            drawn, mates = met(drawn, images, mates or of_batch(images, held, labels))
        found = mates if isinstance(mates, Mates) else None
        drawn = sought(drawn, held, source, self.settings, found) if self.asks.seeks else drawn
        plan = self.plan(drawn, source, how.dtype)
        warn_of_masks(self._transforms, images[0], labels)
        return carried_out(plan, images, how, labels, paths, held, found)
