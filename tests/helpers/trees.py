"""Random transforms and trees of them, over the whole registry: what a property test draws recipes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

import augfuse as af
from augfuse.transforms.base import Compose, Displacement, Geometric, Transform, specs
from augfuse.transforms.children import Child, Children
from oracles import EXAMPLES

# Every example of every transform that does something itself, of those that come last, and of those that choose.
LEAVES = [cls(**example) for cls, example in EXAMPLES if not cls.comes_last and not issubclass(cls, Compose)]
ENDS = [cls(**example) for cls, example in EXAMPLES if cls.comes_last]
MOVING = (Geometric, Displacement)  # the kinds that put pixels elsewhere
_CHOOSING = [(cls, example) for cls, example in EXAMPLES if issubclass(cls, Compose)]


def _around(case: tuple[type[Transform], dict[str, Any]], children: list[Transform]) -> Transform:
    """A transform like the example that chooses among these children; Sequential where they do not fit into it."""
    cls, example = case
    fields = dict(example)
    for name, spec in specs(cls).items():
        if isinstance(spec, Children):
            fields[name] = children
        elif isinstance(spec, Child):
            fields[name] = children[0]
    try:
        return cls(**fields)
    except af.AugfuseError:  # weights for another number of children, a child that sets the size
        return af.Sequential(children)


def transforms(leaves: Sequence[Transform] = LEAVES) -> st.SearchStrategy[Transform]:
    """One of these transforms, or a tree of them."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.builds(_around, st.sampled_from(_CHOOSING), st.lists(inner, min_size=1, max_size=3)),
        max_leaves=4,
    )


def bodies(leaves: Sequence[Transform] = LEAVES, most: int = 4) -> st.SearchStrategy[list[Transform]]:
    """A list of transforms and trees of them."""
    return st.lists(transforms(leaves), max_size=most)


def ends(chosen: Sequence[Transform] = ENDS) -> st.SearchStrategy[list[Transform]]:
    """Nothing, or one transform that comes last."""
    return st.sampled_from([[], *([end] for end in chosen)])
