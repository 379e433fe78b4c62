"""The partners of mixes, once they are read: their images and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, final

import msgspec
import numpy as np

from augfuse.errors import DataError, ImageError, ImageTypeError, RecipeError
from augfuse.execute.batch_images import Images
from augfuse.plan.draw import Drawn, Node, replaced, with_params
from augfuse.plan.partners import Pool
from augfuse.plan.plan import Mixture, Plan
from augfuse.targets.masks_as_labels import warn_of_numbers
from augfuse.targets.roles import RecipeLike
from augfuse.targets.validate import Given
from augfuse.transforms.mix_base import Mix


@final
class Mate(NamedTuple):
    """Partners, one of each image that is mixed. labels, weights: (k, ...) and (k,), where there are any."""

    images: Images
    held: Given | None
    labels: np.ndarray | None
    weights: np.ndarray | None


Read: TypeAlias = Callable[[np.ndarray, np.ndarray], Mate]  # the samples at these places, for these images of the batch


@final
class Mates(NamedTuple):
    """By the path of each mix: the images that are mixed (k,), and their partners."""

    rows: Mapping[str, np.ndarray]
    of: Mapping[str, tuple[Mate, ...]]

    def take(self, chosen: np.ndarray) -> Mates:
        """The same for these images of the batch."""
        rows, found = {}, {}
        for path, own in self.rows.items():
            place = {row: j for j, row in enumerate(own.tolist())}
            both = [(i, place[row]) for i, row in enumerate(chosen.tolist()) if row in place]
            rows[path] = np.array([i for i, _ in both], np.int64)
            found[path] = tuple(_taken(mate, np.array([j for _, j in both], np.int64)) for mate in self.of[path])
        return Mates(rows, found)

    def images(self, name: str | None = None) -> dict[str, tuple[Images, ...]]:
        """Their images, or those of a further field."""
        if name is None:
            return {path: tuple(mate.images for mate in mates) for path, mates in self.of.items()}
        found: dict[str, tuple[Images, ...]] = {}
        for path, mates in self.of.items():
            found[path] = tuple(Images(items=mate.held.entries[name]) for mate in mates if mate.held is not None)
        return found

    def held(self) -> dict[str, tuple[Given | None, ...]]:
        """What belongs to them."""
        return {path: tuple(mate.held for mate in mates) for path, mates in self.of.items()}


def met(drawn: Drawn, images: Images, read: Read) -> tuple[Drawn, Mates]:
    """Read the partners that were drawn for the images; what was drawn then knows their sizes too."""
    rows: dict[str, np.ndarray] = {}
    found: dict[str, tuple[Mate, ...]] = {}
    params: dict[str, dict[str, np.ndarray]] = {}
    for node in drawn.walk():
        if not isinstance(node.transform, Mix):
            continue
        own = np.arange(len(drawn)) if node.active is None else np.flatnonzero(node.active)
        rows[node.path] = own
        places = node.params["partner"][own]
        mates = _read(node, places, own, drawn, images, read) if len(own) else ()
        found[node.path] = mates
        sizes = {name: node.params[name].copy() for name in ("height", "width")}
        for k, mate in enumerate(mates):
            sizes["height"][own, k], sizes["width"][own, k] = mate.images.canvas
        params[node.path] = sizes
    return with_params(drawn, params), Mates(rows, found)


def _read(
    node: Node, places: np.ndarray, rows: np.ndarray, drawn: Drawn, images: Images, read: Read
) -> tuple[Mate, ...]:
    k, partners = places.shape
    every = read(places.T.reshape(-1), np.tile(rows, partners))
    for j in range(len(every.images)):
        other = every.images[j]
        if other.dtype != images.dtype or other.shape[2] != images.channels:
            position, number = drawn.indices[rows[j % k]], int(places.T.reshape(-1)[j])
            raise ImageTypeError(
                f"{node.path}: the partner of sample {position}, sample {number}, is {other.dtype.name} with "
                f"{other.shape[2]} channel(s), wanted {images.dtype.name} with {images.channels} like the image. "
                "Convert the images alike."
            )
    return tuple(_taken(every, np.arange(p * k, (p + 1) * k)) for p in range(partners))


def _taken(mate: Mate, rows: np.ndarray) -> Mate:
    stack = mate.images.stack
    if stack is not None:
        images = Images(stack=stack, rows=mate.images.rows[rows])
    else:
        images = Images(items=[mate.images[row] for row in rows.tolist()])
    return Mate(
        images, None if mate.held is None else mate.held.take(rows),
        None if mate.labels is None else mate.labels[rows], None if mate.weights is None else mate.weights[rows],
    )  # fmt: skip


class Partners(Protocol):
    """A data set that partners are drawn from."""

    def __len__(self) -> int: ...
    def _partners(self, recipe: Any, own: np.ndarray) -> tuple[Pool, Read]: ...


def partners_of(
    data: Partners | None,
    recipe: RecipeLike,
    own: np.ndarray,
    use: str = "Use that one, and indices= the places of the images in it.",
) -> tuple[Pool | None, Read | None]:
    """What partners are drawn from for these places of a data set, and what reads them; None, None without one.
    ImageTypeError for what is not a data set, DataError for one that lacks these places. use: what to do then."""
    if data is None:
        return None, None
    if not callable(getattr(type(data), "_partners", None)):
        raise ImageTypeError(
            f"data: got {type(data).__name__}, wanted the data set that partners are drawn from. Use "
            "data=af.from_arrays(images, labels)."
        )
    if len(own) and own.max() >= len(data):
        raise DataError(
            f"data: got {len(data)} samples for an image at index {own.max()}, wanted the data set that the images are "
            f"of. {use}"
        )
    return data._partners(recipe, own)


def of_batch(images: Images, held: Given | None, labels: Any, weights: np.ndarray | None = None) -> Read:
    """Partners out of the batch itself."""

    def read(places: np.ndarray, rows: np.ndarray) -> Mate:
        own = Mate(images, held, None if labels is None else np.asarray(labels), weights)
        return _taken(own, places)

    return read


def filled(mate: Mate, places: np.ndarray, others: Mate) -> Mate:
    """Partners at these places among others, which stand where none could be read."""
    items = [others.images[j] for j in range(len(others.images))]
    held = others.held
    entries = {} if held is None else {name: list(found) for name, found in held.entries.items()}
    for j, place in enumerate(places.tolist()):
        items[place] = mate.images[j]
        for name, found in entries.items():
            assert mate.held is not None
            found[place] = mate.held.entries[name][j]
    labels, weights = (
        None if one is None or other is None else replaced(other, places, one)
        for one, other in ((mate.labels, others.labels), (mate.weights, others.weights))
    )
    held = None if held is None else msgspec.structs.replace(held, entries=entries)
    return Mate(Images(items=items), held, labels, weights)


def soft_labels(labels: Any, name: str | None) -> Any:
    """Labels as shares of classes, or as numbers whose means have a meaning. ImageTypeError for class numbers. name: of
    the transform that mixes them; None: they stay as they are."""
    if labels is None or name is None:
        return labels
    array = np.asarray(labels)
    if array.dtype.kind == "f":
        return array
    rows = array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "bui"
    if rows and (array.sum(axis=1) == 1).all():
        return array.astype(np.float32)
    hint = "Use af.Loader(..., one_hot=True), or np.eye(classes, dtype=np.float32)[labels]."
    if rows and array.size and array.min() >= 0 and array.max() <= 1:
        hint = "Where the columns are classes, of which an image has several, use labels.astype(np.float32)."
    elif array.ndim == 2 and array.shape[1] == 1:
        hint = "Use labels.ravel() with af.Loader(..., one_hot=True), or np.eye(classes)[labels.ravel()]."
    elif array.dtype.kind not in "bui":
        hint = "Words become class numbers by np.unique(labels, return_inverse=True)[1]; then use one_hot=True."
    raise ImageTypeError(
        f"labels: got {array.dtype} of shape {array.shape} for a recipe with {name}, wanted rows of shares (n, "
        f"classes) float32: an image that is mixed belongs to several classes. {hint}"
    )


def given_labels(labels: Any, name: str | None) -> Any:
    """`soft_labels` of what a user gave; a warning for what look like class numbers as floats."""
    found = soft_labels(labels, name)
    if found is not None and name is not None:
        warn_of_numbers(found, name)
    return found


def again(plan: Plan, images: Images, held: Given | None, labels: Any, read: Read | None) -> Mates | None:
    """The partners that a plan was made with, read again; None where it mixes nothing. RecipeError where they are those
    of a data set and `read` is None, ImageError where they have other sizes now."""
    if plan.before is None:
        return None
    if plan.drawn.of_data and read is None:
        raise RecipeError(
            "plan: got one that mixes images with others of a data set, wanted that too. Use recipe.replay(plan, "
            "images, data=data)."
        )
    drawn, mates = met(plan.drawn, images, (read if plan.drawn.of_data else None) or of_batch(images, held, labels))
    for node, same in zip(drawn.walk(), plan.drawn.walk(), strict=True):
        for name in ("height", "width") if node.path in mates.rows else ():
            rows = mates.rows[node.path]
            if (node.params[name][rows] != same.params[name][rows]).any():
                raise ImageError(f"{node.path}: the partners have other sizes than when the plan was made.")
    return mates


def softened(before: Mixture, values: np.ndarray, name: str, mates: Mates) -> np.ndarray:
    """Labels or weights behind a mix: the shares of the samples. name: "labels" or "weights"."""
    if before.own.before is not None:
        values = softened(before.own.before, values, name, mates)
    op = before.op
    if op.shares is None or not len(op.rows):
        return values
    out = np.array(values, np.float32 if values.dtype.itemsize <= 4 else values.dtype)
    shares = op.shares.reshape(*op.shares.shape, *[1] * (values.ndim - 1))
    mixed = shares[:, 0] * values[op.rows]
    for k, mate in enumerate(mates.of[op.path]):
        other = getattr(mate, name)
        if other is None or other.shape[1:] != values.shape[1:]:
            raise ImageError(
                f"{op.name}: a partner has no {name} like the image's, wanted them for every sample. Use "
                f"data.{'with_labels' if name == 'labels' else 'with_sample_weights'}({name})."
            )
        mixed = mixed + shares[:, k + 1] * other
    out[op.rows] = mixed
    return out
