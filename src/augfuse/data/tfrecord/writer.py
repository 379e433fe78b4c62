"""Writing a data set as TFRecord files of `tf.train.Example` messages."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from augfuse.data.dataset import DataSet
from augfuse.data.export.losses import Losses
from augfuse.data.export.sample_files import Picture, blocks, pictures
from augfuse.data.tfrecord import objects
from augfuse.data.tfrecord.example import Value, encode, features
from augfuse.data.tfrecord.framing import Writer, records
from augfuse.data.tfrecord.source import CLASSES
from augfuse.errors import DataError
from augfuse.outputs import State, is_empty

_MARK = "augfuse/written"


def write_tfrecord(
    data: DataSet, file: BinaryIO, progress: Callable[[int], None], *, packed: bool = False, threads: int = 1
) -> None:
    """One message for each sample, in order: image/encoded (its file as it is, or a PNG), image/format, image/height,
    image/width, image/channels; image/filename where it has one; image/class/label, and image/class/text where classes
    have names; group where samples have groups; what belongs to places in the image as `objects` says; an
    AugfuseWarning counts what TFRecord does not hold. progress: called with the number of samples done.

    Raises DecodeError for an image that cannot be read, ImageError for one that no PNG holds.
    """
    writer = Writer(file, packed=packed)
    losses = Losses("TFRecord")
    losses.begin(data, objects.HELD, of_images=True)
    for positions in blocks(data):
        for i, picture in zip(positions.tolist(), pictures(data, positions, threads), strict=True):
            values = _values(data, i, picture)
            if i == 0:
                values[_MARK] = b"augfuse convert"
                if data.table.targets and data.classes is not None:
                    values[CLASSES] = [name.encode("utf-8", "surrogateescape") for name in data.classes]
            writer.write(encode(values))
        progress(len(positions))
    writer.close()
    losses.report(data)


def _values(data: DataSet, i: int, picture: Picture) -> dict[str, Value]:
    values: dict[str, Value] = {
        "image/encoded": picture.raw,
        "image/format": picture.format.lower().encode(),
        "image/height": picture.stored.height,
        "image/width": picture.stored.width,
        "image/channels": picture.channels,
    }
    names = data.store.names
    if names is not None:
        folder = data.store.folder
        name = names[int(data.rows[i])]
        shown = os.path.basename(name) if folder is None else name[len(folder) + 1 :].replace("\\", "/")  # noqa: PTH119
        values["image/filename"] = shown.encode("utf-8", "surrogateescape")
    if data.labels is not None:
        label = data.labels[i]
        if data.labels.ndim == 1 and data.labels.dtype.kind in "iu":
            values["image/class/label"] = int(label)
            if data.classes is not None and data.labels.dtype.kind == "i":
                values["image/class/text"] = data.classes[int(label)].encode("utf-8", "surrogateescape")
        else:
            label = np.atleast_1d(label).ravel()
            values["image/class/label"] = label.astype(np.float32 if label.dtype.kind == "f" else np.int64)
    if data.groups is not None:
        values["group"] = str(data.groups[i]).encode("utf-8", "surrogateescape")
    if not picture.targets:
        return values
    return values | objects.features_of(picture.targets, picture.size, data.classes)


def tfrecord_state(path: Path) -> State:
    """Whether a file was written by `augfuse convert`."""
    try:
        found = next((_MARK in features(raw) for _, raw in records(path)), False)
    except DataError:
        found = False
    return State.OURS if found or is_empty(path) else State.FOREIGN
