"""Writing a data set as TFRecord files of `tf.train.Example` messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from augfuse.data.codecs.encode import encoded
from augfuse.data.dataset import DataSet
from augfuse.data.decode import sniff
from augfuse.data.tfrecord.example import Value, encode, features
from augfuse.data.tfrecord.records import Writer, records
from augfuse.errors import DataError, DecodeError
from augfuse.outputs import State, is_empty

_MARK = "augfuse/written"
_AT_ONCE = 64


def write_tfrecord(
    data: DataSet, file: BinaryIO, progress: Callable[[int], None], *, packed: bool = False, threads: int = 1
) -> None:
    """One message for each sample, in order: image/encoded (its file as it is, or a PNG), image/format, image/height,
    image/width, image/channels; image/filename where it has one; image/class/label, and image/class/text where classes
    have names; group where samples have groups. progress: called with the number of samples done.

    Raises DecodeError for an image that cannot be read, ImageError for one that no PNG holds.
    """
    writer = Writer(file, packed=packed)
    for start in range(0, len(data), _AT_ONCE):
        positions = np.arange(start, min(start + _AT_ONCE, len(data)))
        if data.store.keeps_files:
            raws = [data.raw(i) for i in positions.tolist()]
        else:
            samples = data.read(positions, threads)
            failed = next((sample for sample in samples if isinstance(sample, DecodeError)), None)
            if failed is not None:
                raise failed
            raws = [
                encoded(sample.image, "png", f"sample {i}")
                for i, sample in zip(positions.tolist(), samples, strict=True)
                if not isinstance(sample, DecodeError)
            ]
        for i, raw in zip(positions.tolist(), raws, strict=True):
            values = _values(data, i, raw)
            if i == 0:
                values[_MARK] = [b"augfuse convert"]
            writer.write(encode(values))
        progress(len(positions))
    writer.close()


def _values(data: DataSet, i: int, raw: bytes) -> dict[str, Value]:
    try:
        header = sniff(raw)
    except DecodeError as error:
        raise DecodeError(error.reason, None if data.paths is None else data.paths[i]) from None
    values: dict[str, Value] = {
        "image/encoded": [raw],
        "image/format": [header.format.lower().encode()],
        "image/height": np.array([header.height]),
        "image/width": np.array([header.width]),
        "image/channels": np.array([header.channels]),
    }
    names = data.store.names
    if names is not None:
        folder = data.store.folder
        name = names[int(data.rows[i])]
        shown = Path(name).name if folder is None else name[len(folder) + 1 :].replace("\\", "/")
        values["image/filename"] = [shown.encode("utf-8", "surrogateescape")]
    if data.labels is not None:
        label = np.atleast_1d(data.labels[i]).ravel()
        values["image/class/label"] = label.astype(np.float32 if label.dtype.kind == "f" else np.int64)
        if data.classes is not None and data.labels.ndim == 1 and label.dtype.kind == "i":
            values["image/class/text"] = [data.classes[int(label[0])].encode("utf-8", "surrogateescape")]
    if data.groups is not None:
        values["group"] = [str(data.groups[i]).encode("utf-8", "surrogateescape")]
    return values


def tfrecord_state(path: Path) -> State:
    """Whether a file was written by `augfuse convert`."""
    try:
        found = next((_MARK in features(raw) for _, raw in records(path)), False)
    except DataError:
        found = False
    return State.OURS if found or is_empty(path) else State.FOREIGN
