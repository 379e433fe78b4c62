"""What is said, once in a process, where a defect of Keras is mended while somebody's code runs."""

from __future__ import annotations

from augfuse.warn_once import warn_first


def notice(subject: str, message: str) -> None:
    """Give `message` as an AugfuseWarning, the first time in this process that `subject` is named.

    `message` says what differs from Keras; how to get Keras' behaviour back is added to it.
    """
    keras = 'For what Keras does pass compat="strict"; every difference is in docs/imagedatagenerator.md.'
    warn_first(subject, f"{message} {keras}")
