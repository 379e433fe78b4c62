"""`next` of a file iterator computes ahead: the same batches, no thread for somebody who looks at one."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable

import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.keras.protocol import Following


class Batches:
    """Six batches an epoch, named after their place; `broken` ones raise. Notes how each was computed."""

    def __init__(self, broken: int = -1) -> None:
        self.broken = broken
        self.asked: list[tuple[str, int, int]] = []

    def __len__(self) -> int:
        return 6

    def fetch(self, epoch: int, step: int) -> tuple[int, int]:
        return self._made("fetched", epoch, step)

    def stream(self, epoch: int, steps: Iterable[int]) -> Generator[tuple[int, int], None, None]:
        for step in steps:
            yield self._made("streamed", epoch, step)

    def _made(self, how: str, epoch: int, step: int) -> tuple[int, int]:
        self.asked.append((how, epoch, step))
        if step == self.broken:
            raise ValueError("broken")
        return epoch, step


def test_the_first_batch_is_computed_alone_and_the_rest_of_the_epoch_ahead() -> None:
    batches = Batches()
    following = Following(batches)
    assert [following.get(e, s) for e in (0, 1) for s in range(6)] == [(e, s) for e in (0, 1) for s in range(6)]
    assert [how for how, _, _ in batches.asked] == ["fetched", *["streamed"] * 5] * 2


def test_a_jump_ends_what_was_computed_ahead() -> None:
    batches = Batches()
    following = Following(batches)
    asked = [(0, 0), (0, 1), (0, 4), (0, 5), (1, 0), (3, 2), (3, 2)]
    assert [following.get(*place) for place in asked] == asked
    assert [how for how, _, _ in batches.asked] == [
        "fetched", "streamed", "fetched", "streamed", "fetched", "fetched", "fetched",
    ]  # fmt: skip


def test_an_error_is_that_of_its_batch_and_the_next_one_comes() -> None:
    following = Following(Batches(broken=2))
    found: list[object] = []
    for step in range(6):
        try:
            found.append(following.get(0, step))
        except ValueError as error:
            found.append(str(error))
    assert found == [(0, 0), (0, 1), "broken", (0, 3), (0, 4), (0, 5)]


def test_threads_get_the_batches_they_ask_for() -> None:
    following, found = Following(Batches()), []

    def work(step: int) -> None:
        found.append(following.get(0, step) == (0, step))

    threads = [threading.Thread(target=work, args=(step,)) for step in (3, 1, 0, 5, 2, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6
