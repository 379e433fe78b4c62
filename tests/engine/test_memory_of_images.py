"""The memory of decoded images is used again, and never that of an image that somebody still holds."""

from __future__ import annotations

import os
import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.codecs import image_memory as codec_memory
from augfuse.data.codecs.image_memory import memory
from children import fork, in_clean_process


def jpeg(seed: int, height: int, width: int) -> bytes:
    stream = BytesIO()
    small = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    Image.fromarray(small).resize((width, height)).save(stream, "JPEG")
    return stream.getvalue()


FILES = [jpeg(seed, 200 + 8 * (seed % 5), 240 + 16 * (seed % 3)) for seed in range(15)]


def same(found: np.ndarray, raw: bytes) -> bool:
    return np.array_equal(found, np.asarray(Image.open(BytesIO(raw))))


@pytest.mark.parametrize("part", [lambda a: a, lambda a: a[5:], lambda a: memoryview(a), lambda a: a[..., 0].T])
def test_what_is_held_is_never_overwritten(part: object) -> None:
    assert callable(part)
    held, copies = [], []
    for k in range(400):
        image = af.decode(FILES[k % len(FILES)])
        if k % 3 == 0 and len(held) < 60:
            held.append(part(image))
            copies.append(np.array(part(image)))
    for view, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(np.asarray(view), copy)


def test_memory_that_nobody_holds_is_handed_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_memory, "_kept", codec_memory._Kept())
    held = [memory(200_000) for _ in range(3)]
    places = {one.ctypes.data for one in held}
    assert len(places) == 3
    held.clear()
    again = [memory(200_000) for _ in range(40)]
    assert places <= {one.ctypes.data for one in again}
    assert len({one.ctypes.data for one in again}) == 40


@pytest.mark.parametrize("size", [0, 10, 65_535, 65_536, 2**21, 2**21 + 1])
def test_every_size_is_as_asked_for_and_not_much_larger(size: int) -> None:
    found = memory(size)
    assert found.shape == (size,) and found.dtype == np.uint8 and found.flags.writeable
    largest = found if found.base is None else found.base
    assert largest.nbytes <= max(2 * size, size + 4096)


def test_threads_do_not_share_an_image() -> None:
    wrong: list[int] = []

    def work(first: int) -> None:
        for k in range(60):
            numbers = [(first + k + j) % len(FILES) for j in range(3)]
            found = [af.decode(FILES[number]) for number in numbers]
            if not all(same(image, FILES[number]) for image, number in zip(found, numbers, strict=True)):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@in_clean_process
def test_a_fork_has_memory_of_its_own() -> None:
    image = af.decode(FILES[0])
    child = fork()
    if child == 0:
        os._exit(0 if same(af.decode(FILES[1]), FILES[1]) and same(image, FILES[0]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
