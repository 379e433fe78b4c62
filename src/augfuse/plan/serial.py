"""Plans as bytes: the recipe's transforms, what was drawn for them, and what the images are; the rest follows.

Reading checks everything before it is used: a digest over all of it, the version, the transforms as recipe files are
read, how much memory the plan takes, and each array against what its transform draws there. The stored draws are the
ones that are used: another platform's exp and log may differ in their last bit. Nothing is imported or run by reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import LONGEST_SIDE
from augfuse.algebra.values import is_bytes
from augfuse.errors import AugfuseError, RecipeError
from augfuse.plan.draw import Drawn, Node, draw
from augfuse.plan.make_plan import checked, make
from augfuse.plan.plan import Plan, told
from augfuse.plan.settings import Settings, Source
from augfuse.text import shown
from augfuse.transforms.base import Compose, Seeking, Transform
from augfuse.transforms.children import check_ends, leaves
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.serial.plain_data import transform_to_dict, transforms_from_list

MAGIC = b"augfuse-plan\n"
VERSION = 1
MOST_BYTES = 2**28  # 256 MB: a plan of 100 000 images and 30 transforms has 60
MOST_CELLS = 2**22  # images x (transforms and channels): each takes some 300 bytes, 1.2 GB at most
MOST_CHANNELS = 2**16
_DIGEST = 16
_OVERHEAD = 64  # what a transform takes besides its arrays, in images
_CLOSE = 1e-9
# What is drawn and follows from data too, by kind: the least and the largest value.
_FOUND: dict[type, dict[str, tuple[int | tuple[int, ...], int]]] = {
    Seeking: {"part": ((-LONGEST_SIDE, -LONGEST_SIDE, 0, 0), LONGEST_SIDE)},
    Mix: {"partner": (0, 2**63 - 1), "height": (0, LONGEST_SIDE), "width": (0, LONGEST_SIDE)},
}
_DTYPES = {"bool": np.bool_, "int64": np.int64, "uint64": np.uint64, "float64": np.float64}
_IMAGES = {"uint8": np.uint8, "uint16": np.uint16, "float32": np.float32}
_OUTPUTS = {**_IMAGES, "float16": np.float16}


@final
class _Array(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data: bytes


@final
class _Node(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    path: str
    active: _Array | None
    params: dict[str, _Array]


@final
class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    transforms: list[Any]
    settings: Settings
    seed: int
    epoch: int
    indices: _Array
    height: _Array
    width: _Array
    channels: int
    images: str
    output: str | None
    view: str | None
    nodes: list[_Node]
    of_data: bool = False


def to_bytes(plan: Plan) -> bytes:
    """The plan as bytes. RecipeError for a Lambda whose function has no name, and for more than can be read again."""
    drawn, images = plan.drawn, plan.given
    _check_cells(len(drawn), plan.channels, drawn.transforms)
    stored = _Stored(
        version=VERSION,
        transforms=[transform_to_dict(transform) for transform in drawn.transforms],
        settings=plan.settings,
        seed=drawn.seed,
        epoch=drawn.epoch,
        indices=_packed(drawn.indices),
        height=_packed(images.canvas.height),
        width=_packed(images.canvas.width),
        channels=images.channels,
        images=images.dtype.name,
        output=None if plan.dtype is None else plan.dtype.name,
        view=None if plan.views else plan.view,
        nodes=[
            _Node(
                node.path,
                None if node.active is None else _packed(node.active),
                {name: _packed(values) for name, values in node.params.items()},
            )
            for node in drawn.walk()
        ],
        of_data=drawn.of_data,
    )
    body = msgspec.msgpack.encode(stored)
    return MAGIC + blake2b(body, digest_size=_DIGEST).digest() + body


def from_bytes(data: Any) -> Plan:
    """The inverse of `to_bytes`; RecipeError where it is not one."""
    if not is_bytes(data):
        raise RecipeError(f"plan: got {type(data).__name__}, wanted the bytes of plan.to_bytes().")
    if len(data) > MOST_BYTES:
        raise RecipeError(f"plan: got {len(data):,} bytes, wanted at most {MOST_BYTES:,}.")
    data = bytes(data)
    head, body = data[: len(MAGIC)], data[len(MAGIC) + _DIGEST :]
    if head != MAGIC:
        raise RecipeError(f"plan: got bytes that begin with {shown(head)}, wanted those of plan.to_bytes().")
    if blake2b(body, digest_size=_DIGEST).digest() != data[len(MAGIC) : len(MAGIC) + _DIGEST]:
        raise RecipeError("plan: the bytes are cut or damaged. Write them again, with plan.to_bytes().")
    try:
        version = msgspec.msgpack.decode(body, type=dict[str, msgspec.Raw])["version"]
        version = msgspec.msgpack.decode(version)
        if version != VERSION:
            raise RecipeError(f"plan: got version {shown(version)}, wanted {VERSION}. Use the augfuse that wrote it.")
        return _rebuilt(msgspec.msgpack.decode(body, type=_Stored))
    except AugfuseError:
        raise
    # Whoever makes a digest of his own can hold anything in it: a field of another type, an index out of range.
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise RecipeError(
            f"plan: the bytes do not hold a plan ({error}). Write them again, with plan.to_bytes()."
        ) from None


def _rebuilt(stored: _Stored) -> Plan:
    transforms = transforms_from_list(stored.transforms, "plan.transforms")
    check_ends("plan.transforms", transforms)
    indices = _array(stored.indices)
    n = len(indices)
    height, width = _array(stored.height, n), _array(stored.width, n)
    sides = np.concatenate([height, width])
    if not n or indices.min() < 0 or sides.min() < 1 or sides.max() > LONGEST_SIDE:
        raise ValueError("no images, or sizes or positions out of range")
    if not (1 <= stored.channels <= MOST_CHANNELS and 0 <= stored.seed < 2**64 and 0 <= stored.epoch < 2**63):
        raise ValueError("channels, a seed or an epoch out of range")
    _check_cells(n, stored.channels, transforms)
    _check_settings(stored.settings)
    form = draw(transforms, stored.seed, stored.epoch, indices)
    drawn = _with_values(form, stored, n)
    images = Source(Canvas(height, width), stored.channels, np.dtype(_IMAGES[stored.images]))
    output = None if stored.output is None else np.dtype(_OUTPUTS[stored.output])
    if output not in (None, images.dtype, np.float32, np.float16):
        raise ValueError(f"{images.dtype} images that come out as {output}")
    plan = make(drawn, stored.settings, images, output)
    return checked(plan if stored.view is None else dict(plan.views)[stored.view])


def _check_cells(n: int, channels: int, transforms: Sequence[Transform]) -> None:
    views = [children for transform in transforms for _, children in getattr(transform, "views", ())]
    each = _cells_of(transforms) + sum(_cells_of((*transforms[:-1], *children)) for children in views)
    if (n + _OVERHEAD) * (each + channels * max(1, len(views))) > MOST_CELLS:
        raise RecipeError(
            f"plan: got {n:,} images with {each:,} transforms and {channels:,} channels, wanted at most {MOST_CELLS:,} "
            "in all, images times the rest, where a field counts as many transforms. Write plans of smaller batches."
        )


def _cells_of(transforms: Sequence[Transform]) -> int:
    """The memory that a list of transforms takes: each partner of a mix passes those before it again."""
    total = 0
    for transform in transforms:
        partners = sum(one.partners for one in leaves((transform,)) if isinstance(one, Mix))
        total += _cells(transform) + partners * (total + _cells(transform))
    return total


def _cells(transform: Transform) -> int:
    """The memory that a transform takes, in each image, in that of one which draws a few numbers."""
    if not isinstance(transform, Compose):
        return transform.cells
    return transform.places * sum(_cells(branch) for _, branch in transform.branches(0))


def _check_settings(settings: Settings) -> None:
    low, high = settings.value_range or (0.0, 1.0)
    numbers = (*settings.fill_value, low, high)
    if not settings.fill_value or not all(map(math.isfinite, numbers)) or not low < high:
        raise ValueError("settings that no recipe has")


def _with_values(form: Drawn, stored: _Stored, n: int) -> Drawn:
    nodes = stored.nodes
    if len(nodes) != sum(1 for _ in form.walk()):
        raise ValueError("more or fewer draws than transforms")
    left = iter(nodes)
    return msgspec.structs.replace(form.mapped(lambda node: _node(node, left, n)), of_data=stored.of_data)


def _node(form: Node, left: Iterator[_Node], n: int) -> Node:
    stored = next(left)
    if stored.path != form.path or set(stored.params) != set(form.params):
        raise ValueError(f"draws of {shown(stored.path)} in the place of {form.path}")
    found = _FOUND.get(next((kind for kind in _FOUND if isinstance(form.transform, kind)), type(None)), {})
    params = {
        name: _whole(stored.params[name], values.shape, *found[name])
        if name in found
        else _like(stored.params[name], values)
        for name, values in form.params.items()
    }
    active = None if stored.active is None else _like(stored.active, np.zeros(n, bool))
    children = tuple(_node(child, left, n) for child in form.children)
    turns = form.transform.turns(params) if isinstance(form.transform, Compose) else ()
    return Node(form.path, form.transform, active, params, children, turns)


def _packed(array: np.ndarray) -> _Array:
    array = np.ascontiguousarray(array)
    return _Array(array.dtype.name, array.shape, array.astype(array.dtype.newbyteorder("<")).tobytes())


def _array(stored: _Array, n: int | None = None) -> np.ndarray:
    """(n,) int64."""
    array = np.frombuffer(stored.data, np.dtype(_DTYPES[stored.dtype]).newbyteorder("<")).reshape(stored.shape)
    if array.ndim != 1 or array.dtype.kind != "i" or (n is not None and len(array) != n):
        raise ValueError(f"an array {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)


def _whole(stored: _Array, shape: tuple[int, ...], low: int | tuple[int, ...], high: int) -> np.ndarray:
    """int64 of this shape within low..high, low one for all or for each column: what follows from data, which is not
    kept."""
    if stored.dtype != "int64" or stored.shape != shape:
        raise ValueError(f"numbers {stored.dtype} of shape {stored.shape}, wanted int64 of {shape}")
    array = np.frombuffer(stored.data, "<i8").reshape(shape).astype(np.int64)
    if (array < low).any() or (array > high).any():
        raise ValueError("numbers out of range")
    return array


def _like(stored: _Array, form: np.ndarray) -> np.ndarray:
    """The stored array, which has the dtype and shape of `form`, what is drawn here. Whether a transform acts may also
    follow from labels, which are not kept; all other values are those of `form`.
    """
    array = np.frombuffer(stored.data, np.dtype(_DTYPES[stored.dtype]).newbyteorder("<")).reshape(stored.shape)
    array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype != form.dtype or array.shape != form.shape:
        raise ValueError(f"an array {array.dtype} of shape {array.shape}, wanted {form.dtype} of {form.shape}")
    same = np.allclose(array, form, _CLOSE, _CLOSE) if form.dtype.kind == "f" else np.array_equal(array, form)
    if form.dtype.kind != "b" and not same:
        raise ValueError("draws that belong to another seed or position")
    return array


told(to_bytes=to_bytes, from_bytes=from_bytes)
