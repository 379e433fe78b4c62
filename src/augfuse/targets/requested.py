"""What a recipe asks for besides images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

from augfuse.transforms.base import Seeking, Transform
from augfuse.transforms.children import leaves, tree
from augfuse.transforms.compose import When
from augfuse.transforms.mix_base import Mix


@final
class Asks(NamedTuple):
    """when: labels, of which depends what is done. classes: labels, by whose class partners are drawn. seeks: what is
    in the images, for crops. mixes: other samples. softens: the name of the first transform that makes labels shares
    of several classes; None without a mix."""

    when: bool
    classes: bool
    seeks: bool
    mixes: bool
    softens: str | None


def asks(transforms: Sequence[Transform]) -> Asks:
    """What a list of transforms asks for."""
    own = list(leaves(transforms))
    mixes = [transform for transform in own if isinstance(transform, Mix)]
    when = any(isinstance(transform, When) for _, transform in tree(transforms))
    classes = any(mix.partner != "any" for mix in mixes)
    softens = next((type(mix).__name__ for mix in mixes if mix.softens), None)
    return Asks(when, classes, any(isinstance(transform, Seeking) for transform in own), bool(mixes), softens)
