"""The kind of transforms that makes one sample of several."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Choice
from augfuse.transforms.base import Params, Transform

Among: TypeAlias = Literal["any", "same_class", "other_class"]


_AMONG = Choice(
    "which samples a partner is drawn from",
    get_args(Among),
    elsewhere=(("same", "same_class"), ("other", "other_class"), ("different", "other_class"), ("all", "any")),
)


class Layout(NamedTuple):
    """How n pictures are made of several samples each: the image itself, then its partners, k in all.

    size: of the pictures. parts: (n, k, 4) int64 left, top, width and height of what each sample fills, later ones over
    earlier ones. matrices: for each sample (n, 3, 3) float64 from it to its part; None where it fills it as it is.
    weights: (n, k) how much of each sample is in every pixel, where they are blended.
    """

    size: Canvas
    parts: np.ndarray
    matrices: tuple[np.ndarray | None, ...]
    weights: np.ndarray | None = None


class Mix(Transform, frozen=True, kw_only=True):
    """Makes one sample of several: the image, and partners that are drawn from its data set, each as it stands before
    this transform, without earlier mixes. A barrier: the samples are finished, in the dtype of the source.

    Which partner it is becomes part of what is drawn, "partner" (n, partners), and its size, "height" and "width".
    """

    partner: Annotated[Among, _AMONG] = "any"

    partners: ClassVar[int] = 1
    # Whether pixels become means of several samples, and so floats.
    blends: ClassVar[bool] = False
    # Whether labels become shares of several classes.
    softens: ClassVar[bool] = True
    # Whether only the objects of a partner are taken, those of "objects" (n, ...) bool among what is drawn.
    takes_objects: ClassVar[bool] = False

    @property
    def surround(self) -> tuple[float, ...] | None:
        """The colour where no sample reaches; None: what the recipe's border mode says."""
        return None

    @abstractmethod
    def layout(self, params: Params, sizes: tuple[Canvas, ...]) -> Layout:
        """How n pictures are made, given what was drawn and the sizes of the image and of each partner."""
        ...

    def canvas(self, canvas: Canvas) -> Canvas:
        """The sizes that come out of images of these sizes."""
        return canvas
