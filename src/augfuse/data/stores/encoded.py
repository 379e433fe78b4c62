"""Encoded images out of anything that gives their bytes, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from augfuse.data.batches.batch_array import Room
from augfuse.data.decoding.decode import Color, decode
from augfuse.data.decoding.decode_many import Into, plain_images
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read, read_one
from augfuse.errors import DecodeError
from augfuse.threads import share

MANY = 4  # files from which on it pays to look for plain ones
_AT_ONCE = 32  # files that are in memory at a time, for each thread, unless one of the last ones was large
_LARGE = 2**18  # bytes


def read_encoded(
    get: Callable[[int, int], Sequence[bytes | DecodeError]],
    count: int,
    threads: int,
    color: Color | None,
    path: Callable[[int], str | None],
    called: Callable[[int], str] | None = None,
    room: Room | None = None,
) -> list[Read]:
    """The images of `count` files, by up to `threads` threads, this one included.

    get: the files start..stop; for one that cannot be read, why. path: that of a sample. called: what messages call it
    where that is not its path. room: where pixels go if they can.
    """
    found: list[Any] = [None] * count
    by_name = called or path

    def decoded(raw: bytes, place: int) -> Sample:
        return Sample(decode(raw, color=color, path=by_name(place)), None, path(place))

    def some(start: int, stop: int) -> None:
        first, step = start, MANY
        while first < stop:
            raws = get(first, min(first + step, stop))
            files = [None if isinstance(raw, DecodeError) else raw for raw in raws]
            pixels = [one for few in plain_images(files, color, Into(room=room, first=first)) for one in few.images]
            for place, (raw, image) in enumerate(zip(raws, pixels, strict=True), first):
                if isinstance(raw, DecodeError):
                    found[place] = raw
                elif image is not None:
                    found[place] = Sample(image, None, path(place))
                else:
                    found[place] = read_one(partial(decoded, raw), place)
            first += len(raws)
            step = _AT_ONCE if max(len(raw or b"") for raw in files) <= _LARGE else 1

    share(some, count, threads)
    return found
