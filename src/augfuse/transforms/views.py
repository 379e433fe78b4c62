"""Several outputs of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from augfuse.algebra.ranges import Number
from augfuse.algebra.values import is_tuple
from augfuse.transforms.base import Evaluation, Transform
from augfuse.transforms.children import Lists
from augfuse.transforms.color import ColorJitter
from augfuse.transforms.crop import CenterCrop, RandomCrop
from augfuse.transforms.spatial import HorizontalFlip


@final
class Views(Transform, frozen=True, kw_only=True):
    """Several outputs of one image, each by its own list of transforms: `af.Views(a=[...], b=[...])`.

    It comes last. Each view gets the image as the transforms before it leave it, which are drawn once for all views;
    a view may end in Normalize. Views may differ in size. A batch has them as `batch.views["a"]`, each a Batch;
    `batch.images` are those of the first view. In evaluation each view becomes its evaluation form.
    """

    views: Annotated[Any, Lists("the lists of transforms, by the name of the view")]
    p: Annotated[float, Number("every image has every view", "", 1, 1)] = 1.0
    comes_last: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "counterpart"
    examples: ClassVar = (
        {"a": [RandomCrop(24), HorizontalFlip()], "b": [ColorJitter(), CenterCrop(40)]},
        {"corner": [RandomCrop(32)], "whole": []},
    )

    if TYPE_CHECKING:

        def __init__(self, **views: Sequence[Transform]) -> None: ...

    @classmethod
    def collected(cls, args: tuple[Any, ...], lists: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The fields of a call: its keyword arguments are the views, but for those of a copy."""
        pairs = lists.get("views")
        stored = isinstance(pairs, dict) or (is_tuple(pairs) and any(isinstance(pair, tuple) for pair in pairs))
        return args, lists if args or stored else {"views": lists}
